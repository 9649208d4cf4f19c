"""When the home is searched for venvs, and what is said about folders that were not searched (design.md 6)."""

from __future__ import annotations

import sys

from pyman.app.console import end_interrupted_line, is_terminal, short_path
from pyman.app.session import Session
from pyman.effects.venvs.home_search import (
    ANOTHER_USERS,
    GUARDED,
    NETWORK,
    ROOT,
    UNREADABLE,
    HomeSearch,
    last_search,
    search_home,
)
from pyman.errors import NOT_SEARCHED, Refused

_MOST_NAMED = 3
_REASONS = {
    ROOT: "it is the root folder",
    NETWORK: "it is on a network ({})",
    ANOTHER_USERS: "it belongs to another user",
    GUARDED: "macOS requires permission to read it",
    UNREADABLE: "{}",
}
"""Why a folder is not searched, with what else the refusal tells."""


def search_if_due(session: Session, wanted: bool | None, *, may_end: bool) -> HomeSearch:
    """Search where the user wants it; else, where a person reads along, if that was not done within a day.

    Where it `may_end`, ctrl-C ends the search and not the command. Raises PymanError where the settings cannot be used.
    """
    last = last_search(session.places)
    due = not last.is_made and is_terminal(sys.stdout) and not session.json and not session.places.is_automated
    return _search(session, may_end=may_end) if wanted or (wanted is None and due) else last


def search_before_removal(session: Session, wanted: bool | None, made: HomeSearch | None = None) -> HomeSearch:
    """Search before a Python is removed that a venv may need, unless the user does not want it, or it was just `made`.

    Raises Refused where a folder could not be searched, and PymanError where the settings cannot be used.
    """
    if wanted is False:
        return last_search(session.places)
    search = made or _search(session, may_end=False)
    if search.not_searched:
        raise Refused(
            f"pyman could not search everywhere for venvs that need it: {'; '.join(_reasons(session, search))}",
            hint="use `--no-search` to go ahead without searching",
            code=NOT_SEARCHED,
        )
    return search


def _search(session: Session, *, may_end: bool) -> HomeSearch:
    settings = short_path(session, session.places.config)
    told = f"searching for venvs (`--no-search` skips this, `folders = []` in {settings} turns it off)"
    search = search_home(session.places, session.observer, told=told, may_end=may_end, record=not session.dry_run)
    if not search.is_whole:
        end_interrupted_line()
    if session.preview is not None:
        session.preview.found = search.venvs
    return search


def notes_of_search(session: Session, search: HomeSearch | None, command: str) -> list[str]:
    """Where nobody looked, a sentence each; `command` is the one that looks there."""
    if search is None:
        return []
    notes = [f"not searched for venvs: {reason}" for reason in _reasons(session, search)]
    if not search.is_whole:
        notes.append("the search was interrupted: there may be more venvs")
    elif not search.is_made and search.plan.folders:
        where = _listed(session, search.plan.folders)
        notes.append(f"not searched for venvs: {where}; run `{command} --search`")
    return notes


def _reasons(session: Session, search: HomeSearch) -> list[str]:
    reasons = [
        f"{short_path(session, one.folder)} ({_REASONS[one.reason].format(one.detail)})" for one in search.plan.refused
    ]
    if search.unreadable:
        reasons.append(_listed(session, search.unreadable))
    return reasons


def _listed(session: Session, folders: tuple[str, ...]) -> str:
    shown = ", ".join(short_path(session, folder) for folder in folders[:_MOST_NAMED])
    return shown if len(folders) <= _MOST_NAMED else f"{shown} and {len(folders) - _MOST_NAMED} more"
