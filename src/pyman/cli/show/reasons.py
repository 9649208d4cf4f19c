"""What moves fix, give up or are kept from, in words and as JSON (design.md 11)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.app.reasons import Reason, Reasons
    from pyman.core.diagnosis.finding import Finding
    from pyman.core.store import Moved
    from pyman.core.version import Version


def move_lines(reasons: Reasons, old: Version, new: Version, reason: Reason) -> list[str]:
    """What a move from one release to another fixes or gives up; none where nothing may be said."""
    from pyman.core.advisories import fixes_given_up, fixes_upward

    if reason.of_distribution:
        return [not_judged(reason)]
    if reason.fixes is None:
        return []
    return [(fixes_upward if new > old else fixes_given_up)(reason.fixes, reasons.today)]


def reason_to_act(finding: Finding, reason: Reason) -> str:
    """The same of a finding about two releases; what stays on the older one is told what that keeps away.

    Who rates them, and up to when that is known, is said once for all (`source_notes`).
    """
    from pyman.core.advisories import fixes_given_up, fixes_kept_away, fixes_upward

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
    from pyman.core.advisories import fixes_kept_away

    return [fixes_kept_away(reason.fixes, reasons.today)] if reason.fixes is not None else []


def fixes_cell(reason: Reason) -> str:
    """The same in a column: `at least 35 known vulnerabilities, 1 critical, 7 high`; empty where nothing is known."""
    from pyman.core.advisories import counted, unknown_part

    if reason.of_distribution:
        return "patched by its distribution, not judged"
    if reason.fixes is None:
        return ""
    return counted(reason.fixes) if reason.fixes.ids else unknown_part(reason.fixes)


def source_notes(reasons: Reasons, each: Iterable[Reason]) -> list[str]:
    """Who rates what columns count, and up to which day it is known."""
    from pyman.core.advisories import rated

    known = {rated(one.fixes, reasons.today) for one in each if one.fixes is not None and one.fixes.ids}
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
    from pyman.core.advisories import fixes_data

    return fixes_data(reason.fixes) if reason is not None and reason.fixes is not None else None
