"""The one door through which pyman starts interpreters (design.md 6); the rule for it is in core/admission.py.

What was checked is what is started. Every folder on the way to the program, and to what it loads, is looked at from
the root on: where nobody else may write to the first ones, nobody else can exchange the next one, so that a name means
the same when it is used as when it was checked. The program itself is opened, checked, and started by its descriptor
where the system can do that. A descriptor alone would not do: an interpreter finds its standard library from the path
that it is started by, so that is its real path, never that of a venv.
"""

from __future__ import annotations

import errno
import functools
import os
import stat
import sys

from pyman.core.admission import (
    EXCHANGED,
    HEAD,
    IN_VENV,
    NAMED,
    NO_LIBRARY,
    NO_NAME,
    NO_PROGRAM,
    OUTSIDE,
    STORE,
    TOOL,
    UNVOUCHED,
    Objection,
    Standing,
    has_other_members,
    is_called_like_one,
    is_program,
    objection,
    reason_and_hint,
    refusal,
    shared_by_number,
)
from pyman.core.immutable import replace
from pyman.core.implementation import CPYTHON
from pyman.core.pythons_of_tools import ToolRoot
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects.interpreters.on_disk import Bases
from pyman.effects.project_files import is_below_a_mark
from pyman.errors import BrokenRuntime, NotStarted

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from pyman.core.admission import Grounds
    from pyman.core.venv import Interpreter
    from pyman.effects.places import Places

_MOST_LINKS = 40
_PROGRAM = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
# On macOS its members are administrators; Homebrew's folders belong to it.
_ADMIN = 80


class Admission:
    """Decides what may be started, and starts it. Without places there is no store, and no version manager."""

    def __init__(self, places: Places | None = None) -> None:
        self._places = places

    def check(self, executable: str, *, named: bool = False) -> str:
        """Return the real path of an interpreter that may be started.

        `named` says that the user named it, in words and not in a file. Raises NotStarted for one that may not be,
        BrokenRuntime for one that cannot be.
        """
        program = self._look(executable, named=named)
        os.close(program.descriptor)
        return program.path

    def allows(self, executable: str) -> bool:
        """Whether an interpreter that nobody named may be started; nothing is raised."""
        try:
            self.check(executable)
        except (NotStarted, BrokenRuntime):
            return False
        return True

    def vouches(self, executable: str) -> bool:
        """Whether an interpreter is of the store, or of the user's own version manager."""
        return self._grounds(os.path.realpath(executable)) in (STORE, TOOL)

    def start(
        self, executable: str, arguments: Sequence[str], *, named: bool = False, **streams: Any
    ) -> subprocess.Popen[bytes]:
        """Start an interpreter, in an empty environment and without input; `streams` are those of `Popen`.

        Raises NotStarted for one that may not be started, BrokenRuntime for one that cannot be.
        """
        import subprocess

        program = self._look(executable, named=named)
        try:
            by_descriptor = f"/proc/self/fd/{program.descriptor}"
            has_proc = sys.platform == "linux" and os.path.exists(by_descriptor)
            return subprocess.Popen(
                [program.path, *arguments],
                executable=by_descriptor if has_proc else program.path,
                pass_fds=(program.descriptor,) if has_proc else (),
                stdin=subprocess.DEVNULL,
                env={},
                **{"cwd": "/", **streams},
            )
        except OSError as error:
            raise _cannot_be_started(program.path, error) from error
        finally:
            os.close(program.descriptor)

    def _look(self, executable: str, *, named: bool) -> _Program:
        try:
            real = os.path.realpath(executable, strict=True)
        except OSError as error:
            raise _cannot_be_started(executable, error) from error
        if not named and not is_called_like_one(real):
            raise refusal(real, Objection(NO_NAME, real))
        grounds = NAMED if named else self._grounds(real)
        if grounds == UNVOUCHED and self._is_of_a_project(real):
            raise refusal(real, Objection(OUTSIDE, real))
        try:
            descriptor = _open(real, grounds)
            try:
                found = _what_it_loads(Bases().interpreter(real, os.path.basename(executable)), real, grounds)
                if found is not None:
                    raise refusal(real, found)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise _cannot_be_started(executable, error) from error
        return _Program(real, descriptor)

    def _grounds(self, real: str) -> Grounds:
        if self._places is None:
            return UNVOUCHED
        stores = [self._places.runtimes]
        stores += [os.path.join(self._places.system_root, "runtimes")] if self._places.system_root else []
        if any(real.startswith(f"{os.path.realpath(store)}/") or real in _adopted(store, real) for store in stores):
            return STORE
        inside = next((folder for folder in self._tools if real.startswith(f"{folder}/")), None)
        return TOOL if inside is not None and not lies_in_project(real, inside) else UNVOUCHED

    def _is_of_a_project(self, real: str) -> bool:
        """True for what no system keeps: where root clones and unpacks, all of it is root's too."""
        home = os.path.realpath(self._places.home).rstrip("/") if self._places is not None else ""
        return (home != "" and real.startswith(f"{home}/")) or is_below_a_mark(real)

    @functools.cached_property
    def _tools(self) -> tuple[str, ...]:
        assert self._places is not None
        return tuple(os.path.realpath(root.pythons) for root in own_tool_roots(self._places))


def _adopted(runtimes: str, real: str) -> set[str]:
    """What the adopted runtimes of a store have under the name of this interpreter."""
    try:
        with os.scandir(runtimes) as entries:
            links = [entry.path for entry in entries if entry.is_symlink()]
    except OSError:
        return set()
    return {os.path.realpath(f"{link}/bin/{os.path.basename(real)}") for link in links}


class _Program:
    """An interpreter that may be started, opened."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor


def _open(real: str, grounds: Grounds) -> int:
    """Open an interpreter by a path without links. Raises NotStarted for one that may not be started, and OSError."""
    for thing in _on_the_way(real):
        found = objection(thing, grounds, os.geteuid())
        if found is None and stat.S_ISLNK(thing.mode):
            found = Objection(EXCHANGED, thing.path)
        if found is None and thing.last and not stat.S_ISREG(thing.mode):
            found = Objection(NO_PROGRAM, thing.path)
        if found is not None:
            raise refusal(real, found)
    descriptor = os.open(real, _PROGRAM)
    try:
        status = os.fstat(descriptor)
        found = objection(_standing(real, last=True, status=status), grounds, os.geteuid())
        if found is None and not (stat.S_ISREG(status.st_mode) and is_program(os.pread(descriptor, HEAD, 0))):
            found = Objection(NO_PROGRAM, real)
        if found is not None:
            raise refusal(real, found)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def refuse_changeable(path: str, program: str) -> None:
    """Refuse a program that the user's own tool brought along, where somebody else could change a file that it runs.

    Raises NotStarted, or BrokenRuntime where the file cannot be looked at.
    """
    try:
        found = changeable(path)
    except OSError as error:
        raise _cannot_be_started(program, error) from error
    if found is not None:
        raise refusal(program, found)


def why_changeable(path: str) -> str:
    """Say why somebody else could change what a path leads to; empty where nobody can. Raises OSError."""
    found = changeable(path)
    return reason_and_hint(path, found)[0] if found is not None else ""


def changeable(path: str) -> Objection | None:
    """What lets somebody else change what a path leads to; None where nobody can. Raises OSError."""
    return next((found for thing in _on_the_way(path) if (found := objection(thing, TOOL, os.geteuid()))), None)


def why_entry_changeable(folder: str, counts: Callable[[os.DirEntry[str]], bool]) -> str:
    """Say why somebody else could change one of the entries of a folder that count; empty where nobody can.

    The folder itself was looked at before, and what lies deeper is whose the entry is. Raises OSError.
    """
    with os.scandir(folder) as found:
        entries = sorted(filter(counts, found), key=lambda entry: entry.name)
    for entry in entries:
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            why = why_named_changeable(entry.path)
        else:
            held = objection(_standing(entry.path, last=True, status=status), TOOL, os.geteuid())
            why = reason_and_hint(entry.path, held)[0] if held is not None else ""
        if why:
            return why
    return ""


def why_named_changeable(path: str) -> str:
    """Like `why_changeable`, of a path that need not lead to anything: what is on the way to nothing counts too."""
    try:
        return why_changeable(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _what_it_loads(found: Interpreter | None, real: str, grounds: Grounds) -> Objection | None:
    """Look at the prefix and the standard library of an interpreter, and at what would make it a venv's."""
    folder = os.path.dirname(real)
    prefix = os.path.dirname(folder)
    for above in (folder, prefix):
        settings = f"{above.rstrip('/')}/{FILE_NAME}"
        if os.path.lexists(settings):
            return Objection(IN_VENV, settings)
    library = found.library if found is not None else None
    if library is None:
        return Objection(NO_LIBRARY, real)
    for path in (folder, prefix, os.path.dirname(library), library, *filter(os.path.exists, _parts(prefix, library))):
        for thing in _on_the_way(path):
            held = objection(thing, grounds, os.geteuid())
            if held is not None:
                return held
    if os.path.isdir(f"{library}/lib-dynload") or (found is not None and found.implementation != CPYTHON):
        return None
    # It looks for its compiled modules in every folder above, and takes the first that anybody has put there.
    things = (replace(thing, last=True) for thing in _on_the_way(folder))
    return next((held for thing in things if (held := objection(thing, grounds, os.geteuid())) is not None), None)


def _parts(prefix: str, library: str) -> tuple[str, ...]:
    """What an interpreter loads from, or imports before anything else; not all of it need exist."""
    name = os.path.basename(library)
    return (
        *(
            f"{library}/{part}"
            for part in ("os.py", "__pycache__", "encodings", "encodings/__pycache__", "lib-dynload")
        ),
        f"{prefix}/lib/{name.replace('.', '')}.zip",
        f"{prefix}/lib/lib{name}.so.1.0",
        f"{prefix}/lib/lib{name}.dylib",
        f"{prefix}/bin/lib{name}-c.so",
        f"{prefix}/lib/libpythonvm.so",
    )


def _on_the_way(path: str) -> Iterator[Standing]:
    """Everything that an absolute path goes through, from the root on, links followed, and its end. Raises OSError."""
    here = "/"
    rest = _names(path)
    links = 0
    yield _standing(here, last=False)
    while rest:
        name = rest.pop()
        if name == "..":
            here = os.path.dirname(here)
            continue
        entry = f"{here.rstrip('/')}/{name}"
        thing = _standing(entry, last=False)
        yield thing
        if not stat.S_ISLNK(thing.mode):
            here = entry
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        text = os.readlink(entry)
        here = "/" if text.startswith("/") else here
        rest += _names(text)
    yield _standing(here, last=True)


def _names(path: str) -> list[str]:
    """The names in a path, the first one last."""
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def _standing(path: str, *, last: bool, status: os.stat_result | None = None) -> Standing:
    found = status or os.lstat(path)
    shared = False
    if found.st_mode & stat.S_IWGRP and not stat.S_ISLNK(found.st_mode):
        shared = is_shared_group(found.st_gid, found.st_uid, os.geteuid()) or _has_acl(path)
    return Standing(path, found.st_mode, found.st_uid, shared, last)


def may_others_write(path: str, status: os.stat_result) -> bool:
    """True where somebody else than the user may write to a file, whoever owns it."""
    return bool(status.st_mode & stat.S_IWOTH) or _standing(path, last=True, status=status).shared


@functools.cache
def is_shared_group(gid: int, uid: int, user: int) -> bool:
    """True where a group has other members than the owner of a file (`uid`) and root, as `user` sees it."""
    known = shared_by_number(gid, user, _ADMIN if sys.platform == "darwin" else None)
    if known is not None:
        return known
    import grp
    import pwd

    try:
        entry = grp.getgrgid(gid)
    except KeyError:
        entry = None
    try:
        owner = pwd.getpwuid(uid).pw_name
    except KeyError:
        owner = None
    return has_other_members(
        gid,
        uid,
        owner=owner,
        group=(entry.gr_name, tuple(entry.gr_mem)) if entry is not None else None,
        users=tuple((each.pw_name, each.pw_uid, each.pw_gid) for each in pwd.getpwall()),
    )


def _has_acl(path: str) -> bool:
    """True where a list of access rights names more users: the bits of the group are then the most that any may do."""
    if not hasattr(os, "getxattr"):
        return False
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except OSError:
        return False


def _cannot_be_started(executable: str, error: OSError) -> BrokenRuntime:
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError) and os.path.exists(executable):
        reason = "the program that its first bytes name does not exist"
    return BrokenRuntime(f"{executable} cannot be started: {reason}", hint="it may have been built for another system")


# The folders of the user's own version managers: what lies in them may be started, and followed (design.md 6, 7).
#
# A folder that a project brings along is none of them, whatever an environment variable says: a repository may hold a
# `.pyenv` and the line that sets PYENV_ROOT to it.

_REPOSITORY = ".git"


def own_tool_roots(places: Places) -> tuple[ToolRoot, ...]:
    """Return the folders of version managers that exist, belong to the user or root, and lie in no project."""
    return tuple(
        root for root in places.tool_roots if _is_own(root.root) and not lies_in_project(root.root, places.home)
    )


def lies_in_project(folder: str, home: str) -> bool:
    """True where a folder above this one, and below another one, is a repository, by name or by real path.

    Its own repository does not count: pyenv is installed by cloning it. Nor does that of the other folder, `home`.
    """
    homes = (home.rstrip("/"), os.path.realpath(home))
    return any(_lies_in_project(path, homes) for path in dict.fromkeys((folder, os.path.realpath(folder))))


def _lies_in_project(folder: str, homes: tuple[str, ...]) -> bool:
    above = os.path.dirname(folder)
    while above != os.path.dirname(above):
        if any(f"{home}/".startswith(f"{above}/") for home in homes):
            return False
        if os.path.lexists(os.path.join(above, _REPOSITORY)):
            return True
        above = os.path.dirname(above)
    return False


def _is_own(folder: str) -> bool:
    try:
        return os.stat(folder).st_uid in (0, os.geteuid())
    except OSError:
        return False
