"""`pyman uninstall`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.cli.session import Session
from pyman.cli.shell import keep_shims_current
from pyman.cli.show.moves import moved_data, moved_lines
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.core.moves import Moved
from pyman.core.plans.move import through_other
from pyman.core.plans.removal import Need
from pyman.core.request import parse_request
from pyman.core.runtime import Runtime, Store, without_runtime
from pyman.effects.apply import Transaction
from pyman.effects.holds import set_hold
from pyman.effects.removal import read_needs
from pyman.effects.runtimes import remove_runtime
from pyman.effects.store import read_store
from pyman.errors import NotFound, Refused

_MOST_LISTED = 10


@verb
def uninstall(
    session: Session,
    requests: Annotated[list[str], typer.Argument(metavar="REQUEST...", help="A patch release, or a minor with one.")],
    relink: Annotated[bool, typer.Option("--relink", help="Move the venvs that need it to their alias first.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Remove it although venvs or processes need it.")] = False,
) -> Answer:
    """Remove Pythons from the store. An adopted one is forgotten: its owner keeps it.

    Refuses while a process, a pinned or held-back venv or a hold needs it, or while it is the last one behind an
    alias that known venvs follow, and lists them.

    Examples:
        pyman uninstall 3.13.5
        pyman uninstall 3.13.5 --relink
    """
    store = read_store(session.places.root)
    chosen = [to_remove(store, text) for text in requests]
    moved: list[Moved] = []
    lines: list[str] = []
    for runtime in chosen:
        store = read_store(session.places.root)
        needed = read_needs(session.places, store, runtime)
        if relink:
            lines += _relink(session, store, runtime, needed)
            needed = read_needs(session.places, store, runtime)
        if needed and not force:
            raise _in_use(runtime, needed)
        for need in needed:
            if need.why == "hold":
                # A hold of what is gone would hold nothing.
                moved += set_hold(session.places, need.who, None, session.observer, force=True)
        moves = remove_runtime(session.places, runtime, force=force, observer=session.observer)
        moved += moves
        lines.append(
            f"removed {runtime.name}" if runtime.is_managed else f"forgot {runtime.name}; {runtime.target} stays"
        )
        lines += moved_lines(moves)
    keep_shims_current(session)
    data = {
        "changed": [runtime.name for runtime in chosen],
        "removed": [{"version": str(runtime.version), "path": runtime.target or runtime.path} for runtime in chosen],
        "moved": moved_data(tuple(moved)),
    }
    return Answer(data, tuple(lines))


def to_remove(store: Store, text: str) -> Runtime:
    """The runtime that a request to remove names: a patch release, or a minor with exactly one installed.

    Raises NotFound where there is none, Refused where it could be several.
    """
    named = store.runtime(text)
    if named is not None:
        return named
    request = parse_request(text)
    fitting = [runtime for runtime in store.runtimes if request.admits(runtime.version, runtime.variant)]
    if not fitting:
        raise NotFound(f"Python {text} is not installed", hint="see `pyman list`")
    if len(fitting) > 1:
        names = ", ".join(runtime.name for runtime in fitting)
        raise Refused(f"{text} could be any of {names}", hint="name the patch release", code="ambiguous")
    return fitting[0]


def _relink(session: Session, store: Store, runtime: Runtime, needed: tuple[Need, ...]) -> list[str]:
    """Move the venvs that are linked to a runtime to the alias; a pinned one then follows, and that is said."""
    rest = without_runtime(store, runtime.name)
    target = max(
        (one for one in rest.runtimes if one.alias == runtime.alias and one.whole),
        key=lambda one: one.rank,
        default=None,
    )
    if target is None:
        raise Refused(
            f"there is no other Python {runtime.alias} to move the venvs to",
            hint=f"run `pyman install {runtime.alias}` first",
        )
    lines = []
    present = store.alias_target(runtime.alias)
    for need in needed:
        if need.follower is None or need.follower.through != runtime.name or present is None:
            continue
        # While the alias still leads to what is removed, the venv is put on it; the move then checks it.
        with Transaction(session.places) as transaction:
            transaction.take(
                through_other(
                    need.follower, runtime.alias, present.version, held_back=None, variant=present.variant, follow=True
                )
            )
        was = "was pinned and now follows" if need.follower.is_pinned else "now follows"
        lines.append(f"{need.who} {was} {runtime.alias}")
    return lines


def _in_use(runtime: Runtime, needed: tuple[Need, ...]) -> Refused:
    shown = "; ".join(need.told for need in needed[:_MOST_LISTED])
    more = f"; and {len(needed) - _MOST_LISTED} more" if len(needed) > _MOST_LISTED else ""
    return Refused(
        f"{runtime.name} is needed: {shown}{more}",
        hint="`--relink` moves the venvs to their alias first, `--force` removes it all the same",
        code="in-use",
    )
