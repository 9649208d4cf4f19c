"""One venv as lists show it: what remains of its facts when thousands of them have been read (DESIGN 11)."""

from __future__ import annotations

from pyman.core.diagnosis.venv import state_of_venv
from pyman.core.implementation import CPYTHON, of_program
from pyman.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.diagnosis.finding import Finding
    from pyman.core.request import Request
    from pyman.core.venv import Interpreter, VenvFacts
    from pyman.core.version import Version


@record
class ListedVenv:
    """What tables and programs are told of a venv."""

    path: str
    folder: str
    """Where it really is, if `path` is a link or a file that names it."""
    uid: int
    creator: str
    request: str | None
    policy: str | None
    link: str
    """`alias`, `patch`, `external` or `broken`."""
    state: str
    """`healthy`, the code of the worst finding, or `unreachable`."""
    alias: str | None
    """The alias that fits its packages."""
    held_back: str | None
    """The release that it is kept on."""
    base: Interpreter | None
    """What runs; one value for all venvs that run it."""
    implementation: str | None = None
    """`cpython`, `pypy`, …; None where nothing tells."""

    @property
    def python(self) -> Version | None:
        """The patch release that runs; None where files do not tell it."""
        return self.base.version if self.base is not None else None

    @property
    def minor(self) -> str | None:
        """The alias of what runs, else of what would: the minor whose end of life concerns this venv."""
        return (self.base.alias if self.base is not None else "") or self.alias

    def runs(self, request: Request) -> bool:
        """True where a request names what runs; a broken venv counts as what its packages are for.

        `3.11` never means PyPy.
        """
        implementation = self.implementation or CPYTHON
        if request.kind == "other" or implementation != CPYTHON:
            word = request.text.lower()
            named = word == implementation or f"{self.minor}.".startswith(f"{word}.")
            return named and of_program(word) == implementation
        if self.python is None or self.base is None:
            return request.alias is not None and self.alias == request.alias
        return request.admits(self.python, self.base.variant)


def list_venv(facts: VenvFacts, findings: Iterable[Finding]) -> ListedVenv:
    """Keep of a venv what lists show. `findings` are those about this venv."""
    held = facts.settings.held_back
    return ListedVenv(
        facts.path,
        facts.folder,
        facts.uid,
        facts.creator,
        facts.request,
        facts.policy,
        facts.link_kind,
        state_of_venv(findings, facts.path),
        facts.alias,
        held[0] if held is not None else None,
        facts.running,
        facts.implementation,
    )


def unreachable_venv(path: str) -> ListedVenv:
    """A recorded venv whose parent folder is missing too: only its place is known."""
    return ListedVenv(path, path, -1, "unknown", None, None, "broken", "unreachable", None, None, None)
