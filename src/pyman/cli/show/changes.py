"""What changed or would change, in words and as JSON (design.md 11): installs, moves of aliases, rebuilds."""

from __future__ import annotations

from pyman.app.console import short_path
from pyman.app.session import Session
from pyman.cli.show.output import count_of_venvs
from pyman.cli.show.reasons import alias_move_lines, kept_away_line, reason_data
from pyman.core.store import Moved, Runtime, Store, origin_of
from pyman.core.version import python_name, short_release, version_data
from pyman.effects.store import read_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.app.install import Installed, InstallResult
    from pyman.app.reasons import Reason, Reasons
    from pyman.app.rebuild import Rebuilt
    from pyman.core.plans.rebuild import RebuildPlan


_MOST_NOTES = 10


def moved_data(moved: tuple[Moved, ...], reasons: Reasons) -> list[dict[str, object]]:
    """The key `moved` of design.md 11."""
    return [
        {
            "alias": move.alias,
            "from": move.old,
            "to": move.new,
            "venvs": {"followed": move.followed, "pinned": move.pinned, "held_back": len(move.held_back)},
            "held_back": [{"path": held.path, "reason": held.reason} for held in move.held_back],
            "processes": _processes_data(move),
            "notes": [{"path": path, "note": note} for path, note in move.notes],
            "fixes": reason_data(reasons.of_move(move)),
        }
        for move in moved
        if not move.waits
    ]


def waiting_data(moved: tuple[Moved, ...]) -> list[dict[str, object]]:
    """The key `waiting` of design.md 11: aliases that stay where they are while processes run through them."""
    waiting = {move.alias: move for move in moved if move.waits}
    return [
        {"alias": move.alias, "from": move.old, "to": move.new, "processes": _processes_data(move)}
        for move in waiting.values()
    ]


def _processes_data(move: Moved) -> list[dict[str, object]]:
    return [{"pid": one.pid, "command": one.command, "unit": one.unit or None} for one in move.processes]


def changed_names(done: Installed) -> list[str]:
    """The key `changed` of what installs: the new runtimes, and the aliases that moved without one."""
    new = (result.runtime.name for result in done.results if not result.already)
    return list(dict.fromkeys((*(move.alias for move in done.reconciled if not move.waits), *new)))


def moved_status(moved: Iterable[Moved]) -> int:
    """The exit status after moves that were done: 1 where one could not protect a venv."""
    return 0 if all(move.is_protected for move in moved) else 1


def moved_lines(moved: tuple[Moved, ...], reasons: Reasons, *, planned: bool = False) -> list[str]:
    """A line for each move, what it fixes, and who was held back; `planned` tells what a dry run would do."""
    lines = []
    for move in moved:
        if move.waits:
            lines += _waiting_lines(move)
            continue
        lines.append(_swapped(move, planned=planned))
        lines += [f"  {line}" for line in alias_move_lines(reasons, move)]
        now_on = "would follow" if planned else f"now on {move.new}"
        held_back = "would be held back" if planned else "held back"
        is_followed = move.followed or move.pinned or move.held_back
        counts = [f"{count_of_venvs(move.followed)} {now_on}"] if move.new and is_followed else []
        counts += [f"{count_of_venvs(move.pinned)} pinned"] if move.pinned else []
        counts += [f"{count_of_venvs(len(move.held_back))} {held_back}"] if move.held_back else []
        lines += ["  " + ", ".join(counts)] if counts else []
        lines += [f"  {held_back}: {held.path}: {held.reason}" for held in move.held_back]
        lines += [f"  {note}" for note in _notes(move)]
        runs = (
            f"runs {move.old}, and would have to be restarted" if planned else f"still runs {move.old}, so restart it"
        )
        lines += [f"  process {process.pid} {runs}: {process.command}" for process in move.processes]
    return lines


def _waiting_lines(move: Moved) -> list[str]:
    lines = [f"{move.alias} stays at {move.old} because processes use it; `pyman upgrade` moves it to {move.new}"]
    for process in move.processes:
        unit = f" of {process.unit}" if process.unit else ""
        lines.append(f"  process {process.pid}{unit}: {process.command}")
    return lines


def _swapped(move: Moved, *, planned: bool) -> str:
    if move.new is None:
        is_left = "would be gone: nothing would be left" if planned else "is gone: nothing is left"
        return f"{move.alias} {is_left} for it to point at"
    if move.old is None:
        return f"{move.alias} -> {move.new}"
    return f"{move.alias}: {move.old} -> {move.new}"


def _notes(move: Moved) -> list[str]:
    """What could not be checked: of many venvs, the first."""
    told = [f"{path}: {note}" for path, note in move.notes[:_MOST_NOTES]]
    return told + (
        [f"and {len(move.notes) - _MOST_NOTES} more notes: see `--json`"] if move.notes[_MOST_NOTES:] else []
    )


# What became of requests to install, in words and as data (design.md 11).


def notice_of_alias(session: Session, runtime: Runtime, reasons: Reasons) -> list[str]:
    """A line that says so, where the alias stays at a newer release, or where a hold or a folder keeps it."""
    store = session.store()
    if runtime.alias in store.blocked:
        return [f"{store.folder(runtime.alias)} blocks the alias {runtime.alias}, so no venv can follow it"]
    held = store.held(runtime.alias)
    if runtime.is_own_build and held is None:
        return [f"use it as `{runtime.name}`; `pyman hold {runtime.alias} {runtime.name}` points {runtime.alias} at it"]
    if held is None:
        target = store.alias_target(runtime.alias)
        if target is None or target.name == runtime.name or target.rank <= runtime.rank:
            return []
        return [f"{runtime.alias} stays at {target.release}; `pyman hold {runtime.alias} {runtime.release}` moves it"]
    if held == runtime.name:
        return []
    held_at = store.runtime(held)
    reason = reasons.between_runtimes(held_at, runtime) if held_at is not None and held_at.rank < runtime.rank else None
    return [
        f"{runtime.alias} is held and stays at {held}; `pyman unhold {runtime.alias}` removes the hold",
        *(f"  this {line}" for line in (kept_away_line(reasons, reason) if reason is not None else ())),
    ]


def installed_data(store: Store, result: InstallResult) -> dict[str, object]:
    """One item of the key `installed` of design.md 11."""
    return {
        "request": result.request.text,
        **version_data(result.runtime.version),
        "path": result.runtime.target or result.runtime.path,
        "origin": origin_of(result.runtime.target),
        "aliases": list(store.names_of(result.runtime)),
        "already": result.already,
    }


# What a rebuild will do and has done, in words and as JSON (design.md 11).

FROM_INDEX = "from the index"


def plan_lines(session: Session, plan: RebuildPlan) -> list[str]:
    """The plan: the two Pythons, who installs, what comes from where, and what cannot be restored."""
    shown = short_path(session, plan.facts.path)
    lines = [f"{shown}: {python_name(plan.facts.release or '?')} → {plan.choice.release}, packages by {plan.installer}"]
    if plan.source is not None:
        lines.append(f"  the packages of {short_path(session, plan.source)}, instead of the installed ones")
    else:
        reinstalled = (*plan.reinstallation.exact, *plan.reinstallation.resolved)
        plain = [f"{one.name} {one.version}" for one in reinstalled if one.source == FROM_INDEX]
        if plain:
            lines.append(f"  {len(plain)} {FROM_INDEX}: {', '.join(plain)}")
        lines += [
            f"  {' '.join(filter(None, (one.name, one.version)))} {one.source}"
            for one in reinstalled
            if one.source != FROM_INDEX
        ]
        if not reinstalled and not plan.reinstallation.obstacles:
            lines.append("  no packages")
        lines += [f"  {obstacle}: cannot be restored" for obstacle in plan.reinstallation.obstacles]
    left = [package.name for package in plan.packages if package.normalized in plan.reinstallation.own]
    if left:
        lines.append(f"  {', '.join(left)} in the version bundled with that Python")
    kept = (*plan.copied, *plan.moved, *(("pip.conf",) if plan.pip_conf is not None else ()))
    if kept:
        lines.append(f"  kept as it is: {', '.join(kept)}")
    return [*lines, *(f"  {note}" for note in plan.notes)]


def done_lines(session: Session, done: Rebuilt) -> list[str]:
    """What has been done."""
    shown = short_path(session, done.plan.facts.path)
    comparison = done.comparison
    count = "1 package" if done.count == 1 else f"{done.count} packages"
    lines = [f"rebuilt {shown} with {python_name(done.plan.choice.release)}: {count}"]
    lines += [f"  + {name} {version}" for name, version in comparison.added]
    lines += [f"  - {name} {version}" for name, version in comparison.removed]
    lines += [f"  ~ {name} {old} → {new}" for name, old, new in comparison.changed]
    return lines


def planned_data(plan: RebuildPlan) -> dict[str, object]:
    """One element of `rebuilt` for a plan; `--dry-run` does no more."""
    from pyman.app.relink import running_release

    return {
        "path": plan.facts.path,
        "from": running_release(plan.facts),
        "to": short_release(plan.choice.version),
        "packages": len(plan.reinstallation.names),
        "added": [],
        "removed": [],
        "changed": [],
        "status": "planned",
    }


def done_data(done: Rebuilt) -> dict[str, object]:
    """One element of `rebuilt`.

    `added` and `removed` hold `{name, version}`, `changed` `{name, from, to}`; `status` is `rebuilt`, `relinked`,
    `unchanged` or `planned`.
    """
    comparison = done.comparison
    return {
        **planned_data(done.plan),
        "packages": done.count,
        "added": [{"name": name, "version": version} for name, version in comparison.added],
        "removed": [{"name": name, "version": version} for name, version in comparison.removed],
        "changed": [{"name": name, "from": old, "to": new} for name, old, new in comparison.changed],
        "status": "rebuilt",
    }


def runtime_data(store: Store, runtime: Runtime, venvs: int, reason: Reason | None) -> dict[str, object]:
    """A runtime as `list --json` has it; `reason` is what a newer release fixes."""
    manifest = read_manifest(runtime)
    return {
        **version_data(runtime.version),
        "implementation": runtime.version.implementation,
        "variant": runtime.variant,
        "store": store.level_of(runtime),
        "origin": origin_of(runtime.target),
        "path": runtime.target or runtime.path,
        "build": (manifest.build if manifest is not None else None) or runtime.build,
        "aliases": list(store.names_of(runtime)),
        "venvs": venvs,
        "fixes": reason_data(reason),
    }
