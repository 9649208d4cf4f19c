"""What the move of an alias meant, in words and for programs."""

from __future__ import annotations

from pyman.cli.show.notes import told_count
from pyman.core.store import Moved

_MOST_NOTES = 10


def moved_data(moved: tuple[Moved, ...]) -> list[dict[str, object]]:
    """The key `moved` of DESIGN 11."""
    return [
        {
            "alias": move.alias,
            "from": move.old,
            "to": move.new,
            "venvs": {"followed": move.followed, "pinned": move.pinned, "held_back": len(move.held_back)},
            "held_back": [{"path": held.path, "reason": held.reason} for held in move.held_back],
            "processes": [{"pid": process.pid, "command": process.command} for process in move.processes],
            "notes": [{"path": path, "note": note} for path, note in move.notes],
        }
        for move in moved
    ]


def moved_lines(moved: tuple[Moved, ...]) -> list[str]:
    """One line a move, one more for each venv that was held back."""
    lines = []
    for move in moved:
        if move.new is None:
            lines.append(f"{move.alias} is gone: nothing is left for it to point at")
        elif move.old is None:
            lines.append(f"{move.alias} is {move.new}")
        else:
            lines.append(f"{move.alias} moved from {move.old} to {move.new}")
        if move.followed or move.pinned or move.held_back:
            counts = [f"{told_count(move.followed)} now on {move.new}"] if move.new else []
            counts += [f"{told_count(move.pinned)} pinned"] if move.pinned else []
            counts += [f"{told_count(len(move.held_back))} held back"] if move.held_back else []
            lines += ["  " + ", ".join(counts)] if counts else []
        lines += [f"  held back: {held.path}: {held.reason}" for held in move.held_back]
        lines += [f"  {note}" for note in _notes(move)]
        lines += [
            f"  process {process.pid} still runs {move.old}, so start it again: {process.command}"
            for process in move.processes
        ]
    return lines


def _notes(move: Moved) -> list[str]:
    """What could not be checked: of many venvs, the first."""
    told = [f"{path}: {note}" for path, note in move.notes[:_MOST_NOTES]]
    return told + (
        [f"and {len(move.notes) - _MOST_NOTES} more notes: see `--json`"] if move.notes[_MOST_NOTES:] else []
    )


def planned_lines(moved: tuple[Moved, ...]) -> list[str]:
    """What would be said, had it been done."""
    lines = []
    for move in moved:
        lines.append(f"{move.alias} would move from {move.old} to {move.new}")
        counts = [f"{told_count(move.followed)} would follow", f"{told_count(move.pinned)} pinned"]
        lines.append("  " + ", ".join([*counts, f"{told_count(len(move.held_back))} would be held back"]))
        lines += [f"  would be held back: {held.path}: {held.reason}" for held in move.held_back]
        lines += [f"  {note}" for note in _notes(move)]
    return lines
