"""`pyman info`: one Python, or one venv, explained."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.console import Answer, megabytes, short_path
from pyman.app.examine import diagnose, examine, judge
from pyman.app.reasons import Reason, Reasons
from pyman.app.relink import named_venv
from pyman.app.session import Session
from pyman.cli.show.changes import runtime_data
from pyman.cli.show.reasons import fixes_upward, identifiers, not_judged, reason_data
from pyman.cli.verb import verb
from pyman.core.choice import choose
from pyman.core.diagnosis.venv import state_of_venv
from pyman.core.implementation import is_repaired, other_name
from pyman.core.request import parse_request
from pyman.core.store import Runtime, Store, is_shared, origin_of
from pyman.core.venv import VenvFacts
from pyman.core.version import python_name, shown_release, version_data
from pyman.effects.disk_size import size_of
from pyman.effects.runtimes.dependents import read_dependents, runtime_at
from pyman.effects.store import read_manifest, read_stores
from pyman.effects.venvs.inventory import BaseReleases, read_one, unrecorded_venvs
from pyman.effects.venvs.uses import Uses, read_users
from pyman.errors import BadRequest, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.diagnosis.finding import Finding

_MOST_NAMED = 10


@verb
def info(
    session: Session,
    subject: Annotated[
        str | None, typer.Argument(metavar="[RUNTIME|VENV]", help="Default: the active venv, else .venv.")
    ] = None,
) -> Answer:
    """Explain a Python or a venv: where it is configured, which interpreter it runs and what would change that.

    Examples:
        pyman info
        pyman info 3.13
        pyman info ~/projects/shop/.venv
    """
    store = read_stores(session.places)
    if subject is not None:
        path = session.absolute(subject)
        if "/" in subject or subject.startswith((".", "~")) or os.path.lexists(os.path.join(path, "pyvenv.cfg")):
            runtime = runtime_at(store, path)
            if runtime is not None:
                return _about_runtime(session, store, runtime)
            venv = path if os.path.isdir(path) else os.path.dirname(os.path.dirname(path))
            if read_one(session.places, venv) is None:
                raise NotFound(
                    f"{path} is neither a venv nor a Python in the store", hint="see `pyman venvs` and `pyman list`"
                )
            return _about_venv(session, store, venv)
        if os.path.isdir(path) and store.runtime(subject) is None:
            named_venv(session, subject)
        return _about_runtime(session, store, _runtime_named(store, subject))
    return _about_venv(session, store, named_venv(session, None).path)


def _runtime_named(store: Store, text: str) -> Runtime:
    named = store.runtime(text)
    if named is not None:
        return named
    try:
        choice = choose(store, parse_request(text))
    except BadRequest as error:
        error.message = f"there is no venv `{text}` here, and it is not a Python version"
        error.hint = "see `pyman venvs` and `pyman list`"
        raise
    if choice is None or choice.runtime is None:
        raise NotFound(f"{python_name(text)} is not installed", hint="see `pyman list`")
    return choice.runtime


def _about_runtime(session: Session, store: Store, runtime: Runtime) -> Answer:
    others = unrecorded_venvs(session.places)
    needs = read_dependents(session.places, store, runtime, others)
    names = store.names_of(runtime)
    manifest = read_manifest(runtime)
    venvs = sorted(read_users(store, others).get(runtime.path, ()))
    reasons = Reasons(session)
    reason = reasons.of_runtime(store, runtime)
    data = {
        **runtime_data(store, runtime, len(venvs), reason),
        "name": runtime.name,
        "executable": os.path.join(runtime.path, runtime.executable),
        "url": manifest.url if manifest is not None else None,
        "sha256": manifest.sha256 if manifest is not None else None,
        "installed_at": manifest.installed_at if manifest is not None else None,
        "users": venvs,
        "changed": [],
        "needed_by": [{"why": dependent.why, "who": dependent.who} for dependent in needs],
    }
    lines = [
        f"{shown_release(runtime.version, runtime.variant)}, {origin_of(runtime.target)}",
        f"  location: {runtime.path}",
    ]
    if runtime.target is not None:
        lines.append(f"  a link to {runtime.target}, which pyman never changes")
        if is_shared(runtime.target):
            lines.append("  its bin folder also contains other programs; pyman runs only those of this Python")
    else:
        lines.append(f"  size: {megabytes(size_of(runtime.path))}")
    if manifest is not None:
        lines.append(f"  build {manifest.build or 'from a local archive'}, installed {manifest.installed_at}")
        lines.append(f"  from {manifest.url or 'a local archive'}")
        if manifest.source is not None:
            lines.append(
                f"  built by {manifest.source.compiler}, options: {' '.join(manifest.source.options) or 'none'}"
            )
        lines.append(f"  sha256 {manifest.sha256}")
    held = [name for name in names if store.held(name) is not None]
    lines.append(f"  aliases: {', '.join(names) or 'none'}" + (f" (held: {', '.join(held)})" if held else ""))
    lines.append(f"  venvs that run it: {len(venvs)}")
    lines += [f"    {short_path(session, path)}" for path in venvs[:_MOST_NAMED]]
    if len(venvs) > _MOST_NAMED:
        lines.append(f"    and {len(venvs) - _MOST_NAMED} more: `pyman venvs --python {runtime.release}`")
    lines += [
        f"  kept because {dependent.description}"
        for dependent in needs
        if dependent.why not in ("follows", "unreachable")
    ][:10]
    return Answer(data, (*lines, *_newer_lines(reasons, reason)))


def _newer_lines(reasons: Reasons, reason: Reason) -> list[str]:
    """What a newer release fixes, with the identifiers."""
    if reason.of_distribution:
        return [f"  {not_judged(reason)}"]
    if reason.fixes is None:
        return []
    new = reason.fixes.new
    return [
        f"  {new if reason.fixes.ids else f'{new} is newer:'} {fixes_upward(reason.fixes, reasons.today)}",
        *(f"    {line}" for line in identifiers(reason)),
    ]


def _about_venv(session: Session, store: Store, path: str) -> Answer:
    facts = read_one(session.places, path)
    if facts is None:
        raise NotFound(f"there is no venv at {path}", hint="see `pyman venvs`")
    findings = diagnose(facts, judge(session, store, [facts]))
    state = state_of_venv(findings, facts.path)
    chain = [step for step in (facts.way.chain if facts.way is not None else ()) if step]
    reasons, reason = Reasons(session), Reason()
    if facts.running is not None and facts.python is not None:
        reason = reasons.of_newer(store, facts.python, facts.running.variant, facts.running.prefix)
    others = [
        other.path
        for other in examine(session, machine=False).venvs
        if other.folder != facts.folder and other.base is not None and other.base == facts.running
    ]
    data = {
        "path": facts.path,
        "creator": facts.creator,
        "implementation": other_name(facts.implementation),
        "request": facts.request,
        "policy": facts.policy,
        **version_data(facts.python, "python"),
        "link": facts.link_kind,
        "state": state,
        "home": facts.home,
        "chain": chain,
        "settings": dict(facts.settings.values),
        "users": others,
        "changed": [],
        "findings": [
            {"code": one.code, "severity": one.severity, "message": one.message, "repair": one.repair}
            for one in findings
        ],
        "fixes": reason_data(reason),
    }
    maker = "creator unknown" if facts.creator == "unknown" else f"made by {facts.creator}"
    lines = [f"{short_path(session, facts.path)}, {maker}"]
    if facts.folder != facts.path:
        lines.append(f"  points to {short_path(session, facts.folder)}")
    runs = facts.running
    release = runs.version if runs is not None else None
    variant = runs.variant if runs is not None else "default"
    lines.append(f"  runs {shown_release(release, variant)}" if release else f"  {_why_unknown(session, facts)}")
    lines += [f"    {'→' if number else ' '} {short_path(session, step)}" for number, step in enumerate(chain)]
    lines.append(f"  home in pyvenv.cfg: {short_path(session, facts.settings.home or 'missing')}")
    for key in ("version", "version_info", "pyman-request", "pyman-policy", "pyman-held-back"):
        value = facts.settings.get(key)
        if value is not None:
            lines.append(f"  {key} in pyvenv.cfg: {value}")
    lines.append(f"  {_what_moves(facts, store, findings)}")
    lines += _newer_lines(reasons, reason)
    lines.append(f"  others on the same Python: {len(others)}")
    lines += [f"    {short_path(session, other)}" for other in others[:_MOST_NAMED]]
    if len(others) > _MOST_NAMED:
        lines.append(f"    and {len(others) - _MOST_NAMED} more: `pyman venvs --python {facts.release}`")
    lines += [
        f"  {one.severity} {one.code}: {one.message}" + (f" ({one.repair})" if one.repair else "") for one in findings
    ]
    if not findings:
        lines.append("  healthy")
    return Answer(data, tuple(lines))


def _why_unknown(session: Session, facts: VenvFacts) -> str:
    """Why the release that runs is not known, and how to make it known."""
    reason = BaseReleases(session.places).why_unknown(facts)
    if reason is None:
        return "which release it runs is unknown"
    return f"which release it runs is unknown: {reason.message}" + (f"; {reason.hint}" if reason.hint else "")


def _what_moves(facts: VenvFacts, store: Store, findings: Iterable[Finding]) -> str:
    """What would make the venv run another patch release."""
    if not is_repaired(facts.implementation):
        return "pyman does not move it"
    if facts.policy == "pin":
        return "pinned: only `pyman follow` moves it"
    if facts.settings.held_back is not None:
        return f"held back on {facts.settings.held_back[0]}; tried again when its alias moves"
    link = facts.minor_link
    if link is None:
        if any(one.code == "unreadable" for one in findings):
            return "which Python it follows is not known"
        repaired = any(one.code in ("stale-patch", "unfollowed") for one in findings)
        follows = "; `pyman doctor --fix` lets it follow" if repaired else ""
        return {
            "patch": f"linked to a patch release, so it is not upgraded{follows}",
            "external": "uses a Python that pyman does not manage; it changes when that Python is upgraded",
        }.get(facts.link_kind, "its link is broken: `pyman doctor --fix` repairs it")
    entry = Uses(store.root).named(link)
    if entry is not None:
        alias = entry[1]
        held = store.held(alias)
        return f"follows {alias}" + (f", which is held at {held}" if held else ", which `pyman upgrade` moves")
    return f"follows {link}, which its owner upgrades"
