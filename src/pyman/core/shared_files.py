"""Files that a venv has in common with others by hard links, where somebody else may change them (design.md 5, 7).

What is done to such a file in one venv is done to all: `chown -R app: /srv/app` hands over the pip of every other venv,
and `chmod -R g+w` opens it to a group. The repair gives a venv files of its own. It does not take over what somebody
else may have written: a file is copied only where it is what its RECORD says, and bytecode, of which RECORD says
nothing, is removed, because Python makes it again.
"""

from __future__ import annotations

from posixpath import basename, dirname

from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Wrong = Literal["foreign", "writable"]
    Fate = Literal["copy", "drop", "doubt"]

FOREIGN: Wrong = "foreign"
WRITABLE: Wrong = "writable"
"""What is wrong with a shared file: it belongs to somebody else, or others may write to it."""

COPY: Fate = "copy"
DROP: Fate = "drop"
DOUBT: Fate = "doubt"
"""What becomes of one: it is copied, it is removed, or it cannot be verified to be as installed."""


INFO, PIP = ".dist-info", "pip"
EMPTY = ("sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
"""Algorithm and digest of no content at all."""


@record
class SharedFile:
    """One such file."""

    path: str
    """Relative to the venv."""
    wrong: Wrong
    fate: Fate
    linked: bool
    """False for one that no other venv has any more: the last of them is no safer for that."""
    algorithm: str = ""
    digest: str = ""
    """What the content must have to be copied; empty where others may exchange the whole file whenever they like."""

    @property
    def work(self) -> str:
        """The folder, relative to the venv, that its copy is prepared in: `bin`, or that of the packages."""
        parts = self.path.split("/")
        return "/".join(parts[:3]) if parts[0] == "lib" else parts[0]


@record
class SharedFiles:
    """What is said of all of them."""

    count: int
    linked: int
    """How many of them other venvs have as well."""
    foreign: int
    """How many of them belong to somebody else."""
    owner: str
    """Who that is: `user app`."""
    example: str
    doubtful: tuple[str, ...]
    """Those that cannot be verified to be as installed."""

    @property
    def message(self) -> str:
        """One sentence."""
        which = "that it shares with other venvs" if self.linked else "of its packages"
        found = []
        if self.foreign:
            verb = "belongs" if self.foreign == 1 else "belong"
            found.append(f"{_files(self.foreign)} {which} {verb} to {self.owner}")
        if self.count > self.foreign:
            found.append(f"others may write to {_files(self.count - self.foreign)} {which}")
        message = f"{' and '.join(found)}, such as {self.example}"
        if self.doubtful:
            more = f" and {len(self.doubtful) - 1} more" if len(self.doubtful) > 1 else ""
            message += f"; {self.doubtful[0]}{more} cannot be verified to be as installed"
        return message


def summary(files: tuple[SharedFile, ...], owner: str) -> SharedFiles | None:
    """What is said of shared files; None where there are none."""
    if not files:
        return None
    foreign = sum(file.wrong == FOREIGN for file in files)
    doubtful = tuple(file.path for file in files if file.fate == DOUBT)
    return SharedFiles(len(files), sum(file.linked for file in files), foreign, owner, files[0].path, doubtful)


def is_bytecode(path: str) -> bool:
    """True for what Python makes again where it is missing."""
    return path.endswith(".pyc") and basename(dirname(path)) == "__pycache__"


def probe_of(package: str) -> str:
    """The file by which the look at a venv tells whether those of a package may be shared, below site-packages."""
    return f"{package}/__init__.py" if package == PIP else f"{package}{INFO}/METADATA"


def is_probe(path: str) -> bool:
    """True for such a file. It is repaired last: a repair that is killed is taken up again as long as it tells."""
    return path.endswith((f"{INFO}/METADATA", f"/{probe_of(PIP)}"))


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
