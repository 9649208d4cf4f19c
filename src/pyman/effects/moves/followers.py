"""The known venvs that go through names of the store, and what the move of an alias does to them."""

from __future__ import annotations

import errno
import os

from pyman.core.immutable import record, replace
from pyman.core.implementation import CPYTHON, reads_home, why_not_repaired
from pyman.core.names import implementation_in_store, is_interpreter_name, minor_of_executable
from pyman.core.plans.move import (
    AliasMove,
    Follower,
    copies_of,
    going_along,
    may_need_work,
    plan_to_hold_back,
    plan_to_tell_owner,
    plan_to_update,
    through_other,
)
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.venv import stage_reason
from pyman.effects.files import SMALL_FILE, open_to_read, read_bytes
from pyman.effects.venvs.on_disk import library_links, read_location
from pyman.effects.venvs.own_folders import why_not_written
from pyman.effects.venvs.owner_files import has_owner_files, read_owner_files
from pyman.effects.venvs.place import folder_of
from pyman.effects.venvs.stores import is_known
from pyman.effects.venvs.uses import INTERPRETERS, Use, Uses
from pyman.errors import CANNOT_HOLD_BACK, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pyman.core.store import Runtime
    from pyman.effects.places import Places
    from pyman.effects.transaction import Transaction

CANNOT_BE_WRITTEN = "it is not writable"
NOT_RECORDED = "it is not recorded: only a project file or a record of another user refers to it"


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
) -> Followers:
    """The known venvs that go through names of the store which `concerns` admits, and of those at the paths `others`.

    Those that go through a name in `counted`, which tells its minor, are only counted where nothing in them, or in what
    their owner remembers of them, goes stale. Raises PymanError where the records cannot be read.
    """
    each, unseen = Uses(root).of_known(others)
    found: list[Follower] = []
    numbers: dict[str, int] = {}
    for use in each:
        if not concerns(use.name):
            continue
        minor = counted.get(use.name)
        try:
            if minor is not None and not use.by_home and not _needs_work(use, minor):
                numbers[use.name] = numbers.get(use.name, 0) + 1
                continue
            follower = _follower(use)
        except OSError:
            unseen.append(use.path)
            continue
        if follower is not None:
            found.append(follower)
    return Followers(tuple(found), numbers, tuple(unseen))


def read_follower(venv: str, root: str, concerns: Callable[[str], bool]) -> Follower | None:
    """One venv with all that is needed to change it, if it goes through a name that `concerns` admits."""
    try:
        use = Uses(root).of(venv)
        follower = _follower(use) if use is not None and concerns(use.name) else None
        return complete(follower, None) if follower is not None else None
    except OSError:
        return None


def _needs_work(use: Use, minor: str) -> bool:
    """True where a file about a venv that follows may name a release, which then goes stale; made to be quick."""
    # An owner's file may lie beside the folder: the path of a record has other neighbours.
    return _may_name_a_release(use.place, minor) or has_owner_files(use.folder)


def _may_name_a_release(venv: str, minor: str) -> bool:
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
    implementation = implementation_in_store(use.name)
    return Follower(
        use.path,
        use.runtimes,
        use.name,
        cfg,
        folder if folder != use.path else "",
        # A copy of PyPy has copies of its libraries beside it, and runs on whatever becomes of its base.
        copies=INTERPRETERS[:1] if use.by_home and reads_home(implementation) else (),
        identity=(status.st_dev, status.st_ino),
        obstacle=why_not_repaired(implementation)
        or ("" if cfg and _is_writable(folder, status) else CANNOT_BE_WRITTEN),
        owner_files=read_owner_files(folder),
        is_recorded=use.has_record,
        is_own=status.st_uid == os.geteuid(),
    )


def complete(follower: Follower, program: str | None) -> Follower:
    """Look up what is needed to change a venv: its links, and which of its files are copies of `program`, or of any."""
    folder = os.path.join(follower.place, "bin")
    links: list[tuple[str, str]] = []
    copies: list[str] = []
    for name in sorted(os.listdir(folder)):
        if not is_interpreter_name(name):
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
    return replace(
        follower,
        links=tuple(links),
        copies=tuple(copies),
        libraries=library_links(follower.place) if implementation_in_store(follower.through) != CPYTHON else (),
        obstacle=why_left_alone(follower),
    )


def only_named(places: Places, followers: Iterable[Follower]) -> frozenset[str]:
    """The paths of those that no record of this user's names.

    Only a link or a text file of a project does, from outside, or a record of another user's.
    """
    from pyman.effects.venvs.inventory import leads_outside, named_by_others, named_outside

    unrecorded = [follower for follower in followers if not follower.is_recorded]
    if not unrecorded:
        return frozenset()
    pointed = named_outside(places, places.cwd)
    # What belongs to others is not written in any case.
    pointed |= named_by_others(places) if any(follower.is_own for follower in unrecorded) else frozenset()
    return frozenset(
        follower.path
        for follower in unrecorded
        if (follower.path in pointed or leads_outside(places, follower.path, follower.place))
        and not (is_known(places, follower.path) or is_known(places, follower.place))
    )


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


# What the move of an alias does to venvs, and what became of each: the move is handed back as it turned out.


def hold_back(transaction: Transaction, move: AliasMove, *, force: bool) -> AliasMove:
    """Link the venvs that do not fit to the release that the alias leaves, before it does.

    Raises Refused where one cannot be held back, unless `force`: then it goes along, and that is noted.
    """
    for follower, runtime in move.to_minor:
        plan = through_other(
            follower, runtime.alias, runtime.version, held_back=None, variant=runtime.variant, found=runtime
        )
        try:
            if follower.obstacle:
                raise PymanError(follower.obstacle)
            transaction.attempt(plan)
        except PymanError as error:
            if follower.stops_moves and not force:
                raise _cannot_be_kept(follower, runtime, error) from error
            move = going_along(move, follower, error.message, force=force)
    newly_held: list[tuple[Follower, str]] = []
    for follower, reason in move.newly_held:
        try:
            transaction.attempt(plan_to_hold_back(move, follower, reason))
        except PymanError as error:
            why = f"{reason}, and it cannot be held back: {error.message}"
            if follower.stops_moves and not force:
                raise cannot_hold_back(follower.path, move, why) from error
            move = going_along(move, follower, why, force=force)
        else:
            newly_held.append((follower, reason))
    return replace(move, newly_held=tuple(newly_held))


def cannot_hold_back(path: str, move: AliasMove, why: str) -> Refused:
    """The failure that stops a move: a venv would break."""
    new = move.new.release if move.new is not None else "what comes"
    return Refused(
        f"{path} does not fit {new}: {why}",
        hint="`--force` moves the alias anyway",
        code=CANNOT_HOLD_BACK,
    )


def _cannot_be_kept(follower: Follower, runtime: Runtime, error: PymanError) -> Refused:
    return Refused(
        f"{follower.path} uses the alias 3 and cannot be linked to {runtime.alias}: {error.message}",
        hint="recreate it, or `pyman forget` it",
        code=CANNOT_HOLD_BACK,
    )


def refresh_copies(transaction: Transaction, move: AliasMove) -> AliasMove:
    """Give venvs that hold copies of the interpreter those of the new release."""
    for follower in move.updated:
        try:
            transaction.attempt(copies_of(move, follower))
        except PymanError as error:
            move = _noted(move, follower, error)
    return move


def update_followers(transaction: Transaction, move: AliasMove) -> AliasMove:
    """Bring the venvs of an alias that has moved up to date, and those forward that fit again.

    What cannot be done to one of them does not stop the others: it is noted, and `doctor` finds it.
    """
    for follower in move.updated:
        try:
            transaction.attempt(plan_to_update(move, follower))
        except PymanError as error:
            move = _noted(move, follower, error)
    released: list[Follower] = []
    still_held = list(move.still_held)
    for follower in move.released:
        try:
            transaction.attempt(plan_to_update(move, follower))
        except PymanError as error:
            still_held.append((follower, f"it fits again, but could not be moved: {error.message}"))
        else:
            released.append(follower)
    for follower, _ in move.still_held:
        try:
            transaction.attempt(plan_to_tell_owner(move, follower))
        except PymanError as error:
            move = _noted(move, follower, error)
    return replace(move, released=tuple(released), still_held=tuple(still_held))


def _noted(move: AliasMove, follower: Follower, error: PymanError) -> AliasMove:
    return replace(move, notes=(*move.notes, (follower.path, f"could not be updated: {error.message}")))
