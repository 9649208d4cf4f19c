"""`pyman pin` and `pyman follow`: what a venv does when a patch release comes."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.consent import get_consent, refuse_other_place, refuse_stage, shown_move
from pyman.app.console import Answer
from pyman.app.reasons import Reason, Reasons
from pyman.app.relink import link_venv, named_venv
from pyman.app.session import Session
from pyman.cli.show.reasons import kept_away_line, known_fixes, move_lines
from pyman.cli.verb import verb
from pyman.core.escape import as_word
from pyman.core.implementation import refuse_other
from pyman.core.owners import foreign_command
from pyman.core.plans.install import installed_for
from pyman.core.relink import Target, store_target, wanted_alias
from pyman.core.request import parse_request
from pyman.core.store import Runtime, Store
from pyman.core.venv import VenvFacts
from pyman.core.version import python_name
from pyman.errors import FOREIGN, MINOR_MISMATCH, NotFound, PymanError, Refused

_VENV = Annotated[str | None, typer.Argument(metavar="[VENV]", help="Default: the active one, else .venv.")]
_YES = Annotated[
    bool,
    typer.Option(
        "--yes", "-y", help="Confirm a move to an older release, or away from a Python whose packages the venv uses."
    ),
]


@verb
def pin(
    session: Session,
    venv: _VENV = None,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="A patch release; default: the current one.")
    ] = None,
    yes: _YES = False,
) -> Answer:
    """Keep a venv on one patch release, even if its alias moves.

    Examples:
        pyman pin
        pyman pin .venv 3.13.5
    """
    if version is None and venv is not None and _names_release(session, venv):
        # `pyman pin 3.13.5` means the default venv.
        venv, version = None, venv
    facts = _own_venv(session, venv, "pin", yes=yes)
    store = session.store()
    runtime = _release(store, facts, version)
    target = store_target(store, runtime, runtime.name)
    words = [as_word(facts.path), *((version,) if version is not None else ())]
    reasons = Reasons(session)
    reason, told = _of_move(reasons, facts, target)
    command = f"pyman pin {' '.join(words)} --yes"
    lost = get_consent(session, facts, target, yes=yes, command=command, effects=told)
    changes = link_venv(session, facts, target, runtime.release, "pin")
    done = session.shown("is", "would be")
    line = f"{facts.path} {done} pinned to {runtime.release}{shown_move(session, facts, target)}"
    if facts.python == runtime.version:
        reason = reasons.of_runtime(store, runtime)
        told = [f"this {line}" for line in kept_away_line(reasons, reason)]
    data = {"changed": [facts.path] if changes else [], **known_fixes(reason)}
    return Answer(data, (line, *(f"  {each}" for each in told), *lost))


@verb
def follow(session: Session, venv: _VENV = None, yes: _YES = False) -> Answer:
    """Make a venv follow its minor version: it runs every patch release that the alias moves to.

    Examples:
        pyman follow
        pyman follow ~/projects/shop/.venv
    """
    facts = _own_venv(session, venv, "follow", yes=yes)
    store = session.store()
    alias = wanted_alias(facts)
    runtime = store.alias_target(alias) if alias is not None else None
    if alias is None or runtime is None:
        raise NotFound(
            f"the store has no alias {alias or ''} for {facts.path} to follow",
            hint=f"run `pyman install {alias}`, or `pyman adopt`" if alias else "run `pyman doctor` on it",
        )
    target = store_target(store, runtime, alias)
    lost = get_consent(session, facts, target, yes=yes, command=f"pyman follow {as_word(facts.path)} --yes")
    changes = link_venv(session, facts, target, alias, "follow")
    done = session.shown("follows", "would follow")
    line = f"{facts.path} {done} {alias}, now {runtime.release}{shown_move(session, facts, target)}"
    reason, told = _of_move(Reasons(session), facts, target)
    held_back = facts.settings.held_back
    if held_back is not None and held_back[1]:
        told = [*told, f"it was held back: {held_back[1]}"]
    data = {"changed": [facts.path] if changes else [], **known_fixes(reason)}
    return Answer(data, (line, *(f"  {each}" for each in told), *lost))


def _of_move(reasons: Reasons, facts: VenvFacts, target: Target) -> tuple[Reason, list[str]]:
    """What may be said of a venv's move to a Python, and its words; nothing where it runs that release already."""
    running = facts.running
    if running is None or running.version is None or running.version == target.version:
        return Reason(), []
    reason = reasons.between(running.version, running.prefix, target.version, target.prefix)
    return reason, move_lines(reasons, running.version, target.version, reason)


def _own_venv(session: Session, text: str | None, command: str, *, yes: bool) -> VenvFacts:
    """The same, where it is no other tool's: that would undo what was written."""
    facts = named_venv(session, text)
    refuse_other(facts, "pin or move")
    if facts.foreign:
        hint = f"run `{foreign_command(facts)}` to repair it; {facts.creator} chooses its Python"
        raise Refused(f"{facts.path} belongs to {facts.creator}", hint=hint, code=FOREIGN)
    refuse_other_place(session, facts, command)
    refuse_stage(session, facts, f"{command} {as_word(facts.path)}", yes=yes)
    return facts


def _names_release(session: Session, text: str) -> bool:
    if "/" in text or os.path.lexists(os.path.join(session.cwd, text)):
        return False
    try:
        return parse_request(text).pins
    except PymanError:
        return False


def _release(store: Store, facts: VenvFacts, version: str | None) -> Runtime:
    alias = wanted_alias(facts)
    if version is None:
        if facts.python is None:
            raise NotFound(f"it is not known which release {facts.path} runs", hint="give the full version")
        target = store.alias_target(alias or "")
        there = store.releases if target is None or not target.is_own_build else (target,)
        fitting = [one for one in there if one.whole and one.version == facts.python and one.alias == alias]
        wanted = facts.release or ""
    else:
        request = parse_request(version)
        if alias is not None and store.runtime(f"{alias}-{version}") is not None:
            request = parse_request(f"{alias}-{version}")
        if not request.pins:
            raise NotFound(f"`{version}` is not a patch release", hint="`pyman list` shows them")
        found = installed_for(request, store, adopted=True)
        fitting = [found] if found is not None else []
        wanted = version
    chosen = max(fitting, key=lambda one: one.rank, default=None)
    if chosen is None:
        raise NotFound(
            f"{python_name(wanted)} is not in the store", hint=f"run `pyman install {wanted}`, or `pyman adopt`"
        )
    if chosen.alias != alias:
        raise Refused(
            f"{facts.path} was built for {alias}; {chosen.release} is another minor version",
            hint=f"run `pyman rebuild {as_word(facts.path)} -p {chosen.release}` to recreate it",
            code=MINOR_MISMATCH,
        )
    return chosen
