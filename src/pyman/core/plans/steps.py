"""Plans: what is going to be done, as values that can be printed, tested and refused before anything is touched.

A plan is a list of small steps. Each is undone when a later one fails, so that a plan is taken whole or not at all.
`effects/transaction.py` is the only file that takes them.
"""

from __future__ import annotations

from posixpath import basename, dirname, join

from pyman.core.immutable import record
from pyman.core.implementation import names_own_library
from pyman.core.names import other_in_name
from pyman.core.pyvenv_cfg import FILE_NAME, edit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyman.core.venv import VenvFolder
    from pyman.core.version import Variant, Version


@record
class ReplaceFile:
    """A file of a venv gets a new content, as a new file: the old one may be a hard link into another tool's cache."""

    path: str
    old: bytes
    """What it must hold when it is replaced: it is read again just before."""
    new: bytes
    executable: bool = False
    """True for a program: whoever may read it may execute it."""
    mode: int | None = None
    """The permissions that it gets; None where it keeps its own."""


@record
class ReplaceLink:
    """A symlink of a venv gets another target, in one step."""

    path: str
    old: str | None
    """The target that it must have when it is replaced; None where nothing has the name."""
    new: str


@record
class RemoveLink:
    """A symlink is removed."""

    path: str
    old: str
    """The target that it must have."""


@record
class CopyProgram:
    """The copied interpreter of a venv is refreshed from its base."""

    path: str
    source: str


@record
class OwnCopy:
    """A file of a venv that it shares with others by a hard link becomes its own, with the same content."""

    path: str
    work: str
    """The folder, relative to the venv, in which the copy is prepared."""
    algorithm: str
    digest: str
    """What the content must have; nothing is copied that somebody else may have written."""


@record
class RemoveBytecode:
    """Bytecode that a venv shares with others is removed: Python makes it again."""

    path: str
    work: str
    """The folder, relative to the venv, in which it is kept until the plan is taken."""


@record
class Verify:
    """What was written is read back, and the interpreter is started once to say what it is.

    Exit status 0 proves nothing: version, base prefix and standard library must be those expected.
    """

    venv: str
    version: Version
    variant: Variant
    home: str
    """The folder that `home` must name."""


@record
class Forget:
    """A record of the store is removed; the venv itself, if there is one, is not touched."""

    record: str


@record
class Remember:
    """A venv is recorded in the store."""

    venv: str


if TYPE_CHECKING:
    Step = ReplaceFile | ReplaceLink | RemoveLink | CopyProgram | OwnCopy | RemoveBytecode | Verify | Forget | Remember


@record
class Plan:
    """Steps that are taken together, or not at all."""

    steps: tuple[Step, ...] = ()
    venv: VenvFolder | None = None
    """The venv that files and links of the steps lie in; None for those of the store."""
    also: Plan | None = None
    """What is taken behind the steps, or they are undone: a file beside the venv, in which its owner remembers it."""


def settings_steps(venv: str, cfg: bytes, changes: Mapping[str, str | None]) -> tuple[ReplaceFile, ...]:
    """Change lines of a venv's `pyvenv.cfg`, None for those to remove; no step where all are as they should be."""
    if not changes:
        return ()
    new = edit(cfg.decode("utf-8", "surrogateescape"), changes).encode("utf-8", "surrogateescape")
    return (ReplaceFile(join(venv, FILE_NAME), cfg, new),) if new != cfg else ()


def library_steps(venv: str, links: Iterable[tuple[str, str]], prefix: str) -> tuple[ReplaceLink, ...]:
    """Point the links to libraries of a venv's base to another base, which has the path `prefix`.

    `links` are names relative to the venv, and their texts. A link to a library of anybody else's is left alone.
    """
    return tuple(
        ReplaceLink(join(venv, name), text, join(prefix, name))
        for name, text in links
        if basename(name) == basename(text) and text != join(prefix, name) and _is_of_base(name, text)
    )


def _is_of_base(name: str, text: str) -> bool:
    return names_own_library(basename(name)) or other_in_name(basename(dirname(dirname(text)))) is not None
