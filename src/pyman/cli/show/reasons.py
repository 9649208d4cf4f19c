"""What moves fix, give up or are kept from, in words and as JSON (design.md 11)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.app.reasons import Reason, Reasons
    from pyman.core.advisories import Fixes
    from pyman.core.diagnosis.finding import Finding
    from pyman.core.store import Moved
    from pyman.core.version import Version


def move_lines(reasons: Reasons, old: Version, new: Version, reason: Reason) -> list[str]:
    """What a move from one release to another fixes or gives up; none where nothing may be said."""
    if reason.of_distribution:
        return [not_judged(reason)]
    if reason.fixes is None:
        return []
    return [(fixes_upward if new > old else fixes_given_up)(reason.fixes, reasons.today)]


def reason_to_act(finding: Finding, reason: Reason) -> str:
    """The same of a finding about two releases; what stays on the older one is told what that keeps away.

    Who rates them, and up to when that is known, is said once for all (`source_notes`).
    """
    if finding.move is None or reason.fixes is None:
        return ""
    old, _, new, _ = finding.move
    if finding.code in _STAYS or finding.instead_of in _STAYS:
        return f"this {fixes_kept_away(reason.fixes)}"
    if new < old:
        return f"{new} {fixes_given_up(reason.fixes)}"
    return f"{new} {fixes_upward(reason.fixes)}" if reason.fixes.ids else fixes_upward(reason.fixes)


_STAYS = ("pinned", "held-back")
"""Codes of findings that ask for nothing."""


def alias_move_lines(reasons: Reasons, move: Moved) -> list[str]:
    """The same of the move of an alias."""
    old, new = move.runtimes
    if old is None or new is None:
        return []
    return move_lines(reasons, old.version, new.version, reasons.of_move(move))


def kept_away_line(reasons: Reasons, reason: Reason) -> list[str]:
    """What a hold or a pin keeps away; none where nothing may be said."""
    return [fixes_kept_away(reason.fixes, reasons.today)] if reason.fixes is not None else []


def fixes_cell(reason: Reason) -> str:
    """The same in a column: `at least 35 known vulnerabilities, 1 critical, 7 high`; empty where nothing is known."""
    if reason.of_distribution:
        return "patched by its distribution, not judged"
    if reason.fixes is None:
        return ""
    return _counted(reason.fixes) if reason.fixes.ids else _unknown_part(reason.fixes)


def source_notes(reasons: Reasons, each: Iterable[Reason]) -> list[str]:
    """Who rates what columns count, and up to which day it is known."""
    known = {_rated(one.fixes, reasons.today) for one in each if one.fixes is not None and one.fixes.ids}
    return [f"vulnerabilities: {words}" for words in sorted(known)]


def identifiers(reason: Reason) -> list[str]:
    """The advisories, some in each line, the worst first."""
    ids = reason.fixes.ids if reason.fixes is not None else ()
    return [", ".join(ids[start : start + _IN_A_LINE]) for start in range(0, len(ids), _IN_A_LINE)]


_IN_A_LINE = 5


def not_judged(reason: Reason) -> str:
    """That a distribution's Python is not compared."""
    return f"{reason.of_distribution} is patched by its distribution, not judged"


def known_fixes(reason: Reason) -> dict[str, object]:
    """The key `fixes` with that, for answers that have it only where something is known."""
    known = reason_data(reason)
    return {"fixes": known} if known is not None else {}


def reason_data(reason: Reason | None) -> dict[str, object] | None:
    """`fixes` of design.md 11."""
    return reason.fixes.data if reason is not None and reason.fixes is not None else None


# What changed between two releases, in words.

_OLD_AFTER = 60
"""Days after which the age of a table is said."""


def _counted(fixes: Fixes) -> str:
    """`at least 35 known vulnerabilities, 1 critical, 7 high`; the lesser severities are not named."""
    count = len(fixes.ids)
    noun = "vulnerability" if count == 1 else "vulnerabilities"
    worst = [f"{number} {severity}" for severity, number in fixes.counts if severity in ("critical", "high")]
    return ", ".join((f"at least {count} known {noun}", *worst))


def _rated(fixes: Fixes, today: str) -> str:
    """`rated by the PSF, known to 2026-10-01`, with the age of what is old. `today` is `YYYY-MM-DD`."""
    age = fixes.days_until(today)
    known = f"known to {fixes.known_to}" + (f" ({age} days ago)" if age > _OLD_AFTER else "")
    return f"rated by the PSF, {known}" if fixes.is_rated else known


def _unknown_part(fixes: Fixes) -> str:
    """What the table does not know of it: `what 3.15.2 fixes is not known here`; empty where it knows all releases."""
    if not fixes.unknown_from:
        return ""
    if not fixes.ids or fixes.unknown_from == str(fixes.new):
        return f"what {fixes.new} fixes is not known here"
    return f"what {fixes.unknown_from} and later fix is not known here"


def fixes_upward(fixes: Fixes, today: str = "") -> str:
    """Of a move to the newer one: `fixes at least 35 known vulnerabilities, …`, and what is not known.

    Without a day nothing is said of who rates them and of the table's age: rows say that once, below them.
    """
    known = f"fixes {_sourced(fixes, today)}" if fixes.ids else ""
    return "; ".join(filter(None, (known, _unknown_part(fixes))))


def _sourced(fixes: Fixes, today: str) -> str:
    return f"{_counted(fixes)}, {_rated(fixes, today)}" if today else _counted(fixes)


def fixes_given_up(fixes: Fixes, today: str = "") -> str:
    """Of a move to the older one."""
    known = f"loses fixes for {_sourced(fixes, today)}" if fixes.ids else ""
    return "; ".join(filter(None, (known, _unknown_part(fixes))))


def fixes_kept_away(fixes: Fixes, today: str = "") -> str:
    """Of a hold, a pin, or a venv that is held back, on the older one: `blocks 3.13.15, which fixes …`."""
    joint = ", which " if fixes.ids else "; "
    return f"blocks {fixes.new}{joint}{fixes_upward(fixes, today)}"
