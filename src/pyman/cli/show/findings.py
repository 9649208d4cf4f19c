"""What doctor found, for people and for programs."""

from __future__ import annotations

import sys
from itertools import groupby
from sys import intern

from pyman.app.console import Answer, Table, is_terminal, short_path
from pyman.app.reasons import Reasons
from pyman.app.search import notes_of_search
from pyman.app.session import Session
from pyman.cli.show.output import count_of_venvs, in_need
from pyman.cli.show.reasons import kept_away_line, reason_data, reason_to_act, source_notes
from pyman.core.diagnosis.finding import END_OF_LIFE, FAILED, FIXED, OPEN, PLANNED, SEVERITIES, Finding
from pyman.core.diagnosis.ignore import unknown_code
from pyman.core.immutable import record, replace
from pyman.core.version import python_name
from pyman.effects.venvs.records import UNREACHABLE
from pyman.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyman.app.examine import Examination
    from pyman.core.diagnosis.finding import Status
    from pyman.core.repairs import Undone

_MOST_ROWS = 12
"""Of venvs that have the same, on a terminal: what is wrong shall be read in one look."""
_WIDEST_TEXT = 100
"""Columns of running text."""
_ORDER = {code: number for number, code in enumerate(SEVERITIES)}
_WORST = {"error": 0, "warning": 1, "info": 2}


@record
class JudgedFinding:
    """A finding and what became of it."""

    finding: Finding
    status: Status
    """`open`, `fixed`, `failed` or `planned`."""
    why: str = ""
    """Why its repair failed."""
    reason: str = ""
    """What acting on it fixes, or what it keeps away."""

    @property
    def is_open(self) -> bool:
        """True where it counts for the exit status."""
        return self.status != FIXED and self.finding.is_open

    @property
    def is_for_fix(self) -> bool:
        """True where `--fix` would do something about it."""
        return self.status == OPEN and self.finding.is_for_fix

    @property
    def message(self) -> str:
        """What is wrong, why that counts, and why it still is so."""
        message = f"{self.finding.message}; {self.reason}" if self.reason else self.finding.message
        return f"{message}; it could not be repaired: {self.why}" if self.why else message


def answer(
    session: Session,
    seen: Examination,
    judged: list[JudgedFinding],
    asked: str,
    *,
    fix: bool,
    dry_run: bool,
    not_wanted: int = 0,
    may_ask: bool = True,
) -> Answer:
    """The answer of `pyman doctor`, its keys those of design.md 11. `asked` is the command that hints go on from.

    `may_ask` allows to ask for a newer table of advisories.
    """
    reasons = Reasons(session, may_ask=may_ask)
    judged = with_reasons(reasons, judged)
    still_open = sum(one.is_open for one in judged)
    fixed = sum(one.status == FIXED for one in judged)
    data = {
        "changed": list(dict.fromkeys(one.finding.path for one in judged if one.status in (FIXED, PLANNED))),
        "findings": [finding_data(one) for one in judged] if session.json else [],
        "summary": summary_data(seen, judged),
        "fixes": fixes_data(reasons, judged),
    }
    if session.json:
        return Answer(data, status=1 if still_open else 0)
    moves = (one.finding.move for one in judged if one.reason)
    notes = source_notes(reasons, (reasons.between(*move) for move in moves if move is not None))
    notes += [*_held_notes(reasons, seen), *_notes_of_unknown_minors(seen)]
    notes += notes_of_search(session, seen.search, "pyman doctor")
    known = {venv.path: venv.known for venv in seen.venvs}
    planned = {one.finding.path for one in judged if dry_run and one.status == PLANNED}
    of_a_search = not_wanted or sum(known.get(path) == "search" for path in planned)
    if of_a_search:
        verb = "was" if of_a_search == 1 else "were"
        notes.append(
            f"{of_a_search} of these venvs {verb} found only by a search: to repair those too, run "
            f"`{asked} --fix --yes` or `pyman doctor DIR --fix`"
        )
    if dry_run and any(one.status == PLANNED for one in judged):
        if any(one.finding.asks and one.status == "planned" for one in judged):
            notes.append(f"some repairs need confirmation: `{asked} --fix --yes`")
    elif fix and not dry_run:
        if any(one.finding.asks and one.is_for_fix for one in judged):
            notes.append(f"some repairs need confirmation: `{asked} --fix --yes`")
    elif any(one.is_for_fix for one in judged):
        these = _this(sum(one.is_for_fix for one in judged), still_open)
        notes.append(f"`{asked} --fix` repairs {these}; `--dry-run` shows the repairs first")
    if judged and is_terminal(sys.stdout):
        notes.append(f"`pyman doctor --explain {judged[0].finding.code}` explains a finding")
    if seen.ignored:
        notes.append(f"{seen.ignored} {'finding is' if seen.ignored == 1 else 'findings are'} ignored")
    if not seen.venvs:
        notes.append("to find venvs elsewhere, run `pyman doctor DIR`")
    hint = (
        f"; `{asked} --fix` repairs {_this(sum(one.status == PLANNED for one in judged), still_open)}"
        if still_open
        else ""
    )
    return Answer(
        data,
        (_summary(seen, judged, still_open, fixed),),
        table=_table(session, seen, judged),
        notes=tuple(notes),
        status=1 if still_open else 0,
        nothing_done=f"dry run: nothing was changed{hint}",
    )


def _this(count: int, of: int) -> str:
    """What of so many findings is repaired, in words."""
    return f"{count} of these findings" if count < of else "this" if count == 1 else "these"


def _notes_of_unknown_minors(seen: Examination) -> list[str]:
    """Say of venvs tied to a patch release that pyman has no Python of their minor version to link them to."""
    there = {runtime.alias for layer in seen.store.layers for runtime in layer.releases}
    tied = [
        venv.alias
        for venv in seen.venvs
        if venv.link == "patch" and venv.policy != "pin" and venv.state != "other-implementation"
        if venv.alias is not None and venv.alias not in there
    ]
    if not tied:
        return []
    *first, last = sorted(set(tied), key=lambda alias: (len(alias), alias))
    names = f"{', '.join(map(python_name, first))} or {python_name(last)}" if first else python_name(last)
    told = (
        f"{count_of_venvs(len(tied))} {'gets' if len(tied) == 1 else 'get'} no patch releases, and pyman has no {names}"
    )
    return [f"{told}: run `pyman adopt --all`, then `pyman doctor` again"]


def with_reasons(reasons: Reasons, judged: list[JudgedFinding]) -> list[JudgedFinding]:
    """Say of findings about two releases what the newer one fixes; each pair of releases is looked up once."""
    told = []
    for one in judged:
        move = one.finding.move
        words = reason_to_act(one.finding, reasons.between(*move)) if move is not None else ""
        told.append(replace(one, reason=words) if words else one)
    return told


def _held_notes(reasons: Reasons, seen: Examination) -> list[str]:
    """What holds keep away from venvs that were looked at."""
    in_use = {venv.minor for venv in seen.venvs}
    notes = []
    for alias, name in seen.store.holds:
        held = seen.store.runtime(name)
        if held is not None and alias in in_use:
            reason = reasons.of_runtime(seen.store, held)
            notes += [f"{alias} is held at {name}; this {line}" for line in kept_away_line(reasons, reason)]
    return notes


def fixes_data(reasons: Reasons, judged: list[JudgedFinding]) -> list[dict[str, object]]:
    """What is fixed between the releases that findings are about: the key `fixes` of design.md 11."""
    moves = dict.fromkeys(one.finding.move for one in judged if one.reason)
    pairs = {(move[0], move[2]): reason_data(reasons.between(*move)) for move in moves if move is not None}
    return [{"from": str(old), "to": str(new), **known} for (old, new), known in pairs.items() if known is not None]


def explanation(code: str) -> Answer:
    """The answer of `pyman doctor --explain CODE`. Raises UsageError for an unknown code."""
    from pyman.core.diagnosis.explanation import EXPLANATIONS, explained

    told = EXPLANATIONS.get(code)
    if told is None:
        raise unknown_code(code)
    title, *paragraphs = explained(code)
    if is_terminal(sys.stdout):
        from shutil import get_terminal_size
        from textwrap import fill

        width = min(get_terminal_size().columns, _WIDEST_TEXT)
        paragraphs = [fill(text, width, break_on_hyphens=False, break_long_words=False) for text in paragraphs]
    data = {
        "changed": [],
        "code": code,
        "severity": SEVERITIES[code],
        "meaning": told.meaning,
        "repair": told.repair,
        "otherwise": told.otherwise.format(code=code),
    }
    lines = "\n\n".join((title, *paragraphs)).split("\n")
    return Answer(data, tuple(lines))


def undo_answer(session: Session, done: Sequence[Undone], left: Sequence[tuple[str, str]]) -> Answer:
    """The answer of `pyman doctor --undo`."""
    undid = session.shown("undid", "would undo")
    lines = [f"{undid} the repair of {short_path(session, one.path)}: {_what_is_back(one)}" for one in done]
    reasons = [f"{short_path(session, path)} was not changed: {reason}" for path, reason in left]
    error = None
    if left:
        told = reasons.pop() if len(reasons) == 1 else f"{count_of_venvs(len(left))} were not changed"
        error = Refused(told, hint="`pyman doctor --undo PATH` undoes the last repair of one venv")
    if len(done) > 1:
        lines.append(f"{count_of_venvs(len(done))} {session.shown('restored', 'would be restored')}")
    again = "`pyman doctor --fix` makes these repairs again; `ignore` in the settings or `pyman pin` prevents that"
    return Answer(
        {
            "changed": [one.path for one in done],
            "left": [{"path": path, "reason": reason} for path, reason in left],
        },
        (*lines, *reasons),
        notes=(again,) if done else (),
        error=error,
    )


def _what_is_back(undone: Undone) -> str:
    codes = ", ".join(undone.codes)
    return f"{codes}; it runs Python {undone.python} again" if undone.python else codes


def summary_data(seen: Examination, judged: Sequence[JudgedFinding]) -> dict[str, object]:
    """The numbers of `doctor --json`."""
    return {
        "checked": len(seen.venvs),
        "open": sum(one.is_open for one in judged),
        "fixed": sum(one.status == FIXED for one in judged),
        "ignored": seen.ignored,
        "unreachable": sum(how == UNREACHABLE for _, how in seen.absent),
        "unsearched": len(seen.unreadable) + len(seen.search.not_searched if seen.search is not None else ()),
    }


def finding_data(judged: JudgedFinding) -> dict[str, object]:
    """A finding as `doctor --json` has it."""
    finding = judged.finding
    return {
        "code": finding.code,
        "severity": finding.severity,
        "kind": finding.kind,
        "path": finding.path,
        "message": judged.message,
        "repair": finding.repair,
        "status": judged.status,
    }


def _table(session: Session, seen: Examination, judged: list[JudgedFinding]) -> Table:
    """Worst first, and what has the same cause and the same repair together."""
    pythons = {venv.path: venv.python for venv in seen.venvs if venv.python is not None}
    most = _MOST_ROWS if is_terminal(sys.stdout) and not session.verbose else len(judged)
    rows: list[tuple[str, ...]] = []
    details: list[str] = []
    for _, group in groupby(sorted(judged, key=_rank), _rank):
        same = list(group)
        if same[0].finding.code == END_OF_LIFE and len(same) > 1:
            rows.append((_counted(same), "", _state(same[0]), ""))
            details.append(same[0].message)
            continue
        for one in same[:most]:
            finding = one.finding
            python = pythons.get(finding.path, "") if finding.kind == "venv" else ""
            # What an alias is now stands in the other columns, once it is done and often before.
            repair = "" if one.status == FAILED else (finding.repair or "").partition(", which is ")[0]
            # One text for all that have the same.
            state, release = intern(_state(one)), intern(str(python))
            rows.append((short_path(session, finding.path), release, state, _shortened(session, repair)))
        more = f"; and {len(same) - most} more, which `-v` shows" if len(same) > most else ""
        before = "before: " if same[0].status == FIXED else ""
        details += [intern(before + _shortened(session, same[0].message) + more)] * (len(rows) - len(details))
    return Table(("Where", "Python", "State", "Repair"), tuple(rows), tuple(details))


def _counted(same: list[JudgedFinding]) -> str:
    """How many venvs and runtimes one row is about."""
    venvs = sum(one.finding.kind == "venv" for one in same)
    runtimes = len(same) - venvs
    installed = "1 runtime" if runtimes == 1 else f"{runtimes} runtimes"
    return " and ".join(text for text, count in ((count_of_venvs(venvs), venvs), (installed, runtimes)) if count)


def _rank(judged: JudgedFinding) -> tuple[object, ...]:
    """Where it stands; what has the same rank has the same cause, and the same was done about it."""
    finding = judged.finding
    return (
        judged.status == FIXED,
        _WORST[finding.severity],
        _ORDER[finding.code],
        finding.repair or "",
        judged.message,
        judged.status,
    )


def _state(judged: JudgedFinding) -> str:
    word = judged.status if judged.status in (FIXED, FAILED) else judged.finding.severity
    return f"{word} {judged.finding.code}"


def _shortened(session: Session, text: str) -> str:
    return text.replace(session.places.home.rstrip("/") + "/", "~/")


def _is_of_a_venv(judged: JudgedFinding) -> bool:
    """True for what is wrong with one of the venvs that were counted: a folder that work was left in is none."""
    return judged.finding.kind == "venv" and judged.finding.code != "interrupted"


def _healthy(count: int, fixed: int) -> str:
    """That nothing is wrong with so many venvs, after so many repairs."""
    venvs = count_of_venvs(count)
    if fixed:
        return f"{fixed} repaired; {venvs} healthy"
    return f"{venvs} checked: {'healthy' if count == 1 else 'all healthy'}"


def _summary(seen: Examination, judged: list[JudgedFinding], still_open: int, fixed: int) -> str:
    # Those of other implementations were not checked.
    apart = sum(one.finding.code == "other-implementation" for one in judged)
    count = len(seen.venvs) - apart
    venvs = count_of_venvs(count)
    told = [f"{fixed} repaired"] if fixed else []
    left = [f"{count_of_venvs(apart)} of another implementation left alone"] if apart else []
    if not still_open:
        far = sum(how == UNREACHABLE for _, how in seen.absent)
        if far:
            left.append(f"{count_of_venvs(far)} cannot be reached")
        if not count:
            return ", ".join([*told, *(left or ["no venvs found; no other problems"])])
        return ", ".join([_healthy(count, fixed), *left])
    sick = {one.finding.path for one in judged if one.is_open and _is_of_a_venv(one)}
    unsearched = sum(one.finding.code == "unsearched" for one in judged)
    others = sum(one.is_open and not _is_of_a_venv(one) for one in judged) - unsearched
    if sick:
        told.append(in_need(len(sick), count))
    elif unsearched:
        told.append(f"{venvs} checked")
    elif count:
        told = [_healthy(count, fixed)]
    if others:
        more = "more " if sick else ""
        told.append(f"{others} {more}{'finding' if others == 1 else 'findings'} about the store and the machine")
    if unsearched:
        told.append(f"{'1 folder' if unsearched == 1 else f'{unsearched} folders'} could not be searched")
    return ", ".join([*told, *left])
