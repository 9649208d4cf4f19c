r"""What doctor has repaired, as the store's `repairs` tells it, and the plan that takes it back (design.md 3, 7).

One JSON object a line, the last repair last:

    {"run": "20261127T065000Z-4711-9f3a2c1b", "folder": "/home/u/app/.venv", "path": "/home/u/app/.venv",
     "code": "stale-patch", "action": "relink", "python": "3.13.5", "changes": [
        {"path": "bin/python", "link": ["/…/3.13.5/bin/python3.13", "/…/3.13/bin/python3.13"]},
        {"path": "pyvenv.cfg", "sha256": ["…", "…"], "line": 0, "lines": 1, "old": "home = /…/3.13.5/bin\n",
         "mode": null}]}

The first of two values is the old one. A line is written before its repair begins, and says what each file and link is
to be before and after: whatever is left of a repair or of an undo that was killed is one of the two. So it is believed
only of a venv that is as it says, and of one that is neither, nothing is changed.
"""

from __future__ import annotations

from posixpath import basename, dirname, join, normpath

from pyman.core.diagnosis.finding import (
    ADOPT_AGAIN,
    FORGET_RUNTIME,
    INSTALL,
    MOVE_ALIASES,
    OWN_FILES,
    REBUILD,
    RECREATE,
    REFRESH,
    REINSTALL,
)
from pyman.core.escape import as_word
from pyman.core.immutable import record, replace
from pyman.core.owner_files import owner_files_of
from pyman.core.plans.steps import (
    CopyProgram,
    OwnCopy,
    Plan,
    RemoveLink,
    ReplaceFile,
    ReplaceLink,
)
from pyman.core.venv import VenvFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from pyman.core.plans.steps import Step

MOST_BYTES = 1 << 20
"""Of old lines in one repair. A repair of more is not kept: nothing that doctor rewrites comes near to this."""


@record
class LinkChange:
    """A symlink that got another target; None where nothing had, or has, the name."""

    path: str
    old: str | None
    new: str | None


@record
class FileChange:
    """A file that got other lines, or other permissions."""

    path: str
    old_sha256: str
    new_sha256: str
    line: int
    """How many lines at the start are the same in both."""
    lines: int
    """How many lines behind those are new."""
    old: bytes
    """What stood in their place."""
    mode: int | None = None
    """The permissions that the file had, where it got others."""


if TYPE_CHECKING:
    Change = LinkChange | FileChange


@record
class DoneRepair:
    """One repair, as it was recorded."""

    run: str
    """The call of pyman that made it: the time, and what tells it apart from others of that time."""
    folder: str
    """The folder of the venv, or of the runtime or alias where the store was repaired."""
    path: str
    """The path by which people know it."""
    code: str
    action: str
    python: str | None
    """The release that ran before, empty where it was unknown; None where nothing could run."""
    changes: tuple[Change, ...] = ()
    """In the order in which they were made; none where the repair cannot be taken back."""

    @property
    def day(self) -> str:
        """When it was made, `2026-11-27`."""
        return f"{self.run[:4]}-{self.run[4:6]}-{self.run[6:8]}"

    @property
    def why_it_stays(self) -> str:
        """Why it cannot be taken back; empty where it can."""
        if self.changes:
            return ""
        if self.action in (REBUILD, RECREATE) and self.python:
            minor = ".".join(self.python.split(".")[:2])
            command = f"`pyman rebuild {as_word(self.path)} -p {minor}`"
            return f"it was recreated, and the old one was not kept; {command} recreates it for {minor}"
        return _STAYS.get(self.action, "its old content was not kept")


_STAYS: dict[str, str] = {
    REBUILD: "it was recreated, and the old one was not kept",
    RECREATE: "it was recreated, and the old one was not kept",
    REFRESH: "its interpreter was copied again, and the old copy was not kept",
    OWN_FILES: "it has its own copies of files that it shared, with the same content",
    INSTALL: "a Python was installed for it, which `pyman uninstall` removes",
    MOVE_ALIASES: "`pyman rollback` and `pyman hold` move an alias back",
    REINSTALL: "the runtime was installed again, and the broken one was not kept",
    ADOPT_AGAIN: "its Python is another release now",
    FORGET_RUNTIME: "its Python no longer exists",
}
LASTING = tuple(_STAYS)
"""Actions that are recorded, so that an undo can say that it does not take them back."""


# A repair that is about to be made, as changes.


def changes_of(plan: Plan, modes: Mapping[str, int]) -> tuple[Change, ...]:
    """The changes that a plan makes; none where they cannot be taken back.

    `modes` are the permissions of the files that get others.
    """
    steps: list[Step] = []
    part: Plan | None = plan
    while part is not None:
        steps += part.steps
        part = part.also
    if any(isinstance(step, (CopyProgram, OwnCopy)) for step in steps):
        return ()
    changes = tuple(_change(step, modes) for step in steps if isinstance(step, (ReplaceFile, ReplaceLink, RemoveLink)))
    return changes if sum(len(one.old) for one in changes if isinstance(one, FileChange)) <= MOST_BYTES else ()


def _change(step: ReplaceFile | ReplaceLink | RemoveLink, modes: Mapping[str, int]) -> Change:
    if isinstance(step, RemoveLink):
        return LinkChange(step.path, step.old, None)
    if isinstance(step, ReplaceLink):
        return LinkChange(step.path, step.old, step.new)
    before, after = step.old.splitlines(keepends=True), step.new.splitlines(keepends=True)
    same = _same_at_start(before, after)
    end = _same_at_start(before[same:][::-1], after[same:][::-1])
    old = b"".join(before[same : len(before) - end])
    lines = len(after) - end - same
    return FileChange(step.path, _hash(step.old), _hash(step.new), same, lines, old, modes.get(step.path))


def _same_at_start(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _hash(content: bytes) -> str:
    from hashlib import sha256

    return sha256(content).hexdigest()


def old_content(change: FileChange, new: bytes) -> bytes | None:
    """What a file held before, made of what it holds now; None where that is not what the repair left."""
    lines = new.splitlines(keepends=True)
    found = b"".join((*lines[: change.line], change.old, *lines[change.line + change.lines :]))
    return found if _hash(found) == change.old_sha256 else None


# Lines of the file.


def as_line(repair: DoneRepair) -> bytes:
    """One line, which ends with a line break."""
    import json

    fields = {
        "run": repair.run,
        "folder": repair.folder,
        "path": repair.path,
        "code": repair.code,
        "action": repair.action,
        "python": repair.python,
        "changes": [_as_fields(change, repair.folder) for change in repair.changes],
    }
    return f"{json.dumps(fields)}\n".encode("ascii")


def _as_fields(change: Change, folder: str) -> dict[str, object]:
    path = change.path.removeprefix(f"{folder}/")
    if isinstance(change, LinkChange):
        return {"path": path, "link": [change.old, change.new]}
    return {
        "path": path,
        "sha256": [change.old_sha256, change.new_sha256],
        "line": change.line,
        "lines": change.lines,
        "old": change.old.decode("utf-8", "surrogateescape"),
        "mode": change.mode,
    }


def parse_line(line: bytes) -> DoneRepair | None:
    """The repair that a line tells; None for one that was cut off or that pyman did not write."""
    import json

    try:
        fields = json.loads(line)
        repair = DoneRepair(
            _text(fields["run"]),
            _absolute(fields["folder"]),
            _absolute(fields["path"]),
            _text(fields["code"]),
            _text(fields["action"]),
            _text_or_none(fields["python"]),
        )
        return replace(repair, changes=tuple(_parse_change(each, repair.folder) for each in fields["changes"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _parse_change(fields: dict[str, Any], folder: str) -> Change:
    """Raises ValueError for a change of anything but the venv and what its owner remembers of it."""
    path = _text(fields["path"])
    if path not in owner_files_of(folder):
        if path.startswith("/") or normpath(path) != path or path.split("/")[0] in (".", ".."):
            raise ValueError(path)
        path = join(folder, path)
    if "link" in fields:
        old, new = fields["link"]
        return LinkChange(path, _text_or_none(old), _text_or_none(new))
    old_sha256, new_sha256 = fields["sha256"]
    return FileChange(
        path,
        _text(old_sha256),
        _text(new_sha256),
        _count(fields["line"]),
        _count(fields["lines"]),
        _text(fields["old"], may_be_zero=True).encode("utf-8", "surrogateescape"),
        None if fields["mode"] is None else _count(fields["mode"]) & 0o777,
    )


def _text(value: object, *, may_be_zero: bool = False) -> str:
    if not isinstance(value, str) or (not may_be_zero and "\0" in value):
        raise ValueError(value)
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _absolute(value: object) -> str:
    path = _text(value)
    if not path.startswith("/") or normpath(path) != path or path == "/":
        raise ValueError(path)
    return path


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(value)
    return value


# Taking it back.


@record
class Present:
    """What has a name now: a link, or a file; neither where it is missing, or something else."""

    link: str | None = None
    content: bytes | None = None
    is_there: bool = False
    mode: int = 0


@record
class Undo:
    """How the repairs of one venv are taken back."""

    repairs: tuple[DoneRepair, ...]
    """The last one first."""
    plan: Plan | None = None
    """None where nothing is to be done: because of `reason`, or because all is as it was before already."""
    reason: str = ""
    """Why it is left as it is."""
    links: tuple[tuple[str, str], ...] = ()
    """The names in `bin` that lead elsewhere afterwards, with where."""

    @property
    def is_settled(self) -> bool:
        """True where nothing is left to take back."""
        return self.plan is None and not self.reason


def plan_undo(repairs: Sequence[DoneRepair], present: Mapping[str, Present], folder: VenvFolder) -> Undo:
    """Take the repairs of one venv back, the last one first, in the reverse order of their steps; all or none.

    `present` is what is there now, by path; `folder` is that of the venv.
    """
    state = dict(present)
    steps: list[Step] = []
    for repair in repairs:
        if repair.why_it_stays:
            return Undo(tuple(repairs), reason=repair.why_it_stays)
        for change in reversed(repair.changes):
            step = _undo_link(change, state) if isinstance(change, LinkChange) else _undo_file(change, state)
            if step is None:
                name = change.path.removeprefix(f"{repair.folder}/")
                return Undo(tuple(repairs), reason=f"{name} was changed since it was repaired on {repair.day}")
            steps += step
    links = tuple((step.path, step.new) for step in steps if isinstance(step, ReplaceLink))
    return Undo(tuple(repairs), _in_folders(steps, folder), "", links) if steps else Undo(tuple(repairs))


def _undo_link(change: LinkChange, state: dict[str, Present]) -> tuple[Step, ...] | None:
    """The step back, none where it is taken already; None where the name is neither as before nor as after."""
    now = state.get(change.path, Present())
    is_now = now.link if now.is_there else None
    if now.is_there and now.link is None:
        return None
    if is_now == change.old:
        return ()
    if is_now != change.new:
        return None
    state[change.path] = Present(change.old, None, change.old is not None)
    if change.old is None:
        return (RemoveLink(change.path, change.new or ""),)
    return (ReplaceLink(change.path, change.new, change.old),)


def _undo_file(change: FileChange, state: dict[str, Present]) -> tuple[Step, ...] | None:
    """The step back, none where it is taken already; None where the file is neither as before nor as after."""
    now = state.get(change.path, Present())
    if now.content is None:
        return None
    old: bytes | None = now.content
    if _hash(now.content) != change.old_sha256:
        old = old_content(change, now.content) if _hash(now.content) == change.new_sha256 else None
    if old is None:
        return None
    mode = now.mode if change.mode is None else change.mode
    if (old, mode) == (now.content, now.mode):
        return ()
    state[change.path] = Present(None, old, True, mode)
    return (ReplaceFile(change.path, now.content, old, mode=change.mode),)


def _in_folders(steps: Iterable[Step], folder: VenvFolder) -> Plan:
    """The steps on the venv, and behind them those on files beside it in which its owner remembers it."""
    inside = tuple(step for step in steps if _path(step).startswith(f"{folder.path}/"))
    plan: Plan | None = None
    for step in steps:
        if step not in inside:
            plan = Plan((step,), VenvFolder(dirname(_path(step))), plan)
    return Plan(inside, folder, plan)


def _path(step: Step) -> str:
    return str(getattr(step, "path", ""))


def modules_of(plan: Plan) -> tuple[str, ...]:
    """The Python modules that a plan replaces: their bytecode goes."""
    paths = [step.path for step in plan.steps if isinstance(step, ReplaceFile)]
    return tuple(path for path in paths if basename(path).endswith(".py"))


# Which repairs are meant.


Repairs = tuple[DoneRepair, ...]
"""Those of one venv in one run, the last one first."""


@record
class Undone:
    """A venv whose repairs were taken back."""

    path: str
    codes: tuple[str, ...]
    """Of the findings that it may have again."""
    python: str
    """The release that it runs again; empty where that did not change, or is not known."""


def undone(undo: Undo) -> Undone:
    """What is told of it, and what it runs."""
    repairs = undo.repairs
    codes = tuple(dict.fromkeys(repair.code for repair in repairs))
    return Undone(repairs[0].path, codes, (repairs[-1].python or "") if undo.links else "")


def by_run(repairs: Sequence[DoneRepair], wanted: Sequence[str]) -> Iterator[tuple[Repairs, ...]]:
    """The runs of doctor, the last one first, each as the repairs of one venv after the other, the last ones first.

    With `wanted`, only what was done at these paths, or below them.
    """
    runs: dict[str, dict[str, list[DoneRepair]]] = {}
    for repair in reversed(repairs):
        if not wanted or any(_is_at(repair, path) for path in wanted):
            runs.setdefault(repair.run, {}).setdefault(repair.folder, []).append(repair)
    for venvs in runs.values():
        yield tuple(map(tuple, reversed(venvs.values())))


def _is_at(repair: DoneRepair, path: str) -> bool:
    return any(own == path or own.startswith(f"{path.rstrip('/')}/") for own in (repair.path, repair.folder))
