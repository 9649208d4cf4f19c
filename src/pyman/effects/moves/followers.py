"""The known venvs that go through names of the store, told from their links and settings: nothing of them is run."""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.folder_names import minor_of_executable
from pyman.core.plans.move import Follower, may_need_work
from pyman.core.pyvenv_cfg import FILE_NAME, parse_pyvenv_cfg
from pyman.core.record import record, replace
from pyman.core.venv import stage_reason
from pyman.effects.files import SMALL_FILE, NotReadable, open_to_read, read_bytes
from pyman.effects.venvs.location import read_location
from pyman.effects.venvs.own_folders import why_not_written
from pyman.effects.venvs.records import record_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyman.effects.moves.quiet_followers import QuietFollowers

_MOST_LINKS = 8
# What is there is no link, or nothing is there. Whatever else the system says, it has not told.
_NO_LINK = frozenset((errno.ENOENT, errno.EINVAL, errno.ENOTDIR, errno.ELOOP))
CANNOT_BE_WRITTEN = "it cannot be written"
_LONGEST_PATH = 4096  # what a text file in the place of `.venv` may hold


@record
class Followers:
    """Venvs that go through the store."""

    each: tuple[Follower, ...]
    others: Mapping[str, int]
    """How many more go through a name, and have nothing in them that goes stale; by that name."""
    unseen: tuple[str, ...] = ()
    """Places of records where the system refused a look: nobody can tell where those go."""


def read_followers(
    root: str,
    concerns: Callable[[str], bool],
    counted: Mapping[str, str] = {},  # nobody changes it
    quiet: QuietFollowers | None = None,
) -> Followers:
    """The known venvs that go through names of the store which `concerns` admits.

    Those that go through a name in `counted`, which tells its minor, are only counted where nothing in them goes
    stale; `quiet` remembers which those are. Raises PymanError where the records cannot be read.
    """
    folder = os.path.join(root, "venvs")
    inside = _inside(os.path.join(root, "runtimes"))
    names = record_names(root)
    ways: dict[str, tuple[bool, str, str | None]] = {}
    found: list[Follower] = []
    unseen: list[str] = []
    others: dict[str, int] = {}
    for name in names:
        place = f"{folder}/{name}"
        known = quiet.through(f"{place}/{FILE_NAME}") if quiet is not None else None
        if known is not None and known in counted:
            others[known] = others.get(known, 0) + 1
            continue
        try:
            link = _readlink(f"{place}/bin/python") or ""
            # A thousand venvs have few different links.
            way = ways.get(link)
            if way is None:
                way = ways[link] = _way(link, inside, concerns, counted)
            concerned, through, minor = way
            if not concerned:
                continue
            if minor is not None and not _needs_work(place, minor):
                others[through] = others.get(through, 0) + 1
                if quiet is not None:
                    quiet.add(f"{place}/{FILE_NAME}", through)
                continue
            follower = _read(place, inside, concerns)
        except OSError:
            unseen.append(place)
            continue
        if follower is not None:
            found.append(follower)
    if quiet is not None:
        quiet.remember()
    return Followers(tuple(found), others, tuple(unseen))


def _readlink(path: str) -> str | None:
    """Where a link leads; None where there is none. Raises OSError where the system refuses to look."""
    try:
        return os.readlink(path)
    except OSError as error:
        if error.errno in _NO_LINK:
            return None
        raise


def _way(
    link: str, inside: tuple[str, ...], concerns: Callable[[str], bool], counted: Mapping[str, str]
) -> tuple[bool, str, str | None]:
    """What a link tells at once: whether the venv may be concerned, the name it goes through, its minor if counted."""
    if not link.startswith("/"):
        return True, "", None
    entered = _entered(link, inside)
    start = next((start for start in inside if entered.startswith(start)), None)
    if start is None:
        return False, "", None
    through = entered[len(start) :].partition("/")[0]
    return concerns(through), through, counted.get(through)


def _entered(path: str, inside: tuple[str, ...]) -> str:
    """The first path in the store on the way from here, link by link; empty where there is none."""
    for _ in range(_MOST_LINKS):
        if path.startswith(inside):
            return path
        target = _readlink(path)
        if target is None:
            return ""
        path = os.path.join(os.path.dirname(path), target)
    return ""


def read_follower(venv: str, runtimes: str, concerns: Callable[[str], bool]) -> Follower | None:
    """One venv with all that is needed to change it, if it goes through a name that `concerns` admits."""
    try:
        folder = _folder_of(venv)
        follower = _follower(venv, folder, _inside(runtimes), concerns) if folder is not None else None
        return complete(follower, None) if follower is not None else None
    except OSError:
        return None


def _inside(runtimes: str) -> tuple[str, ...]:
    """How paths in the store begin: some tools write paths down with all links in them resolved."""
    return tuple(dict.fromkeys((runtimes + "/", os.path.realpath(runtimes) + "/")))


def _needs_work(venv: str, minor: str) -> bool:
    """True where the file of a venv that follows may name a release, which then goes stale; made to be quick."""
    try:
        descriptor = open_to_read(f"{venv}/{FILE_NAME}")
    except OSError:
        return True
    try:
        status = os.fstat(descriptor)
        if status.st_size > SMALL_FILE:
            return True
        return may_need_work(os.read(descriptor, status.st_size + 1), minor)
    finally:
        os.close(descriptor)


def _read(place: str, inside: tuple[str, ...], concerns: Callable[[str], bool]) -> Follower | None:
    path = _readlink(place) or ""
    folder = _folder_of(path) if path.startswith("/") else None
    return _follower(path, folder, inside, concerns) if folder is not None else None


def _folder_of(path: str) -> str | None:
    """Where a venv really lies: in the place of `.venv` may be a text file that holds a path (uv)."""
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            return path
        if stat.S_ISLNK(mode):
            # What is written goes into the folder itself, and through no link.
            real = os.path.realpath(path)
            return real if stat.S_ISDIR(os.stat(real).st_mode) else None
        text = read_bytes(path, _LONGEST_PATH).decode("utf-8", "surrogateescape").removeprefix("\ufeff").strip()
    except OSError as error:
        if isinstance(error, NotReadable) or error.errno in _NO_LINK:
            return None
        raise
    if not text or "\n" in text or "\0" in text:
        return None
    return os.path.realpath(os.path.join(os.path.dirname(path), text))


def _follower(path: str, folder: str, inside: tuple[str, ...], concerns: Callable[[str], bool]) -> Follower | None:
    cfg = b""
    unread: OSError | None = None
    try:
        cfg = read_bytes(f"{folder}/{FILE_NAME}")
    except FileNotFoundError:
        return None
    except OSError as error:
        unread = error  # What it says is not known; that it goes through a name may be.
    way = _entered(f"{folder}/bin/python", inside)
    copied = not way and _readlink(f"{folder}/bin/python") is None
    if copied:
        if unread is not None:
            raise unread
        home = parse_pyvenv_cfg(cfg.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")).home
        way = f"{home}/python" if home is not None else ""
    start = next((start for start in inside if way.startswith(start)), None)
    if start is None:
        return None
    through = way[len(start) :].partition("/")[0]
    if not concerns(through):
        return None
    status = os.stat(folder)
    return Follower(
        path,
        start[:-1],
        through,
        cfg,
        folder if folder != path else "",
        copies=("python",) if copied else (),
        identity=(status.st_dev, status.st_ino),
        obstacle="" if cfg and _is_writable(folder, status) else CANNOT_BE_WRITTEN,
    )


def complete(follower: Follower, program: str | None) -> Follower:
    """Look up what is needed to change a venv: its links, and which of its files are copies of `program`, or of any."""
    folder = os.path.join(follower.place, "bin")
    links: list[tuple[str, str]] = []
    copies: list[str] = []
    for name in sorted(os.listdir(folder)):
        if not name.startswith("python"):
            continue
        path = f"{folder}/{name}"
        try:
            target = os.readlink(path)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            if follower.copies and (program is None or _is_copy(path, program)):
                copies.append(name)
            continue
        if "/" in target and os.path.dirname(target) not in (folder, "."):
            links.append((name, target))
    return replace(follower, links=tuple(links), copies=tuple(copies), obstacle=why_left_alone(follower))


def why_left_alone(follower: Follower) -> str:
    """Say why nothing of a venv is changed while an alias moves; empty where nothing is against it.

    It cannot be written, one of its folders is not its own, or it lies in a tree that is meant for another place: a
    move asks nobody.
    """
    if follower.obstacle:
        return follower.obstacle
    place = follower.place
    reason = why_not_written(place, _libraries(place), os.geteuid())
    if reason:
        return reason
    return stage_reason(place, read_location(place, follower.path, follower.settings)[2])


def _libraries(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(f"{folder}/lib") if minor_of_executable(name) is not None]
    except OSError:
        return []


def _is_copy(path: str, program: str) -> bool:
    import filecmp

    try:
        return filecmp.cmp(path, program, shallow=False)
    except OSError:
        return False


def _is_writable(folder: str, status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and all(os.access(each, os.W_OK) for each in (folder, f"{folder}/bin"))
