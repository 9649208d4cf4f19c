"""Looking and choosing, as every verb that needs a Python does it: who asks for what, and what answers."""

from __future__ import annotations

from pyman.core.runtime import choose
from pyman.core.selection import DEFAULT, ENVIRONMENT, Wish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyman.core.request import Request
    from pyman.core.runtime import Choice, Store


def wishes(environ: Mapping[str, str], _cwd: str, store: Store) -> list[Wish]:
    """Everybody who may ask for a Python, in the order of DESIGN 9."""
    found = []
    if environ.get(ENVIRONMENT):
        found.append(Wish(ENVIRONMENT, (environ[ENVIRONMENT],)))
    if store.default is not None:
        found.append(Wish(DEFAULT, (store.default,)))
    return found


def choose_interpreter(store: Store, request: Request, _environ: Mapping[str, str], _cwd: str) -> Choice | None:
    """The interpreter that answers a request, None where nothing does."""
    return choose(store, request)
