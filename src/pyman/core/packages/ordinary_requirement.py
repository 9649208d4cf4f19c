"""Requirements that are nothing out of the ordinary.

Most are, and a pattern knows them a hundred times sooner than the packaging library parses them. It matches nothing
that the library would refuse; whatever it does not match is the library's.
"""

from __future__ import annotations

import re

_VARIABLE = (
    r"(?:python_version|python_full_version|os_name|sys_platform|platform_(?:machine|system|release|version"
    r"|python_implementation)|implementation_(?:name|version)|extra)"
)
_TEXT = r"""(?:'[A-Za-z0-9 ._+*-]*'|"[A-Za-z0-9 ._+*-]*")"""
_COMPARISON = r"(?:[<>]=?|[!=]=|(?:not +)?in)"
_ATOM = rf"\(* *{_VARIABLE} *{_COMPARISON} *{_TEXT} *\)*"
_RELEASE = r"[0-9]+(?:\.[0-9]+)*"
_CLAUSE = rf"(?:(?:[<>]=?|~=(?= *[0-9]+\.)) *{_RELEASE}|[!=]= *{_RELEASE}(?:\.\*)?)"
_ORDINARY = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?: *\[[A-Za-z0-9_, -]*\])?"
    rf" *(?:{_CLAUSE}(?: *, *{_CLAUSE})*)?"
    rf"(?: *; *(?P<marker>{_ATOM}(?: +(?:and|or) +{_ATOM})*))?"
)


def ordinary_marker(line: str) -> str | None:
    """Return the environment marker of a requirement, empty where it has none; None where the line is not ordinary."""
    found = _ORDINARY.fullmatch(line)
    if found is None:
        return None
    marker: str = found["marker"] or ""
    return marker if _balanced(marker) else None


def _balanced(marker: str) -> bool:
    """True where every parenthesis closes around whole comparisons; what the pattern cannot count."""
    depth = 0
    for character in re.sub(_TEXT, "", marker):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0
