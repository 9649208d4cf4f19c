"""What a rebuild will do and has done, in words and as JSON (DESIGN 11)."""

from __future__ import annotations

from pyman.cli.flows.checking_rebuild import Rebuilt
from pyman.cli.session import Session
from pyman.cli.show.notes import short_path
from pyman.core.plans.rebuild import RebuildPlan
from pyman.core.venv import VenvFacts

FROM_INDEX = "from the index"


def plan_lines(session: Session, plan: RebuildPlan) -> list[str]:
    """The plan: the two Pythons, who installs, what comes from where, and what cannot be put back."""
    shown = short_path(session, plan.facts.path)
    lines = [f"{shown}: Python {told(plan.facts) or '?'} → {plan.choice.release}, packages by {plan.installer}"]
    if plan.source is not None:
        lines.append(f"  what {short_path(session, plan.source)} asks for, instead of what is there")
    else:
        put_back = (*plan.reinstallation.exact, *plan.reinstallation.resolved)
        plain = [f"{one.name} {one.version}" for one in put_back if one.source == FROM_INDEX]
        if plain:
            lines.append(f"  {len(plain)} {FROM_INDEX}: {', '.join(plain)}")
        lines += [
            f"  {' '.join(filter(None, (one.name, one.version)))} {one.source}"
            for one in put_back
            if one.source != FROM_INDEX
        ]
        if not put_back and not plan.reinstallation.obstacles:
            lines.append("  no packages")
        lines += [f"  {obstacle}: cannot be put back" for obstacle in plan.reinstallation.obstacles]
    left = [package.name for package in plan.packages if package.normalized in plan.reinstallation.own]
    if left:
        lines.append(f"  {', '.join(left)} as that Python brings it")
    kept = (*plan.copied, *plan.moved, *(("pip.conf",) if plan.pip_conf is not None else ()))
    if kept:
        lines.append(f"  kept as it is: {', '.join(kept)}")
    return [*lines, *(f"  {note}" for note in plan.notes)]


def done_lines(session: Session, done: Rebuilt) -> list[str]:
    """What has been done."""
    shown = short_path(session, done.plan.facts.path)
    comparison = done.comparison
    count = "1 package" if done.count == 1 else f"{done.count} packages"
    lines = [f"rebuilt {shown} with Python {done.plan.choice.release}: {count}"]
    lines += [f"  + {name} {version}" for name, version in comparison.added]
    lines += [f"  - {name} {version}" for name, version in comparison.removed]
    lines += [f"  ~ {name} {old} → {new}" for name, old, new in comparison.changed]
    return lines


def told(facts: VenvFacts) -> str | None:
    """The release that runs; null where nobody knows it."""
    return str(facts.python) if facts.python is not None else None


def planned_data(plan: RebuildPlan) -> dict[str, object]:
    """One element of `rebuilt` for a plan; `--dry-run` does no more."""
    return {
        "path": plan.facts.path,
        "from": told(plan.facts),
        "to": str(plan.choice.version),
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


def relinked_data(before: VenvFacts, after: VenvFacts, packages: int, status: str) -> dict[str, object]:
    """One element of `rebuilt` for a venv that a relink was enough for."""
    return {
        "path": before.path,
        "from": told(before),
        "to": told(after),
        "packages": packages,
        "added": [],
        "removed": [],
        "changed": [],
        "status": status,
    }
