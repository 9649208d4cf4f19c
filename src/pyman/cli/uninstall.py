"""`pyman uninstall`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.app.console import Answer
from pyman.app.own import notes_of_own_python
from pyman.app.reasons import Reasons
from pyman.app.remove import PlannedRemoval, forget_gone, needed_by, planned_removal, to_remove
from pyman.app.search import search_before_removal
from pyman.app.session import Session
from pyman.app.shims import keep_shims_current
from pyman.cli.options import SearchOption
from pyman.cli.show.changes import moved_data, moved_lines, moved_status
from pyman.cli.show.reasons import move_lines
from pyman.cli.verb import verb
from pyman.core.store import Moved, Store
from pyman.core.version import version_data
from pyman.effects.interruption import Part
from pyman.effects.runtimes.managed import remove_runtime
from pyman.effects.runtimes.own_python import refuse_own
from pyman.effects.venvs.inventory import unrecorded_venvs
from pyman.errors import IN_USE, Refused


@verb
def uninstall(
    session: Session,
    requests: Annotated[
        list[str],
        typer.Argument(
            metavar="REQUEST...", help="A patch release, or a minor version with a single release installed."
        ),
    ],
    relink: Annotated[bool, typer.Option("--relink", help="Move the venvs that need it to their alias first.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Remove it even if venvs or processes need it.")] = False,
    search: SearchOption = None,
) -> Answer:
    """Remove Pythons from the store. For an adopted Python, only the link is removed.

    If a process, a pinned or held-back venv or a hold needs it, or if it is the last release behind an alias that
    venvs follow, nothing is removed and they are listed. The Python that pyman itself runs on is never removed.

    Examples:
        pyman uninstall 3.13.5
        pyman uninstall 3.13.5 --relink
    """
    store = session.store()
    chosen = list(
        {runtime.name: runtime for runtime in (to_remove(session, store, text) for text in requests)}.values()
    )
    for runtime in chosen:
        refuse_own(session.places, runtime)
    searched = search_before_removal(session, search)
    others = unrecorded_venvs(session.places, searched.venvs)
    going = [planned_removal(session, store, one, chosen, others, relink=relink, force=force) for one in chosen]
    if not force and any(one.needed for one in going):
        return _refused(going, store, Reasons(session), relink=relink)
    done: list[tuple[PlannedRemoval, tuple[Moved, ...]]] = []
    reasons = Reasons(session)
    session.if_cut_off(lambda: _answer(session, store, done, reasons))
    for one in going:
        with Part():
            moves = remove_runtime(
                session.places,
                one.runtime,
                relink=one.relinked,
                force=force,
                observer=session.observer,
                preview=session.preview,
            )
            done.append((one, moves))
            keep_shims_current(session)
    forget_gone(session)
    return _answer(session, store, done, reasons)


def _answer(
    session: Session, store: Store, done: list[tuple[PlannedRemoval, tuple[Moved, ...]]], reasons: Reasons
) -> Answer:
    """What was removed so far. `store` is as it was before."""
    lines: list[str] = []
    for one, moves in done:
        runtime = one.runtime
        lines += [
            f"{dependent.who} {session.shown('is no longer', 'would no longer be')} held"
            for dependent in one.needed
            if dependent.why == "hold"
        ]
        for follower in one.relinked:
            follows = session.shown("now follows", "would follow")
            was = f"{session.shown('was', 'is')} pinned and {follows}" if follower.is_pinned else follows
            lines.append(f"{follower.path} {was} {runtime.alias}")
        lines.append(
            f"{session.shown('removed', 'would remove')} {runtime.name}"
            if runtime.is_managed
            else f"{session.shown('forgot', 'would forget')} {runtime.name}; {runtime.target} stays"
        )
        lines += moved_lines(moves, reasons, planned=session.dry_run)
        broken = [
            each for each in one.needed if each.why in _BREAKS or (each.why == "follows" and not each.goes_down_to)
        ]
        starts = session.shown("no longer starts", "would no longer start")
        lines += [f"{each.who} {starts}; `pyman doctor --fix` repairs it" for each in broken]
    removed = [one.runtime for one, _ in done]
    moved = tuple(move for _, moves in done for move in moves)
    data = {
        "changed": [runtime.name for runtime in removed],
        "removed": [{**version_data(runtime.version), "path": runtime.target or runtime.path} for runtime in removed],
        "moved": moved_data(moved, reasons),
        "needed": [],
    }
    notes = notes_of_own_python(session, store, removed)
    return Answer(data, tuple(lines), notes=tuple(notes), status=moved_status(moved))


_BREAKS = ("pinned", "held back", "linked")
"""Why a venv needs a release that is removed all the same: it has no other."""


def _refused(going: list[PlannedRemoval], store: Store, reasons: Reasons, *, relink: bool) -> Answer:
    """Nothing is removed: who needs what, for people and for programs."""
    given_up = []
    for one in going:
        down = next((dependent.goes_down_to for dependent in one.needed if dependent.goes_down_to), "")
        lower = store.runtime(down)
        if lower is not None:
            reason = reasons.between_runtimes(one.runtime, lower)
            lines = move_lines(reasons, one.runtime.version, lower.version, reason)
            given_up += [f"going down to {down} {line}" for line in lines if not reason.of_distribution]
    told = []
    listed: list[str] = []
    for one in going:
        sentence, names = needed_by(one.runtime, one.needed)
        told += [sentence] if one.needed else []
        listed += names
    movable = not relink and any(
        dependent.follower and not dependent.unfit
        for one in going
        for dependent in one.needed
        if dependent.why != "follows"
    )
    down = next((dependent.goes_down_to for one in going for dependent in one.needed if dependent.goes_down_to), "")
    hint = "`--force` removes it anyway"
    held = next((dependent.who for one in going for dependent in one.needed if dependent.why == "hold"), None)
    if held is not None:
        hint = f"`pyman unhold {held}` ends the hold, {hint}"
    error = Refused(
        "; ".join(told),
        hint=f"`--relink` moves the venvs to their alias first, {hint}"
        if movable
        else f"`--relink` lets them go down to {down}, {hint}"
        if down
        else hint,
        code=IN_USE,
    )
    needed = [
        {"version": one.runtime.name, "why": dependent.why, "who": dependent.who, "reason": dependent.unfit or None}
        for one in going
        for dependent in one.needed
    ]
    data = {"changed": [], "removed": [], "moved": [], "needed": needed}
    return Answer(data, notes=(*listed, *given_up), error=error)
