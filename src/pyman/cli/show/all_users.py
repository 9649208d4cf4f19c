"""The answers of `--all-users`: root's own, with the rows of every other user.

What a process of another user says is that user's text. Who it is about is never taken from it, and people are shown
codes and paths of it alone: a hint in it might be a command that harms whoever pastes it.
"""

from __future__ import annotations

from pyman.app.all_users import Part, not_answered
from pyman.app.console import Answer, Table
from pyman.cli.show.output import count_of_venvs
from pyman.core.diagnosis.finding import FIXED, SEVERITIES
from pyman.core.immutable import replace
from pyman.effects.machine import user_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


def venvs_answer(own: Answer, parts: Sequence[Part]) -> Answer:
    """The answer of `venvs --all-users`."""
    rows = [venv for part in parts for venv in _owned(part, "venvs")]
    data = {
        **own.data,
        "venvs": [*own.data["venvs"], *({key: one[key] for key in one if key != "size"} for one in rows)],
        "not_searched": [*own.data["not_searched"], *_texts(parts, "not_searched")],
    }
    shown = [(row["owner"], row["path"], row["creator"] or "?", row["python"] or "?", row["state"]) for row in rows]
    return replace(own, data=data, lines=(*own.lines, *_lines(shown)), error=own.error or not_answered(parts))


def doctor_answer(own: Answer, parts: Sequence[Part]) -> Answer:
    """The answer of `doctor --all-users`."""
    mine = user_name(0)
    found = [
        row | {"severity": SEVERITIES[row["code"]]}
        for part in parts
        for row in _owned(part, "findings")
        if row["code"] in SEVERITIES
    ]
    summaries = [own.data["summary"], *(part.answer["summary"] for part in parts if part.answer is not None)]
    still_open = sum(_is_open(row) for row in found)
    data: dict[str, Any] = {
        **own.data,
        "changed": list(dict.fromkeys((*own.data["changed"], *_texts(parts, "changed")))),
        "findings": [*(row | {"owner": mine} for row in own.data["findings"]), *found],
        "summary": {key: sum(one[key] for one in summaries) for key in own.data["summary"]},
    }
    data["summary"]["open"] = own.data["summary"]["open"] + still_open
    data["summary"]["fixed"] = own.data["summary"]["fixed"] + sum(row["status"] == FIXED for row in found)
    told = [f"{mine}: {line}" for line in own.lines]
    told += [_in_words(part) for part in parts if part.answer is not None]
    shown = [(row["owner"], row["code"], row["path"] or "", row["status"] or "") for row in found]
    return replace(
        own,
        data=data,
        lines=(*told, *_lines(shown)),
        error=own.error or not_answered(parts),
        status=max(own.status, 1 if still_open else 0),
    )


def _owned(part: Part, key: str) -> list[dict[str, Any]]:
    """The rows of one user. Whose they are is known here, and not theirs to say."""
    return [row | {"owner": part.user.name} for row in part.answer[key]] if part.answer is not None else []


def _texts(parts: Iterable[Part], key: str) -> list[str]:
    return [text for part in parts if part.answer is not None for text in part.answer[key]]


def _is_open(row: dict[str, Any]) -> bool:
    return bool(row["severity"] != "info" and row["status"] != FIXED)


def _in_words(part: Part) -> str:
    assert part.answer is not None
    found = [row for row in _owned(part, "findings") if row["code"] in SEVERITIES]
    left = sum(_is_open(row | {"severity": SEVERITIES[row["code"]]}) for row in found)
    fixed = sum(row["status"] == FIXED for row in found)
    checked = count_of_venvs(part.answer["summary"]["checked"])
    numbers = [f"{fixed} fixed"] if fixed else []
    numbers += [f"{left} open"] if left else []
    return f"{part.user.name}: {checked} checked{''.join(f', {number}' for number in numbers)}"


def _lines(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The rows as aligned columns."""
    from pyman.cli.show.output import plain_rows

    return plain_rows(Table(rows[0], tuple(rows[1:]))) if rows else []
