"""Which venvs run on which runtime of the store: what `list` counts and `info` names."""

from __future__ import annotations

from pyman.effects.venvs.uses import Uses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.store import Store


def read_users(store: Store, others: Iterable[str] = ()) -> dict[str, list[str]]:
    """The paths of the known venvs, and of those at the paths `others`, by the name of the runtime that they lead to.

    Raises PymanError where the records cannot be read. What the system does not let us look at is left out.
    """
    found: dict[str, list[str]] = {}
    for use in Uses(store.root).of_known(others)[0]:
        runtime = store.runtime(use.name) or store.alias_target(use.name)
        if runtime is not None:
            found.setdefault(runtime.name, []).append(use.path)
    return found
