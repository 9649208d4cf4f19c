"""Which version source counts: the order of design.md 9, every step of which can be shown. Import-light."""

from __future__ import annotations

from pyman.core.implementation import alias_name
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
ACTIVE_VENV = "the active venv"
PYPROJECT_KEY = "requires-python"


@record
class VersionSource:
    """What one place asks for. Several words are alternatives: the first that is installed wins."""

    name: str
    """`--python`, `PYMAN_PYTHON`, a file's path, `the default`."""
    words: tuple[str, ...]
    lines: tuple[int, ...] = ()
    """For a version file: the line that each word stands on."""
    key: str = ""
    """For a file of many keys: the one that asks."""


@record
class Selection:
    """The version source that counts."""

    request: Request
    source: str
    missing: tuple[Request, ...] = ()
    """The alternatives that are not on this machine."""


def select(sources: list[VersionSource], is_there: Callable[[Request], bool]) -> Selection:
    """Take the first place that asks for anything; with nobody asking, the newest installed.

    `is_there` says whether a request has an answer on this machine.

    Raises BadRequest, with status 1 and the file's name where a file is not understood.
    """
    for source in sources:
        if source.words:
            return _first_there(requests_of(source), source.name, is_there)
    return Selection(Request("latest", "latest"), NEWEST)


def _first_there(requests: tuple[Request, ...], source: str, is_there: Callable[[Request], bool]) -> Selection:
    for index, request in enumerate(requests):
        if is_there(request):
            return Selection(request, source, requests[:index])
    return Selection(requests[0], source, requests[1:])


def requests_of(source: VersionSource) -> tuple[Request, ...]:
    """Everything that one place asks for; all of it must be understood, or none of it counts."""
    return tuple(_parse(source, index) for index in range(len(source.words)))


def select_for_program(sources: list[VersionSource], minor: str, is_there: Callable[[Request], bool]) -> Selection:
    """The version source that counts for a program like `python3.11`, whose name carries its minor.

    What the first place says about that minor; else the system's, where it names the system; else the minor itself,
    so that a file which names 3.11.2 never leads to another 3.11. A path counts: only who looks knows its minor.
    """
    for source in sources:
        if not source.words:
            continue
        requests = requests_of(source)
        same = tuple(request for request in requests if request.kind == "path" or _minor_of(request) == minor)
        if same:
            return _first_there(same, source.name, is_there)
        system = next((request for request in requests if request.kind == "system"), None)
        if system is not None and is_there(system):
            return Selection(system, source.name)
        break
    return named_by_program(minor)


def named_by_program(minor: str) -> Selection:
    """The selection that a program's name makes, where no source says more about its minor."""
    return Selection(parse_request(minor), PROGRAM)


def _minor_of(request: Request) -> str | None:
    if request.kind != "release" or len(request.numbers) < 2:
        return None
    minor = f"{request.numbers[0]}.{request.numbers[1]}{VARIANT_SUFFIX[request.variant]}"
    return alias_name(request.implementation, minor)


def _parse(source: VersionSource, index: int) -> Request:
    try:
        request = parse_request(source.words[index])
    except BadRequest as error:
        if source.name == ARGUMENT:
            raise
        raise BadRequest(f"{_place(source, index)}: {error.message}", hint=error.hint, exit_status=1) from None
    if request.kind == "path" and (source.lines or source.key):
        # A path in a file would be code that runs because somebody entered a folder.
        raise BadRequest(
            f"{_place(source, index)}: `{source.words[index]}` is a path", hint="write a version there", exit_status=1
        )
    return request


def _place(source: VersionSource, index: int) -> str:
    if source.lines:
        return f"{source.name}, line {source.lines[index]}"
    return f"{source.name}, {source.key}" if source.key else source.name
