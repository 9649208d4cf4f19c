"""Rows of the JSON that several commands have."""

from __future__ import annotations

from pyman.core.implementation import other_name
from pyman.core.version import version_data
from pyman.effects.machine import user_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.app.schedule import ScheduleState
    from pyman.core.diagnosis.venv import ListedVenv
    from pyman.core.store import Alias, Store


def venv_data(venv: ListedVenv) -> dict[str, object]:
    """A venv as `venvs --json` has it."""
    return {
        "path": venv.path,
        "creator": venv.creator,
        "owner": user_name(venv.uid),
        "known": venv.known,
        "implementation": other_name(venv.implementation),
        "request": venv.request,
        "policy": venv.policy,
        **version_data(venv.python, "python"),
        "link": venv.link,
        "state": venv.state,
    }


def alias_data(store: Store) -> list[dict[str, object]]:
    """The aliases as `list --json` has them: those of the store, and what only the store for everybody has."""
    own = {alias.name for alias in store.aliases}
    beneath = () if store.beneath is None else store.beneath.aliases
    return [
        {"name": alias.name, "target": _target_name(store, alias), "held": store.held(alias.name) is not None}
        for alias in (*store.aliases, *(one for one in beneath if one.name not in own))
    ]


def _target_name(store: Store, alias: Alias) -> str:
    """The name that an alias points at; of a link to the store for everybody that of the runtime behind it."""
    target = store.alias_target(alias.name) if alias.target.startswith("/") else None
    return target.name if target is not None else alias.target


def schedule_data(state: ScheduleState) -> dict[str, object]:
    """What a schedule is and what came of it, as `schedule` and `report` have it."""
    timer = state.timer
    return {
        "on": timer is not None and timer.is_active,
        "when": timer.when if timer is not None else None,
        "fix": timer.fix if timer is not None else None,
        "timer": timer.kind if timer is not None else None,
        "limits": list(state.limits),
        "last": state.last.data if state.last is not None else None,
    }
