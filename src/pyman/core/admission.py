"""Which interpreters may be started, from what the file system says of each and of what it loads (design.md 6).

effects/interpreters/admission.py looks and starts; nothing in here does.
"""

from __future__ import annotations

import stat
from posixpath import basename, dirname

from pyman.core.escape import as_word
from pyman.core.immutable import record
from pyman.core.implementation import of_program, other_name
from pyman.core.names import is_interpreter_name
from pyman.errors import NotStarted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Grounds = Literal["store", "named", "tool", "unvouched"]
    ObjectionKind = Literal[
        "other-owner", "writable", "outside", "exchanged", "no-program", "no-name", "no-library", "in-venv"
    ]

ROOT = 0
"""The uid of root, and the gid of its group."""

STORE: Grounds = "store"
NAMED: Grounds = "named"
TOOL: Grounds = "tool"
UNVOUCHED: Grounds = "unvouched"
"""On which grounds an interpreter may be started: it is of a store; the user named it, in words and not in a file; it
lies in the folder of the user's own version manager; or there are none of these, and then all of it must be root's."""

OTHER_OWNER: ObjectionKind = "other-owner"
WRITABLE: ObjectionKind = "writable"
OUTSIDE: ObjectionKind = "outside"
EXCHANGED: ObjectionKind = "exchanged"
NO_PROGRAM: ObjectionKind = "no-program"
NO_NAME: ObjectionKind = "no-name"
NO_LIBRARY: ObjectionKind = "no-library"
IN_VENV: ObjectionKind = "in-venv"
"""What may be held against it."""

_ELF = b"\x7fELF"
_MACH_O = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
_UNIVERSAL = (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")
# A class file of Java begins with the same four bytes; what follows is its version there, and here a small number.
_MOST_ARCHITECTURES = 20
HEAD = 8
"""How many bytes tell a program from a script."""


@record
class Standing:
    """One thing on the way to a file, as the file system describes it."""

    path: str
    mode: int
    """Type and permissions, `st_mode`."""
    uid: int
    shared: bool = False
    """True where a group may write to it that has other members than its owner and root."""
    last: bool = False
    """True for the file or folder that the way leads to, False for what is only passed."""


@record
class Objection:
    """Why an interpreter is not started."""

    kind: ObjectionKind
    path: str
    """What the objection is to: the interpreter, or something that it depends on."""


def objection(thing: Standing, grounds: Grounds, user: int) -> Objection | None:
    """Say what forbids to start an interpreter, of one thing that it depends on; None where nothing does.

    `user` is the uid that would start it. A sticky bit is enough for a folder that is only passed: what lies in it
    can be exchanged by its own owner alone. Where anything is loaded from, others could still add to it; and the
    system keeps no Python below a folder for everybody.
    """
    if user == ROOT and thing.uid != ROOT:
        return Objection(OTHER_OWNER, thing.path)
    if grounds == UNVOUCHED and thing.uid != ROOT:
        return Objection(OUTSIDE, thing.path)
    if grounds == TOOL and thing.uid not in (ROOT, user):
        return Objection(OTHER_OWNER, thing.path)
    if stat.S_ISLNK(thing.mode):
        return None  # A link has no permissions; anyone who can write to its folder can replace it.
    if not (thing.mode & stat.S_IWOTH or thing.shared):
        return None
    if thing.last or not thing.mode & stat.S_ISVTX:
        return Objection(WRITABLE, thing.path)
    return Objection(OUTSIDE, thing.path) if grounds == UNVOUCHED else None


def shared_by_number(gid: int, user: int, admin: int | None) -> bool | None:
    """Whether a group counts as others by its number alone; None where its members tell that.

    `user` is who depends on the file, `admin` the group of administrators where the system has one. For root every
    group is others but its own.
    """
    if gid == ROOT:
        return False
    if user == ROOT:
        return True
    return False if gid == admin else None


def has_other_members(
    gid: int,
    uid: int,
    *,
    owner: str | None,
    group: tuple[str, tuple[str, ...]] | None,
    users: tuple[tuple[str, int, int], ...],
) -> bool:
    """True where a group has a member besides the owner of a file and root.

    `owner` is the name of that owner, `group` the name of the group and the members that its entry lists; None where
    they are unknown. `users` are name, uid and gid of everybody that the system lists. A directory service lists
    nobody: its users are not among them, and only a group that is called like its owner counts as private.
    """
    own = {name for name, number, _ in users if number in (uid, ROOT)} | {"root", owner}
    members = {name for name, number, primary in users if primary == gid and number not in (uid, ROOT)}
    if group is not None:
        members.update(group[1])
    if members - own:
        return True
    if uid == ROOT or any(number == uid for _, number, _ in users):
        return False
    return gid != uid if group is None and owner is None else group is None or group[0] != owner


def is_program(head: bytes) -> bool:
    """True for the first bytes of an ELF or Mach-O file: what the system starts itself, and no script."""
    if head[:4] == _ELF or head[:4] in _MACH_O:
        return True
    return head[:4] in _UNIVERSAL and 0 < int.from_bytes(head[4:8], "big") <= _MOST_ARCHITECTURES


def is_called_like_one(executable: str) -> bool:
    """True for a file that is called like an interpreter: a link of that name may lead to any program of the system."""
    name = basename(executable)
    return is_interpreter_name(name) or other_name(of_program(name)) is not None


def refusal(executable: str, found: Objection) -> NotStarted:
    """Say why an interpreter was not started, and what can be done."""
    reason, hint = reason_and_hint(executable, found)
    return NotStarted(f"{executable} was not started: {reason}", hint=hint)


def reason_and_hint(executable: str, found: Objection) -> tuple[str, str]:
    """What is held against a program, in words, and what can be done."""
    return {
        OTHER_OWNER: (f"{found.path} belongs to another user", "ask that user to run pyman"),
        WRITABLE: (f"others may write to {found.path}", f"run `chmod go-w {as_word(found.path)}`"),
        OUTSIDE: (
            "it belongs neither to pyman's store, nor to the system, nor to a version manager",
            f"if you trust it, run `pyman adopt {as_word(dirname(dirname(executable)))}`",
        ),
        EXCHANGED: (f"{found.path} was replaced in the meantime", "run the same command again"),
        NO_PROGRAM: ("it is not a binary executable", "give the path of the interpreter that it runs"),
        NO_NAME: ("its name is not that of a Python interpreter", "give the path of the interpreter itself"),
        NO_LIBRARY: ("it has no standard library beside it", "give the path of an interpreter in its own folder"),
        IN_VENV: (
            f"{found.path} marks it as part of a venv",
            "give the path of the Python that the venv was made from",
        ),
    }[found.kind]
