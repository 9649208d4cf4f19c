"""The known venvs that go through names of the store, told from their links and settings: nothing of them is run."""

from __future__ import annotations

import errno
import os

from pyman.core.names import minor_of_executable
from pyman.core.plans.move import Follower, may_need_work
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.record import record, replace
from pyman.core.venv import stage_reason
from pyman.effects.files import SMALL_FILE, open_to_read, read_bytes
from pyman.effects.venvs.on_disk import read_location
from pyman.effects.venvs.own_folders import why_not_written
from pyman.effects.venvs.uses import INTERPRETERS, Use, Uses, folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pyman.effects.moves.quiet_followers import QuietFollowers

CANNOT_BE_WRITTEN = "it cannot be written"


@record
class Followers:
    """Venvs that go through the store."""

    each: tuple[Follower, ...]
    others: Mapping[str, int]
    """How many more go through a name, and have nothing in them that goes stale; by that name."""
    unseen: tuple[str, ...] = ()
    """The paths of venvs that the system refused to show: whether those go through the store is not known."""


def read_followers(
    root: str,
    concerns: Callable[[str], bool],
    counted: Mapping[str, str] = {},  # nobody changes it
    others: Iterable[str] = (),
    quiet: QuietFollowers | None = None,
) -> Followers:
    """The known venvs that go through names of the store which `concerns` admits, and of those at the paths `others`.

    Those that go through a name in `counted`, which tells its minor, are only counted where nothing in them goes
    stale; `quiet` remembers which those are. Raises PymanError where the records cannot be read.
    """
    each, unseen = Uses(root).of_known(others)
    found: list[Follower] = []
    numbers: dict[str, int] = {}
    for use in each:
        if not concerns(use.name):
            continue
        minor = counted.get(use.name)
        try:
            if minor is not None and not use.by_home:
                known = quiet is not None and quiet.knows(use)
                if known or not _needs_work(use.place, minor):
                    numbers[use.name] = numbers.get(use.name, 0) + 1
                    if quiet is not None and not known:
                        quiet.add(use)
                    continue
            follower = _follower(use)
        except OSError:
            unseen.append(use.path)
            continue
        if follower is not None:
            found.append(follower)
    if quiet is not None:
        quiet.remember()
    return Followers(tuple(found), numbers, tuple(unseen))


def read_follower(venv: str, root: str, concerns: Callable[[str], bool]) -> Follower | None:
    """One venv with all that is needed to change it, if it goes through a name that `concerns` admits."""
    try:
        use = Uses(root).of(venv)
        follower = _follower(use) if use is not None and concerns(use.name) else None
        return complete(follower, None) if follower is not None else None
    except OSError:
        return None


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


def _follower(use: Use) -> Follower | None:
    # What is written goes into the folder itself, and through no link.
    folder = folder_of(use.path)
    if folder is None:
        return None
    cfg = b""
    try:
        cfg = read_bytes(f"{folder}/{FILE_NAME}")
    except FileNotFoundError:
        return None
    except OSError:
        if use.by_home:
            raise
        # What it says is not known; that it goes through a name is.
    status = os.stat(folder)
    return Follower(
        use.path,
        use.runtimes,
        use.name,
        cfg,
        folder if folder != use.path else "",
        copies=INTERPRETERS[:1] if use.by_home else (),
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
    return stage_reason(place, read_location(place, follower.path, follower.settings)[1])


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
