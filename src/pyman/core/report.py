"""Reports of machines: reading those that others wrote, putting many together, and what their readers ask first.

A report from another machine is somebody else's text. Only the keys of design.md 11 are taken from it, each of the kind
that it has here; nothing in it is a path of this machine, an instruction or markup.
"""

from __future__ import annotations

from pyman.core.advisories import SEVERITIES, UNRATED
from pyman.core.immutable import record
from pyman.core.scheduled_run import parse_run
from pyman.errors import NOT_A_REPORT, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Object = dict[str, Any]

SCHEMA = "pyman/1"
MOST_ROWS = 200_000
"""Of one kind in one report."""
_MOST_VALUES = 8_000_000
"""In one file: three letters of it can take a hundred bytes of memory."""
_LONGEST = 4096
_MOST_VALUES_OF_A_USER = 1_000_000
"""In one answer: 20,000 venvs have a quarter of that, and several users are asked at once."""
_MOST_NAMES = 100

_TEXTS = ("host", "user", "pyman", "time")
_RUNTIME = {
    "version": str,
    "implementation": str,
    "implementation_version": str,
    "variant": str,
    "origin": str,
    "store": str,
    "path": str,
    "build": str,
    "venvs": int,
    "aliases": list,
    "fixes": dict,
}
_ALIAS = {"name": str, "target": str, "held": bool}
_VENV = {
    "path": str,
    "creator": str,
    "owner": str,
    "known": str,
    "implementation": str,
    "request": str,
    "policy": str,
    "python": str,
    "implementation_version": str,
    "link": str,
    "state": str,
    "size": int,
}
_FINDING = {
    "code": str,
    "severity": str,
    "kind": str,
    "path": str,
    "message": str,
    "repair": str,
    "status": str,
}
_WHERE_THERE_IS_ONE = ("implementation_version", "store")
_SUMMARY = ("checked", "open", "fixed", "ignored", "unreachable", "unsearched")
_SEVERITIES = ("error", "warning", "info")


@record
class Numbers:
    """What a reader asks first. `size` is in bytes."""

    venvs: int
    broken: int
    stale: int
    held_back: int
    unsupported: int
    size: int
    troubles: int = 0
    """Errors and warnings about whatever it may be, which need not be a venv."""


def parse_reports(text: str, source: str) -> tuple[Object, ...]:
    """The reports in a file: one, or those that were merged. Raises PymanError, which names `source`."""
    data = _parsed(text, source, _MOST_VALUES)
    hosts = data.get("hosts", [data])
    if not isinstance(hosts, list) or not hosts:
        raise _not_a_report(source, "`hosts` is not a list, or is empty")
    return tuple(_report(host, source) for host in hosts)


def parse_answer(text: str, source: str) -> Object:
    """The rows in an answer of `venvs` or `doctor` that ran as another user. Raises PymanError, naming `source`."""
    data = _parsed(text, source, _MOST_VALUES_OF_A_USER)
    if "error" in data and not isinstance(data.get("summary"), dict) and not isinstance(data.get("venvs"), list):
        # The reason is that user's text: it may contain a command that would harm whoever pastes it.
        raise _not_a_report(source, "it is an error")
    found: Object = {}
    for key, kinds in (("venvs", _VENV), ("findings", _FINDING)):
        rows = data.get(key, [])
        if not isinstance(rows, list) or len(rows) > MOST_ROWS:
            raise _not_a_report(source, f"`{key}` is not a list, or has more than {MOST_ROWS:,} entries")
        found[key] = [_row(row, kinds, source, key) for row in rows]
    found["findings"] = [one for one in found["findings"] if one["severity"] in _SEVERITIES]
    for key in ("changed", "not_searched"):
        found[key] = _value(data.get(key), list)
    summary = data.get("summary")
    numbers = summary if isinstance(summary, dict) else {}
    found["summary"] = {key: _value(numbers.get(key), int) or 0 for key in _SUMMARY}
    return found


def worst_first(reports: Iterable[Mapping[str, Any]]) -> list[Object]:
    """The same reports: first those with the most errors, then warnings; of one host and user the newest alone."""
    newest: dict[tuple[str, str], Object] = {}
    for report in reports:
        key = (report["host"] or "", report["user"] or "")
        if key not in newest or (report["time"] or "") >= (newest[key]["time"] or ""):
            newest[key] = dict(report)

    def badness(report: Object) -> tuple[int, int, str, str]:
        found = [finding["severity"] for finding in report["findings"]]
        return -found.count("error"), -found.count("warning"), report["host"] or "", report["user"] or ""

    return sorted(newest.values(), key=badness)


def numbers_of(reports: Iterable[Mapping[str, Any]]) -> Numbers:
    """Count over all of them."""
    counts = dict.fromkeys(("venvs", "broken", "stale", "held_back", "unsupported", "size", "troubles"), 0)
    for report in reports:
        severities = severities_of(report)
        unsupported = unsupported_in(report)
        counts["troubles"] += sum(finding["severity"] in ("error", "warning") for finding in report["findings"])
        for venv in report["venvs"]:
            counts["venvs"] += 1
            counts["broken"] += severities.get(venv["path"]) == "error"
            counts["stale"] += venv["state"] in STALE
            counts["held_back"] += venv["state"] == "held-back"
            counts["unsupported"] += venv["path"] in unsupported
            counts["size"] += venv["size"] or 0
    return Numbers(**counts)


STALE = frozenset(("stale-patch", "unfollowed", "stale-metadata"))
"""States of venvs that run an older release than they could."""


def severities_of(report: Mapping[str, Any]) -> dict[str, str]:
    """For each path with findings the worst severity."""
    worst: dict[str, str] = {}
    for finding in report["findings"]:
        path, severity = finding["path"], finding["severity"]
        if path not in worst or _SEVERITIES.index(severity) < _SEVERITIES.index(worst[path]):
            worst[path] = severity
    return worst


def unsupported_in(report: Mapping[str, Any]) -> frozenset[str]:
    """The paths of venvs and Pythons that get no more security fixes."""
    return frozenset(finding["path"] for finding in report["findings"] if finding["code"] == "end-of-life")


def _parsed(text: str, source: str, most: int) -> Object:
    """The one object of a text, with at most so many values. Raises PymanError."""
    import json

    if sum(map(text.count, ",[{")) > most:
        raise _not_a_report(source, f"it has more than {most:,} values")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_a_report(source, "it is not JSON") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise _not_a_report(source, f"it does not say {SCHEMA}")
    return data


def _report(data: object, source: str) -> Object:
    if not isinstance(data, dict):
        raise _not_a_report(source, "a host is not an object")
    found: Object = {key: _value(data.get(key), str) for key in _TEXTS}
    if found["host"] is None or found["time"] is None:
        raise _not_a_report(source, "it has no host or no time")
    for key, kinds in (("runtimes", _RUNTIME), ("aliases", _ALIAS), ("venvs", _VENV), ("findings", _FINDING)):
        rows = data.get(key)
        if not isinstance(rows, list) or len(rows) > MOST_ROWS:
            raise _not_a_report(source, f"`{key}` is not a list, or has more than {MOST_ROWS:,} entries")
        found[key] = [_row(row, kinds, source, key) for row in rows]
    found["findings"] = [one for one in found["findings"] if one["severity"] in _SEVERITIES]
    summary = data.get("summary")
    if not isinstance(summary, dict):
        raise _not_a_report(source, "it has no summary")
    found["summary"] = {key: _value(summary.get(key), int) or 0 for key in _SUMMARY}
    found["schedule"] = _schedule(data.get("schedule"))
    return found


def _schedule(data: object) -> Object | None:
    """Whether pyman runs there by a timer, and what came of it; None where an older report says nothing of it."""
    if not isinstance(data, dict):
        return None
    last = parse_run(data.get("last"))
    return {
        "on": data.get("on") is True,
        "when": _value(data.get("when"), str),
        "fix": data.get("fix") is True,
        "timer": _value(data.get("timer"), str),
        "limits": _value(data.get("limits"), list),
        "last": last.data if last is not None else None,
    }


def _row(row: object, kinds: Mapping[str, type], source: str, key: str) -> Object:
    if not isinstance(row, dict):
        raise _not_a_report(source, f"`{key}` has entries that are not objects")
    found = {name: _value(row.get(name), kind) for name, kind in kinds.items()}
    for name in ("path", "state", "code", "severity", "name"):
        if name in kinds and found[name] is None and not (name == "path" and key != "venvs"):
            raise _not_a_report(source, f"an entry of `{key}` has no `{name}`")
    for name in _WHERE_THERE_IS_ONE:
        if found.get(name, "") is None:
            del found[name]
    return found


def _value(value: object, kind: type) -> Any:
    """A value of its kind and of a bearable length; None for any other."""
    if kind is list:
        names = value if isinstance(value, list) else []
        return [name[:_LONGEST] for name in names[:_MOST_NAMES] if isinstance(name, str)]
    if kind is dict:
        return _fixes(value)
    if kind is int and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63):
        return None
    if not isinstance(value, kind):
        return None
    return value[:_LONGEST] if isinstance(value, str) else value


def _fixes(value: object) -> Object | None:
    """What a newer release fixes: counts, the day, and the names of advisories; None where that is not understood."""
    if not isinstance(value, dict):
        return None
    day, count, severities = _value(value.get("known_to"), str), _value(value.get("at_least"), int), {}
    counts = value.get("by_severity")
    for severity in (*SEVERITIES, UNRATED):
        severities[severity] = _value(counts.get(severity), int) or 0 if isinstance(counts, dict) else 0
    if day is None or not count:
        return None
    return {
        "known_to": day,
        "at_least": count,
        "by_severity": severities,
        "ids": _value(value.get("ids"), list),
        "unknown_from": _value(value.get("unknown_from"), str),
    }


def _not_a_report(source: str, why: str) -> PymanError:
    return PymanError(
        f"{source} is not a pyman report: {why}", hint="`pyman report >FILE` writes one", code=NOT_A_REPORT
    )
