"""`pyman rebuild`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.cli.examining import examine
from pyman.cli.mending import mend_venv
from pyman.cli.pin import named_venv
from pyman.cli.rebuilding import (
    RebuildOptions,
    RebuildPlan,
    Rebuilt,
    carry_out,
    plan_rebuild,
    recover_what_was_cut_off,
)
from pyman.cli.session import Session
from pyman.cli.show.notes import short_path
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.core.diagnosis import diagnose_venv
from pyman.core.finding import REBUILD, RELINK
from pyman.core.packages import normalize_name
from pyman.core.relink import wanted_alias
from pyman.core.venv import VenvFacts
from pyman.effects.inventory import read_one
from pyman.errors import PymanError, UsageError

_INSTALLERS = ("auto", "uv", "pip")


@verb
def rebuild(
    session: Session,
    venvs: Annotated[
        list[str] | None, typer.Argument(metavar="[VENV...]", help="Default: the active one, else .venv.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that `pyman doctor` says need it.")] = False,
    python: Annotated[
        str | None, typer.Option("--python", "-p", metavar="REQUEST", help="Another Python; default: the same minor.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="SOURCE", help="`lock`, or a requirements file, instead of what was there."),
    ] = None,
    allow_newer: Annotated[
        bool, typer.Option("--allow-newer", help="Allow other versions where one cannot be had.")
    ] = False,
    relax: Annotated[
        list[str] | None, typer.Option("--relax", metavar="NAME", hidden=True, help="A package to allow it for.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Rebuild also where a relink would do.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    installer: Annotated[
        str, typer.Option("--installer", metavar="auto|uv|pip", help="What installs packages.")
    ] = "auto",
) -> Answer:
    """Make a venv anew with the packages that it had, for another minor or because a relink cannot mend it.

    The packages are read from files: the old interpreter may be gone. The old venv is set aside, and is back, whole,
    if anything fails, is interrupted or is killed. `--allow-newer` may be followed by the names of packages that it
    is limited to.

    Examples:
        pyman rebuild -p 3.14
        pyman rebuild --dry-run
        pyman rebuild -p 3.14 --allow-newer numpy
        pyman rebuild --from lock
        pyman rebuild --all
    """
    if installer not in _INSTALLERS:
        raise UsageError(f"`{installer}` is no installer", hint="choose auto, uv or pip")
    recover_what_was_cut_off(session)
    options = RebuildOptions(
        python,
        source,
        allow_newer or bool(relax),
        tuple(normalize_name(name) for name in relax or ()),
        force,
        installer,
    )
    named: list[str | None] = list(venvs) if venvs else [None]
    chosen = _needing(session) if every else [named_venv(session, venv) for venv in named]
    rebuilt: list[dict[str, object]] = []
    failed: list[dict[str, object]] = []
    lines: list[str] = []
    error: PymanError | None = None
    for facts in chosen:
        try:
            if not options.force and not _needs_rebuild(session, facts, options):
                rebuilt.append(_relink(session, facts, lines, dry_run=dry_run))
                continue
            plan = plan_rebuild(session, facts, options)
            lines += _plan_lines(session, plan)
            if dry_run:
                rebuilt.append(_planned(plan))
                continue
            done = carry_out(session, plan)
        except PymanError as failure:
            error = error or failure
            failed.append({"path": facts.path, "reason": failure.message, "restored": True})
            if len(chosen) > 1:
                lines.append(f"{short_path(session, facts.path)} was not rebuilt: {failure.message}")
            continue
        rebuilt.append(_data(done))
        lines += _done_lines(session, done)
    if every and not chosen:
        lines.append("no venv needs a rebuild")
    return Answer({"rebuilt": rebuilt, "failed": failed}, tuple(lines), error=error)


def _names_after_allow_newer(words: list[str]) -> list[str]:
    """Read `--allow-newer NAME…` as DESIGN 11 has it: the names of packages behind it belong to it."""
    if "--allow-newer" not in words:
        return words
    place = words.index("--allow-newer") + 1
    rest = list(words[place:])
    names: list[str] = []
    while rest and rest[0][:1].isalnum() and "/" not in rest[0] and not os.path.isdir(rest[0]):
        names += ["--relax", rest.pop(0)]
    return [*words[:place], *names, *rest]


rebuild.rewrite_words = _names_after_allow_newer  # type: ignore[attr-defined]  # read by cli.app


def _needing(session: Session) -> list[VenvFacts]:
    seen = examine(session, machine=False)
    paths = dict.fromkeys(finding.path for finding in seen.findings if finding.action == REBUILD)
    return [facts for path in paths if (facts := read_one(session.places, path)) is not None]


def _needs_rebuild(session: Session, facts: VenvFacts, options: RebuildOptions) -> bool:
    """False where the same minor and variant is meant and a relink does what is wanted."""
    if options.source is not None or options.allow_newer:
        return True
    from pyman.cli.examining import judge
    from pyman.effects.store import read_store

    findings = diagnose_venv(facts, judge(session, read_store(session.places.root), [facts]))
    if any(finding.action == REBUILD for finding in findings):
        return True
    if options.python is None:
        return False
    from pyman.cli.rebuilding import asked_python

    _, choice = asked_python(session, facts, options)
    alias = choice.runtime.alias if choice.runtime is not None else choice.version.minor_name
    return alias != wanted_alias(facts)


def _relink(session: Session, facts: VenvFacts, lines: list[str], *, dry_run: bool) -> dict[str, object]:
    """Same minor, same ABI: a relink is all that is needed."""
    from pyman.cli.examining import judge
    from pyman.effects.store import read_store

    world = judge(session, read_store(session.places.root), [facts], foreign=True)
    findings = diagnose_venv(facts, world)
    wanted = [finding for finding in findings if finding.action == RELINK]
    shown = short_path(session, facts.path)
    if dry_run or not findings:
        told = wanted[0].repair if wanted else "nothing is wrong with it"
        lines.append(f"{shown}: {told}; `--force` makes it anew all the same")
        after = facts
    else:
        outcome = mend_venv(session, facts.path, lambda _: False, foreign=True)
        failure = next((one for one in outcome.mended if one.status == "failed"), None)
        if failure is not None:
            raise PymanError(f"{facts.path} could not be mended: {failure.why}", hint="use `--force` to make it anew")
        lines.append(f"{shown}: same minor, so it was mended in place, with its packages")
        after = outcome.facts or facts
    old = str(facts.python) if facts.python is not None else None
    new = str(after.python) if after.python is not None else None
    return {"path": facts.path, "from": old, "to": new, "packages": 0, "added": [], "removed": [], "changed": []}


def _planned(plan: RebuildPlan) -> dict[str, object]:
    return {
        "path": plan.facts.path,
        "from": plan.old,
        "to": str(plan.choice.version),
        "packages": len(plan.reinstallation.names),
        "added": [],
        "removed": [],
        "changed": [],
    }


def _data(done: Rebuilt) -> dict[str, object]:
    comparison = done.comparison
    return {
        **_planned(done.plan),
        "packages": done.count,
        "added": [{"name": name, "version": version} for name, version in comparison.added],
        "removed": [{"name": name, "version": version} for name, version in comparison.removed],
        "changed": [{"name": name, "from": old, "to": new} for name, old, new in comparison.changed],
    }


def _plan_lines(session: Session, plan: RebuildPlan) -> list[str]:
    count = f"{len(plan.reinstallation.names)} packages"
    if plan.lock is not None or any(batch.file for batch in plan.batches):
        count = "what the file names"
    shown = short_path(session, plan.facts.path)
    lines = [f"{shown}: Python {plan.old or '?'} → {plan.choice.release}, {count} with {plan.installer}"]
    special = [
        one for one in (*plan.reinstallation.exact, *plan.reinstallation.resolved) if one.source != "from the index"
    ]
    return lines + [f"  {one.name} {one.version} {one.source}" for one in special]


def _done_lines(session: Session, done: Rebuilt) -> list[str]:
    shown = short_path(session, done.plan.facts.path)
    lines = [f"rebuilt {shown} with Python {done.plan.choice.release}: {done.count} packages"]
    comparison = done.comparison
    lines += [f"  + {name} {version}" for name, version in comparison.added]
    lines += [f"  - {name} {version}" for name, version in comparison.removed]
    lines += [f"  ~ {name} {old} → {new}" for name, old, new in comparison.changed]
    return lines
