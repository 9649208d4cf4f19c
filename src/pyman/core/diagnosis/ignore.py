"""Findings that the user knows of and accepts: counted, not shown, not repaired (design.md 7)."""

from __future__ import annotations

from pyman.core.diagnosis.finding import SEVERITIES
from pyman.core.immutable import record
from pyman.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyman.core.diagnosis.finding import Finding


@record
class Acknowledgement:
    """One line of `ignore`: a code, and where it is accepted."""

    code: str
    pattern: str = ""
    """An absolute path, in which `*` stands for anything; empty for every place."""

    def covers(self, finding: Finding) -> bool:
        """True for a finding that is accepted."""
        if finding.code != self.code:
            return False
        if not self.pattern:
            return True
        from fnmatch import fnmatchcase

        return finding.path == self.pattern or fnmatchcase(finding.path, self.pattern)


def unknown_code(code: str) -> UsageError:
    """What is said of a code that no finding has."""
    from difflib import get_close_matches

    close = get_close_matches(code, SEVERITIES, 1)
    hint = f"did you mean `{close[0]}`?" if close else f"the codes are {', '.join(SEVERITIES)}"
    return UsageError(f"unknown finding `{code}`", hint=hint)


def parse_acknowledgement(text: str, home: str) -> Acknowledgement:
    """Read `CODE` or `CODE PATH`, where the path may begin with `~`. Raises UsageError."""
    code, _, pattern = text.strip().partition(" ")
    pattern = pattern.strip()
    if code not in SEVERITIES:
        raise unknown_code(code)
    if pattern == "~" or pattern.startswith("~/"):
        pattern = home.rstrip("/") + pattern[1:]
    if pattern and not pattern.startswith("/"):
        raise UsageError(f"`{pattern}` is not an absolute path", hint=f"write `{code} ~/...` or `{code} /...`")
    return Acknowledgement(code, pattern)


def unacknowledged(findings: Iterable[Finding], accepted: Sequence[Acknowledgement]) -> tuple[Finding, ...]:
    """The findings that nobody has accepted."""
    return tuple(finding for finding in findings if not any(one.covers(finding) for one in accepted))
