"""Scheduled upkeep: what a run did and what is left, as the store keeps it, and the one line that a shell shows of it.

Import-light.
"""

from __future__ import annotations

from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Literal

    Object = Mapping[str, Any]
    Status = Literal["done", "left", "failed", "unfinished"]

DONE: Status = "done"
LEFT: Status = "left"
"""It ran, and a person has to do something."""
FAILED: Status = "failed"
UNFINISHED: Status = "unfinished"
"""It is still running, or was cut off."""
STATUSES = (DONE, LEFT, FAILED, UNFINISHED)

_MOST = 200
"""Elements of a list that are kept: a person looks at the first few."""
_LONGEST = 1000
"""Letters of a text that are kept."""
_MISSED = ("stale-patch", "unfollowed", "update-available")
"""Codes of what missed a patch release."""


@record
class Waiting:
    """An alias that stays where it is, because processes run through it."""

    alias: str
    old: str
    new: str
    users: tuple[str, ...] = ()
    """The services, containers and processes, in words."""


@record
class UpkeepRun:
    """What came of the last scheduled run."""

    time: str
    """When it began: `2026-11-27T03:12:00Z`."""
    status: Status
    upgraded: tuple[Object, ...] = ()
    """`alias`, `from` and `to` of each alias that moved."""
    fixed: tuple[Object, ...] = ()
    """`path` and `code` of each finding that was repaired."""
    left: tuple[Object, ...] = ()
    """`path`, `code`, `severity` and `message` of each finding that a person has to deal with."""
    waiting: tuple[Waiting, ...] = ()
    errors: tuple[str, ...] = ()
    """What failed, a sentence each."""

    @property
    def data(self) -> dict[str, Any]:
        """As JSON has it: `last` of design.md 11."""
        return {
            "time": self.time,
            "status": self.status,
            "upgraded": [dict(one) for one in self.upgraded],
            "fixed": [dict(one) for one in self.fixed],
            "left": [dict(one) for one in self.left],
            "waiting": [
                {"alias": one.alias, "from": one.old, "to": one.new, "users": [*one.users]} for one in self.waiting
            ],
            "errors": [*self.errors],
        }


def run_of(
    time: str, upgraded: Object, examined: Object | None, errors: Iterable[str], *, before: UpkeepRun | None = None
) -> UpkeepRun:
    """What came of a run: the JSON of `upgrade` and of `doctor`, None where that is still to come.

    What waited in the run `before` still does while nobody has looked.
    """
    waiting = tuple(_waiting(one) for one in _objects(upgraded, "waiting"))
    if not upgraded and before is not None:
        waiting = before.waiting
    moves = tuple(_picked(one, ("alias", "from", "to")) for one in _objects(upgraded, "moved"))
    if examined is None:
        return UpkeepRun(time, UNFINISHED, moves, waiting=waiting, errors=tuple(errors))
    findings = _objects(examined, "findings")
    fixed = tuple(_picked(one, ("path", "code")) for one in findings if one.get("status") == "fixed")
    left = tuple(_picked(one, ("path", "code", "severity", "message")) for one in findings if _is_left(one))
    failed = tuple(errors)
    status = FAILED if failed else LEFT if left else DONE
    return UpkeepRun(time, status, moves, fixed[:_MOST], left[:_MOST], waiting, failed)


def _is_left(finding: Object) -> bool:
    """True for what a person has to deal with."""
    if finding.get("status") == "fixed":
        return False
    return finding.get("severity") in ("error", "warning") or finding.get("code") == "restart-needed"


def _waiting(data: Object) -> Waiting:
    processes = _objects(data, "processes")
    users = [str(one.get("unit") or f"process {one.get('pid')} ({one.get('command')})") for one in processes]
    return Waiting(_text(data, "alias"), _text(data, "from"), _text(data, "to"), tuple(dict.fromkeys(users)))


def _objects(data: Object, key: str) -> list[Object]:
    found = data.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _picked(data: Object, keys: Sequence[str]) -> Object:
    return {key: _text(data, key) for key in keys}


def _text(data: Object, key: str) -> str:
    value = data.get(key)
    return value[:_LONGEST] if isinstance(value, str) else ""


def parse_run(data: object) -> UpkeepRun | None:
    """What `UpkeepRun.data` made; None for anything else."""
    if not isinstance(data, dict) or data.get("status") not in STATUSES or not isinstance(data.get("time"), str):
        return None
    waiting = tuple(
        Waiting(_text(one, "alias"), _text(one, "from"), _text(one, "to"), _texts(one, "users"))
        for one in _objects(data, "waiting")
    )
    return UpkeepRun(
        data["time"],
        data["status"],
        tuple(_picked(one, ("alias", "from", "to")) for one in _objects(data, "upgraded")),
        tuple(_picked(one, ("path", "code")) for one in _objects(data, "fixed")),
        tuple(_picked(one, ("path", "code", "severity", "message")) for one in _objects(data, "left")),
        waiting,
        _texts(data, "errors"),
    )


def _texts(data: Object, key: str) -> tuple[str, ...]:
    found = data.get(key)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def notice_of(run: UpkeepRun) -> str:
    """The one line that an interactive shell shows after a run; empty where there is nothing to say.

    That the network was away is no news.
    """
    broken = len({one["path"] for one in run.left if one.get("severity") == "error"})
    missed = len({one["path"] for one in run.left if one.get("code") in _MISSED})
    parts = [f"{broken} {'problem' if broken == 1 else 'problems'}"] if broken else []
    parts += [f"{missed} without the newest patch release"] if missed else []
    parts += [f"{one.alias} did not move to {one.new}, because it is in use" for one in run.waiting[:3]]
    return f"pyman: {', '.join(parts)}; run `pyman doctor`" if parts else ""
