"""Which wish counts: the order of design.md 9, with every step told. Import-light."""

from __future__ import annotations

from pyman.core.record import record
from pyman.core.request import Request, parse_request
from pyman.core.version import VARIANT_SUFFIX
from pyman.errors import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ARGUMENT = "--python"
ENVIRONMENT = "PYMAN_PYTHON"
DEFAULT = "the default"
NEWEST = "the newest installed"
PROGRAM = "the program's name"
PYPROJECT_KEY = "requires-python"


@record
class Wish:
    """What one place asks for. Several words are alternatives: the first that is installed wins."""

    source: str
    """`--python`, `PYMAN_PYTHON`, a file's path, `the default`."""
    words: tuple[str, ...]
    lines: tuple[int, ...] = ()
    """For a version file: the line that each word stands on."""
    key: str = ""
    """For a file of many keys: the one that asks."""


@record
class Selection:
    """The wish that counts."""

    request: Request
    source: str
    missing: tuple[Request, ...] = ()
    """The alternatives that are not on this machine."""


def select(wishes: list[Wish], is_there: Callable[[Request], bool]) -> Selection:
    """Take the first place that asks for anything; with nobody asking, the newest installed.

    `is_there` says whether a request has an answer on this machine.

    Raises BadRequest, with status 1 and the file's name where a file is not understood.
    """
    for wish in wishes:
        if wish.words:
            return _first_there(requests_of(wish), wish.source, is_there)
    return Selection(Request("latest", "latest"), NEWEST)


def _first_there(requests: tuple[Request, ...], source: str, is_there: Callable[[Request], bool]) -> Selection:
    for index, request in enumerate(requests):
        if is_there(request):
            return Selection(request, source, requests[:index])
    return Selection(requests[0], source, requests[1:])


def requests_of(wish: Wish) -> tuple[Request, ...]:
    """Everything that one place asks for; all of it must be understood, or none of it counts."""
    return tuple(_parse(wish, index) for index in range(len(wish.words)))


def select_for_program(wishes: list[Wish], minor: str, is_there: Callable[[Request], bool]) -> Selection:
    """The wish that counts for a program like `python3.11`, whose name carries its minor.

    What the first place says about that minor; else the system's, where it names the system; else the minor itself,
    so that a file which names 3.11.2 never leads to another 3.11. A path counts: only who looks knows its minor.
    """
    for wish in wishes:
        if not wish.words:
            continue
        requests = requests_of(wish)
        same = tuple(request for request in requests if request.kind == "path" or _minor_of(request) == minor)
        if same:
            return _first_there(same, wish.source, is_there)
        system = next((request for request in requests if request.kind == "system"), None)
        if system is not None and is_there(system):
            return Selection(system, wish.source)
        break
    return named_by_program(minor)


def named_by_program(minor: str) -> Selection:
    """The wish that a program's name is, where nobody says more about its minor."""
    return Selection(parse_request(minor), PROGRAM)


def _minor_of(request: Request) -> str | None:
    if request.kind != "release" or len(request.numbers) < 2:
        return None
    return f"{request.numbers[0]}.{request.numbers[1]}{VARIANT_SUFFIX[request.variant]}"


def _parse(wish: Wish, index: int) -> Request:
    try:
        request = parse_request(wish.words[index])
    except BadRequest as error:
        if wish.source == ARGUMENT:
            raise
        raise BadRequest(f"{_place(wish, index)}: {error.message}", hint=error.hint, exit_status=1) from None
    if request.kind == "path" and (wish.lines or wish.key):
        # A path in a file would be code that runs because somebody entered a folder.
        raise BadRequest(
            f"{_place(wish, index)}: `{wish.words[index]}` is a path", hint="write a version there", exit_status=1
        )
    return request


def _place(wish: Wish, index: int) -> str:
    if wish.lines:
        return f"{wish.source}, line {wish.lines[index]}"
    return f"{wish.source}, {wish.key}" if wish.key else wish.source
