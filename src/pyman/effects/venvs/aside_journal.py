"""The journal of a venv that is set aside, and what is done with it: by who wrote it, or once he is dead by any other.

venvs/.rebuild-NAME-HASH-4711-9f3a/        a folder of work in progress (effects/unfinished.py)
    journal     the venv, and the place of the old one meanwhile: beside it, and so on the same file system
    good        only once the new one is good: the names that go over to it from the old one

Without `good` the old venv is put back; with it, it is dropped. Both can be done again and again, from any state.
"""

from __future__ import annotations

import errno
import os

from pyman.core.own_files import IGNORE_FILE
from pyman.core.record import record
from pyman.effects.files import NotReadable, read_text, replace_file
from pyman.effects.places import Places
from pyman.effects.unfinished import read_unfinished, remove_tree
from pyman.effects.venvs.place import UNFINISHED, work_name
from pyman.effects.venvs.records import record_name

JOURNAL = "journal"
GOOD = "good"

UNDONE, FINISHED, IN_THE_WAY = "undone", "finished", "in the way"


@record
class Recovered:
    """What became of one venv whose process had died."""

    venv: str
    outcome: str
    """`undone`, `finished`, or `in the way`: something else is in its place, and the old one stays where it is."""
    aside: str
    """Where the old one was."""


def begin(work: str, venv: str, aside: str) -> None:
    """Write down that a venv is about to be set aside. Raises OSError."""
    # Paths may hold line ends; a NUL they cannot.
    write_durably(work, JOURNAL, os.fsencode(f"{venv}\0{aside}\0"))


def find_good(work: str, moving: tuple[str, ...]) -> None:
    """Write down that the new venv is good, and which names it gets from the old one. Raises OSError."""
    write_durably(work, GOOD, os.fsencode("\0".join(moving)))


def recover(places: Places) -> tuple[Recovered, ...]:
    """Put back, or drop, what dead processes had set aside, and say what that was.

    What somebody else has made in the place since then stays, and so does the old one, under its other name. The
    caller holds the store's lock. Raises nothing: what cannot be mended now is left for the next time.
    """
    mended = []
    for work in read_unfinished(places.venvs):
        if work.alive:
            continue
        try:
            named = read_journal(work.path)
            if named is not None:
                mended.append(Recovered(named[0], _recover(work.path, *named), named[1]))
            remove_tree(work.path)
        except OSError:
            continue
    return tuple(mended)


def _recover(work: str, venv: str, aside: str) -> str:
    moving = _read_good(work)
    if moving is not None:
        go_on(venv, aside, moving)
        return FINISHED
    if not os.path.lexists(aside):
        return UNDONE
    if os.path.lexists(venv) and not os.path.lexists(os.path.join(venv, UNFINISHED)):
        return IN_THE_WAY
    put_back(venv, aside)
    return UNDONE


def is_set_aside(places: Places, venv: str) -> bool:
    """True while a living process has this venv set aside."""
    name = record_name(venv)
    return any(work.alive and work.subject == name for work in read_unfinished(places.venvs))


def read_journal(work: str) -> tuple[str, str] | None:
    """The venv and the place of the old one that a journal names; None where it names none that could be ours.

    Raises OSError where it is there and cannot be read: without it nobody finds the old venv again.
    """
    try:
        lines = read_text(os.path.join(work, JOURNAL)).split("\0")
    except (FileNotFoundError, NotReadable):
        return None
    if len(lines) != 3:
        return None
    venv, aside = lines[0], lines[1]
    if not os.path.isabs(venv):
        return None
    ours = os.path.basename(aside).startswith(work_name(os.path.basename(venv), "old"))
    return (venv, aside) if ours and os.path.dirname(venv) == os.path.dirname(aside) else None


def _read_good(work: str) -> tuple[str, ...] | None:
    """The names that go over to the new venv; None where that was not found good."""
    try:
        text = read_text(os.path.join(work, GOOD))
    except FileNotFoundError:
        return None
    return tuple(name for name in text.split("\0") if name and "/" not in name and name not in (".", ".."))


def put_back(venv: str, aside: str) -> None:
    """Give the old venv its name again, and remove what had it meanwhile. Raises OSError."""
    folder, name = os.path.split(venv)
    spoiled = ""
    if os.path.lexists(venv):
        # The old one first: what is large, or cannot be removed, does not keep it waiting.
        spoiled = os.path.join(folder, f"{work_name(name, 'new')}{os.getpid()}-{os.urandom(3).hex()}")
        os.rename(venv, spoiled)
    os.rename(aside, venv)
    if spoiled:
        try:
            remove_tree(spoiled)
        except OSError:
            pass  # `clear_left_behind` tries again.


def go_on(venv: str, aside: str, moving: tuple[str, ...]) -> None:
    """Finish what was found good; what is done already stays done. Raises OSError."""
    for name in moving:
        old, new = os.path.join(aside, name), os.path.join(venv, name)
        if os.path.lexists(old) and (name == IGNORE_FILE or not os.path.lexists(new)):
            os.replace(old, new)
    left = [name for name in moving if os.path.lexists(os.path.join(aside, name))]
    remove_tree(os.path.join(venv, UNFINISHED))
    if left:
        raise OSError(errno.EEXIST, f"{left[0]} is in {venv} already", aside)
    remove_tree(aside)


def write_durably(folder: str, name: str, content: bytes) -> None:
    """Write a file that is there after a power failure too. Raises OSError."""
    replace_file(os.path.join(folder, name), content, durable=True)
    for above in (folder, os.path.dirname(folder)):
        descriptor = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError:
            pass  # Some network file systems cannot, and need not.
        finally:
            os.close(descriptor)
