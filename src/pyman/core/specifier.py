"""PEP 440 specifier sets as people write them for Python: `>=3.11,<3.14`, `~=3.12`, `==3.13.*`.

packaging understands all of PEP 440 and costs twice the start of an interpreter, so what consists of plain numbers is
read here; a test holds the two together. Hot: imports nothing.
"""

from __future__ import annotations

from pyman.core.record import record
from pyman.core.version import Version, read_number

_OPERATORS = ("==", "!=", "<=", ">=", "~=", "<", ">")
_MOST_NUMBERS = 3


@record
class Clause:
    """One comparison."""

    operator: str
    numbers: tuple[int, ...]
    """One to three numbers; what is left out is zero."""
    wildcard: bool = False
    """True for `==3.13.*`: only the numbers that are written count."""

    def admits(self, version: Version) -> bool:
        """True where a release satisfies the comparison, a pre-release like any other."""
        release = (version.major, version.minor, version.patch)
        limit = (*self.numbers, 0, 0)[:_MOST_NUMBERS]
        if self.operator in ("==", "!="):
            if self.wildcard:
                equal = release[: len(self.numbers)] == self.numbers
            else:
                equal = release == limit and version.is_final
            return equal == (self.operator == "==")
        # A pre-release comes before its release, and belongs to it: `<3.14` does not mean 3.14.0rc1.
        before = release < limit or (release == limit and not version.is_final)
        if self.operator == "<":
            return release < limit
        if self.operator == "<=":
            return before or release == limit
        if self.operator == ">":
            return not before and release != limit
        if self.operator == ">=":
            return not before
        return not before and release[: len(self.numbers) - 1] == self.numbers[:-1]


def parse_specifier(text: str) -> tuple[Clause, ...] | None:
    """Return the comparisons of a plain specifier set; None for what takes more to understand, or is none."""
    clauses = []
    for part in text.split(","):
        clause = _parse_clause(part.strip(" \t"))
        if clause is None:
            return None
        clauses.append(clause)
    return tuple(clauses)


def _parse_clause(text: str) -> Clause | None:
    operator = next((operator for operator in _OPERATORS if text.startswith(operator)), None)
    if operator is None:
        return None
    written = text[len(operator) :].lstrip(" \t")
    plain = written.removesuffix(".*")
    wildcard = plain != written
    numbers = [read_number(part) for part in plain.split(".")]
    if None in numbers or len(numbers) > _MOST_NUMBERS:
        return None
    if (wildcard and operator not in ("==", "!=")) or (operator == "~=" and len(numbers) < 2):
        return None
    return Clause(operator, tuple(number for number in numbers if number is not None), wildcard)
