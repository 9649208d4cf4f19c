"""The page of `report --html`: one file that loads nothing, is whole without its script, and holds names as text only.

The script may run because the page names its sum, and nothing else may: no address, image, form or other script
(Content Security Policy 3, `script-src` with a hash). Every text goes through `_text`.
"""

from __future__ import annotations

import base64
from html import escape

from pyman.app.console import megabytes
from pyman.core.escape import visible
from pyman.core.report import STALE, numbers_of, severities_of, unsupported_in
from pyman.effects.files import read_text
from pyman.effects.places import shipped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Host = dict[str, Any]

_FOLLOWS = {"alias": "its minor version", "patch": "nothing"}
_RANK = {"error": 0, "warning": 1, "info": 2, None: 3}


def page(hosts: Sequence[Host]) -> str:
    """Return the page for these reports, the worst host first. Raises PymanError where a part of pyman is missing."""
    import hashlib

    style, script = (read_text(shipped("report", name)) for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    many = len(hosts) > 1
    title = f"Pythons and venvs of {len(hosts)} reports" if many else f"Pythons and venvs of {hosts[0]['host']}"
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<title>{_text(title)}</title>",
        f"<style>{style}</style>",
        f"<header><h1>{_text(title)}</h1>{_when(hosts)}</header>",
        _tiles(hosts),
        *([_hosts(hosts)] if many else []),
        _findings(hosts, many=many),
        _venvs(hosts, many=many),
        _pythons(hosts, many=many),
        "<footer><p>Written by pyman. <code>pyman doctor --explain CODE</code> explains a finding.</p></footer>",
        f"<script>{script}</script>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _text(value: object) -> str:
    return escape(visible("" if value is None else str(value)))


def _prose(value: object) -> str:
    """The same of a sentence: what stands between backquotes is code."""
    parts = _text(value).split("`")
    if len(parts) % 2 == 0:
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))


def _room(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB" if size >= 10 << 30 else megabytes(size)


def _moment(time: str) -> str:
    """`2026-11-27T07:50:00Z` for people."""
    return f"{time[:10]} {time[11:16]} UTC" if len(time) == 20 and time.endswith("Z") else time


def _when(hosts: Sequence[Host]) -> str:
    times = sorted({_moment(host["time"]) for host in hosts})
    seen = times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}"
    who = f", as {hosts[0]['user']}" if len(hosts) == 1 and hosts[0]["user"] else ""
    return f'<p class="quiet">Examined {_text(seen)}{_text(who)}</p>'


def _tiles(hosts: Sequence[Host]) -> str:
    numbers = numbers_of(hosts)
    tiles = (
        ("venvs", numbers.venvs, ""),
        ("broken", numbers.broken, "error"),
        ("stale", numbers.stale, "warning"),
        ("held back", numbers.held_back, "warning"),
        ("on an unsupported Python", numbers.unsupported, "warning"),
        ("disk usage", _room(numbers.size), ""),
    )
    each = (
        f"<div><dt>{_text(name)}</dt><dd{_class(kind if value else '')}>{_text(value)}</dd></div>"
        for name, value, kind in tiles
    )
    return f'<dl class="tiles">{"".join(each)}</dl>'


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


Cell = tuple[str, str, str]
"""What is shown, its class, and what it is sorted by where that is something else."""


def _table(
    title: str, name: str, head: Sequence[str], rows: Iterable[tuple[str, Sequence[Cell]]], states: str = ""
) -> str:
    """A section with a table; each row has a state, which can be filtered by where `states` has a word for them.

    Heads that end with `#` are of numbers.
    """
    filled = list(rows)
    if not filled:
        return ""
    names = [column.rstrip("#") for column in head]
    heads = "".join(
        f'<th scope="col"{_class("number" if column.endswith("#") else "")}>{_text(column.rstrip("#"))}</th>'
        for column in head
    )
    body = "\n".join(
        f'<tr data-state="{_text(state)}">'
        + "".join(
            f'<td data-name="{_text(column)}"{_class(kind)}'
            + (f' data-key="{_text(key)}"' if key else "")
            + f">{_prose(shown) if kind == 'prose' else _text(shown)}</td>"
            for column, (shown, kind, key) in zip(names, cells, strict=True)
        )
        + "</tr>"
        for state, cells in filled
    )
    found = sorted({state for state, _ in filled})
    options = "".join(f'<option value="{_text(state)}">{_text(state)}</option>' for state in found)
    every = f'<option value="">every {states}</option>'
    choice = f'<select aria-label="{states}">{every}{options}</select>' if states else ""
    search = '<input type="search" placeholder="Filter" aria-label="Filter">'
    tools = f'<div class="tools" hidden>{search}{choice}<output></output></div>'
    table = f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
    return f'<section id="{name}"><h2>{_text(title)}</h2>{tools}{table}</section>'


def _hosts(hosts: Sequence[Host]) -> str:
    rows = []
    for host in hosts:
        numbers = numbers_of([host])
        counts = (numbers.venvs, numbers.broken, numbers.stale, numbers.held_back, numbers.unsupported)
        worst = "broken" if numbers.broken else "stale" if numbers.stale else "other"
        rows.append(
            (
                worst,
                (
                    (host["host"] or "", "", ""),
                    (host["user"] or "", "", ""),
                    *((str(count), "number", str(count)) for count in counts),
                    (_room(numbers.size), "number", str(numbers.size)),
                    (_moment(host["time"] or ""), "", ""),
                    (_upkeep(host.get("schedule")), "", ""),
                ),
            )
        )
    head = ("Host", "User", "Venvs#", "Broken#", "Stale#", "Held back#", "No support#", "Size#", "Seen", "Upkeep")
    return _table("Hosts", "hosts", head, rows)


def _upkeep(schedule: Host | None) -> str:
    """Whether pyman runs there regularly, and how the last run ended."""
    if schedule is None:
        return ""
    last = schedule["last"]
    ended = f"{last['status']} {_moment(last['time'])}" if last is not None else ""
    return ", ".join(filter(None, (schedule["when"] if schedule["on"] else "off", ended)))


def _findings(hosts: Sequence[Host], *, many: bool) -> str:
    rows = [
        (
            finding["severity"],
            (
                *_host(host, many),
                (finding["severity"], finding["severity"], str(_RANK[finding["severity"]])),
                (finding["code"] or "", "", ""),
                (finding["path"] or "", "path", ""),
                (finding["message"] or "", "prose", ""),
                (finding["repair"] or "", "prose", ""),
            ),
        )
        for host in hosts
        for finding in host["findings"]
    ]
    rows.sort(key=lambda row: row[1][1 if many else 0][2])
    head = (*(("Host",) if many else ()), "Severity", "Code", "Where", "What", "Repair")
    return _table("Findings", "findings", head, rows, "severity")


def _venvs(hosts: Sequence[Host], *, many: bool) -> str:
    rows = []
    for host in hosts:
        worst, unsupported = severities_of(host), unsupported_in(host)
        for venv in host["venvs"]:
            severity = worst.get(venv["path"])
            kind = "healthy" if venv["state"] == "healthy" else severity if severity in ("error", "warning") else ""
            size = venv.get("size")
            follows = (
                "pinned"
                if venv["policy"] == "pin"
                else {"alias": "its minor version", "patch": "nothing"}.get(venv["link"], "")
            )
            rows.append(
                (
                    _RANK[severity],
                    venv["state"],
                    (
                        *_host(host, many),
                        (venv["path"], "path", ""),
                        (venv["owner"] or "", "", ""),
                        (venv["creator"] or "", "", ""),
                        (venv["python"] or "", "", ""),
                        (follows, "", ""),
                        (venv["state"], kind or "", f"{_RANK[severity]} {venv['state']}"),
                        ("no" if venv["path"] in unsupported else "yes" if venv["python"] else "", "", ""),
                        (megabytes(size) if size is not None else "", "number", str(size or 0)),
                    ),
                )
            )
    rows.sort(key=lambda row: (row[0], row[1] not in STALE))
    head = (
        *(("Host",) if many else ()),
        *("Venv", "Owner", "Made by", "Python", "Follows", "State", "Supported", "Size#"),
    )
    return _table("Venvs", "venvs", head, ((state, cells) for _, state, cells in rows), "state")


def _pythons(hosts: Sequence[Host], *, many: bool) -> str:
    rows = [
        (
            runtime["origin"] or "",
            (
                *_host(host, many),
                (_release(runtime), "", ""),
                (", ".join(runtime["aliases"] or ()), "", ""),
                (runtime["origin"] or "", "", ""),
                (str(runtime["venvs"] or 0), "number", str(runtime["venvs"] or 0)),
                _missing_fixes(runtime.get("fixes")),
                (runtime["path"] or "", "path", ""),
            ),
        )
        for host in hosts
        for runtime in host["runtimes"]
    ]
    head = (*(("Host",) if many else ()), "Python", "Aliases", "From", "Venvs#", "Fixes in a newer release", "Place")
    return _table("Pythons", "pythons", head, rows)


def _missing_fixes(fixes: Host | None) -> Cell:
    """How many known vulnerabilities a newer release fixes; sorted by the worst."""
    if not fixes:
        return "", "", "0"
    counts = fixes["by_severity"]
    worst = [f"{counts[severity]} {severity}" for severity in ("critical", "high") if counts[severity]]
    shown = ", ".join((f"at least {fixes['at_least']}", *worst))
    order = counts["critical"] * 1_000_000 + counts["high"] * 1000 + fixes["at_least"]
    return f"{shown} (known to {fixes['known_to']})", "warning" if worst else "", str(order)


def _release(runtime: Host) -> str:
    name = runtime["implementation"] if runtime["implementation"] not in (None, "cpython") else ""
    variant = runtime["variant"] if runtime["variant"] not in (None, "default") else ""
    return " ".join(part for part in (name, runtime["version"], variant) if part)


def _host(host: Host, many: bool) -> tuple[Cell, ...]:
    return ((host["host"] or "", "", ""),) if many else ()
