"""What one version source asks for, and that the first that asks wins; app/version_source_order.py has their order.

Import-light.
"""

from __future__ import annotations

from pyman.core.immutable import record
from pyman.core.implementation import alias_name
from pyman.core.request import NAMES, Request, parse_request
from pyman.core.version import VARIANT_SUFFIX
from pyman.core.version_files import split_pyenv_name
from pyman.errors import BadRequest, Unavailable

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
    """For a version file: the line that each word stands on; 0 where that is not known."""
    key: str = ""
    """For a file of many keys: the one that asks."""
    owner: str = ""
    """Who else's file it is: a name or a number; empty for the user's own and root's."""

    @property
    def is_file(self) -> bool:
        """True for a file of a project."""
        return bool(self.lines or self.key)


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
            return _first_there(requests_of(source, is_there), source.name, is_there)
    return Selection(Request("latest", "latest"), NEWEST)


def _first_there(requests: tuple[Request, ...], source: str, is_there: Callable[[Request], bool]) -> Selection:
    for index, request in enumerate(requests):
        if is_there(request):
            return Selection(request, source, requests[:index])
    # None is there: the first that could be installed is what is missing.
    first = next((request for request in requests if request.kind != "other"), requests[0])
    return Selection(first, source, tuple(request for request in requests if request != first))


def requests_of(source: VersionSource, is_there: Callable[[Request], bool]) -> tuple[Request, ...]:
    """What one place asks for. Of a file, what names a Python that pyman never has is passed over where others remain.

    Raises BadRequest for what is not understood, unless something before it is there: then it ends the list.
    """
    requests: list[Request] = []
    unavailable: BadRequest | None = None
    for index in range(len(source.words)):
        try:
            request = _parse(source, index, is_there)
        except Unavailable as error:
            unavailable = unavailable or error
            continue
        except BadRequest:
            if any(map(is_there, requests)):
                break
            raise
        _refuse_path(request, source, index)
        requests.append(request)
    if unavailable is not None and not requests:
        raise unavailable
    return tuple(requests)


def select_for_program(
    sources: list[VersionSource], minor: str, is_there: Callable[[Request], bool], implementation: str = ""
) -> Selection:
    """The version source that counts for a program like `python3.11`, whose name carries its minor.

    For `pypy3`, `minor` is empty, and the name carries the `implementation`.

    What the first place says about that minor; else the system's, where it names the system; else the minor itself,
    so that a file which names 3.11.2 never leads to another 3.11. A path counts: only who looks knows its minor.
    """
    for source in sources:
        if not source.words:
            continue
        requests = requests_of(source, is_there)
        same = tuple(one for one in requests if one.kind in _PLACES or _is_meant(one, minor, implementation))
        if same:
            return _first_there(same, source.name, is_there)
        system = next((request for request in requests if request.kind == "system"), None)
        if system is not None and is_there(system):
            return Selection(system, source.name)
        break
    return named_by_program(minor or implementation)


_PLACES = ("path", "venv")
"""Kinds of requests whose minor only who looks there knows."""


def named_by_program(minor: str) -> Selection:
    """The selection that a program's name makes, where no source says more about its minor."""
    return Selection(parse_request(minor), PROGRAM)


def _is_meant(request: Request, minor: str, implementation: str) -> bool:
    if minor:
        return _minor_of(request) == minor
    return request.implementation == implementation and request.kind in ("release", "specifier", "latest")


def _minor_of(request: Request) -> str | None:
    if request.kind != "release" or len(request.numbers) < 2:
        return None
    minor = f"{request.numbers[0]}.{request.numbers[1]}{VARIANT_SUFFIX[request.variant]}"
    return alias_name(request.implementation, minor)


def _parse(source: VersionSource, index: int, is_there: Callable[[Request], bool]) -> Request:
    word = source.words[index]
    if source.lines:
        # As in pyenv, the name of a venv is that venv, whatever else it could mean.
        venv = Request(word, "venv")
        if may_be_venv(word) and is_there(venv):
            return venv
    try:
        request = parse_request(word)
    except BadRequest as error:
        if source.name == ARGUMENT:
            raise
        hint = error.hint if isinstance(error, Unavailable) or not source.is_file else f"write {NAMES} there"
        message = f"{_place(source, index)}: {error.message}"
        raise type(error)(message, hint=hint, exit_status=1) from None
    if request.kind == "path" and source.lines and split_pyenv_name(word) is not None:
        raise BadRequest(
            f"{_place(source, index)}: pyenv has no venv `{word}`", hint=f"write {NAMES} there", exit_status=1
        )
    return request


def _refuse_path(request: Request, source: VersionSource, index: int) -> None:
    """A path in a file would be code that runs because somebody entered a folder."""
    if request.kind == "path" and source.is_file:
        raise BadRequest(f"{_place(source, index)}: `{request}` is a path", hint="write a version there", exit_status=1)


def may_be_venv(word: str) -> bool:
    """True for a word that could be the name of a venv of pyenv-virtualenv, and is not a release or `system`."""
    if word[:1].isdigit() and "/" not in word:
        return False
    return word.isprintable() and word.lower() != "system" and word[:1] not in "<>=!~.-"


def _place(source: VersionSource, index: int) -> str:
    if source.lines and source.lines[index]:
        return f"{source.name}, line {source.lines[index]}"
    return f"{source.name}, {source.key}" if source.key else source.name
