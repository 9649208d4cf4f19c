"""Which wish counts: the order of DESIGN 9, with every step told. Hot."""

from __future__ import annotations

from pyman.core.record import record
from pyman.core.request import Request, parse_request
from pyman.core.runtime import choose
from pyman.errors import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.runtime import Store

ARGUMENT = "--python"
ENVIRONMENT = "PYMAN_PYTHON"
DEFAULT = "the default"
NEWEST = "the newest installed"
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
    """Alternatives that stood before it and are not installed."""


def select(wishes: list[Wish], store: Store) -> Selection:
    """Take the first place that asks for anything; with nobody asking, the newest installed.

    Raises BadRequest, with status 1 and the file's name where a file is not understood.
    """
    for wish in wishes:
        if wish.words:
            return _first_installed(wish, store)
    return Selection(Request("latest", "latest"), NEWEST)


def _first_installed(wish: Wish, store: Store) -> Selection:
    requests = [_parse(wish, index) for index in range(len(wish.words))]
    for index, request in enumerate(requests):
        if request.kind in ("system", "path") or choose(store, request) is not None:
            return Selection(request, wish.source, tuple(requests[:index]))
    return Selection(requests[0], wish.source)


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
