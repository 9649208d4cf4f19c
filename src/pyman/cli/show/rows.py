"""Rows of the JSON that several commands have."""

from __future__ import annotations

from pyman.core.implementation import other_name
from pyman.core.version import version_data
from pyman.effects.machine import user_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.diagnosis.venv import ListedVenv
    from pyman.core.store import Store


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
    """The aliases as `list --json` has them."""
    return [
        {"name": alias.name, "target": alias.target, "held": store.held(alias.name) is not None}
        for alias in store.aliases
    ]
