"""Whether a verb may change the venv that is named: it is the one that the user sees, and its folders are its own."""

from __future__ import annotations

from pyman.cli.flows.asking import confirmed
from pyman.cli.session import Session
from pyman.core.venv import VenvFacts
from pyman.effects.venvs.inventory import leads_outside
from pyman.effects.venvs.own_folders import leads_elsewhere, not_written
from pyman.effects.venvs.records import is_recorded
from pyman.errors import NEEDS_YES, Refused


def refuse_other_place(session: Session, facts: VenvFacts, command: str) -> None:
    """Raise Refused for a venv that may not be written into, or that is not the one that the user sees.

    A cloned project's `.venv` may be a link to any venv of the user's: it is changed where it lies in that project,
    where the link itself was recorded (`register`), or where it is given by its own path.
    """
    if leads_outside(session.places, facts.path, facts.folder) and not is_recorded(session.places.root, facts.path):
        raise leads_elsewhere(facts.path, facts.folder, command)
    if facts.not_written:
        raise not_written(facts.path, facts.not_written)


def refuse_stage(session: Session, facts: VenvFacts, command: str, *, yes: bool) -> None:
    """Ask whether a venv is to be changed that may lie in a tree for elsewhere; Refused without a yes (DESIGN 7)."""
    if facts.stage_reason and not confirmed(session, f"{facts.path}: {facts.stage_reason}; change it?", yes=yes):
        raise Refused(
            f"{facts.path} is left as it is: {facts.stage_reason}",
            hint=f"if it really was moved there, run `pyman {command} --yes`",
            code=NEEDS_YES,
        )
