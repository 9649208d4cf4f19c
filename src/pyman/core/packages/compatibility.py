"""Whether installed packages fit another patch release of their minor version (design.md 8), and each other.

Only what fitted the old release and does not fit the new one counts. What nobody can understand is told, and is no
reason to hold a venv back.
"""

from __future__ import annotations

import re

from pyman.core.architecture import differ, shown
from pyman.core.immutable import record
from pyman.core.implementation import abi_tag, marker_name, title
from pyman.core.packages.package import LONGEST_LINE, Distribution, name_in_requirement, normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeVar

    from packaging.requirements import Requirement

    from pyman.core.request import Request
    from pyman.core.version import Variant, Version

    Parsed = TypeVar("Parsed")

NOT_UNDERSTOOD = (ValueError, LookupError, TypeError, RecursionError)
"""What the packaging library raises for markers, specifiers and versions that nobody can make sense of.

Metadata is anybody's text. The library's own errors are of two families (a name that no environment has is a KeyError),
and `int` refuses thousands of digits.
"""


@record
class Release:
    """What a release is to the packages that run on it."""

    version: Version
    markers: Mapping[str, str]
    """What environment markers are compared with, see `marker_environment`."""
    symbols: frozenset[str] | None = None
    """The `Py*` and `_Py*` symbols that it exports, None where they could not be read."""
    variant: Variant = "default"
    architectures: frozenset[str] = frozenset()
    """What its interpreter is built for (core/architecture.py), empty where that could not be read."""

    @property
    def abi(self) -> str:
        """What extensions compiled for it are called, where that changes in a minor: `pypy311-pp73`; else empty."""
        version = self.version
        return abi_tag(version.implementation, version.minor_name, version.own) or "" if version.own else ""

    @property
    def shown(self) -> str:
        """As reasons name it: `3.13.15`, `PyPy 8.0.1`."""
        own = self.version.own
        return f"{title(self.version.implementation)} {own}" if own else str(self.version)


@record
class Need:
    """What one compiled file needs of the interpreter."""

    package: str
    """Empty for a file that no package lists."""
    file: str
    """Relative to site-packages; absolute where it lies elsewhere."""
    symbols: tuple[str, ...] = ()
    """Those that it leaves undefined."""
    architectures: frozenset[str] = frozenset()
    """What it is built for; told only where that is lost."""
    abi: str = ""
    """What its name says that it is compiled for; told only where that is lost."""


@record
class Verdict:
    """What the check found. A venv without reasons moves."""

    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be checked, one sentence each."""


def marker_environment(
    version: Version, *, sys_platform: str, machine: str, system_release: str = "", system_version: str = ""
) -> dict[str, str]:
    """Return the values that environment markers have on a release (PEP 508, "Environment Markers").

    `machine` as `uname -m` says it; `sys_platform` is `linux` or `darwin`.
    """
    return {
        "os_name": "posix",
        "sys_platform": sys_platform,
        "platform_machine": machine,
        "platform_system": {"linux": "Linux", "darwin": "Darwin"}.get(sys_platform, sys_platform),
        "platform_release": system_release,
        "platform_version": system_version,
        "platform_python_implementation": marker_name(version.implementation),
        "implementation_name": version.implementation,
        "implementation_version": version.own or str(version),
        "python_version": version.minor_name,
        "python_full_version": str(version),
        "extra": "",
    }


class Move:
    """The check of a move from one release to another. What many venvs have in common is parsed once."""

    def __init__(self, old: Release, new: Release) -> None:
        self.old = old
        self.new = new
        changing = {key for key in {*old.markers, *new.markers} if old.markers.get(key) != new.markers.get(key)}
        # Other names than these have an older spelling, which only packaging knows.
        self._changing = tuple(changing) if changing <= {"python_full_version", "implementation_version"} else None
        self._python: dict[str, tuple[str, str]] = {}
        self._lines: dict[str, tuple[Requirement | None, str]] = {}
        self._packages: dict[tuple[str, ...], tuple[tuple[Requirement, ...], tuple[str, ...]]] = {}

    @property
    def lost_symbols(self) -> frozenset[str]:
        """The symbols that the old release exports and the new one does not; empty where either is not known."""
        if self.old.symbols is None or self.new.symbols is None:
            return frozenset()
        return self.old.symbols - self.new.symbols

    @property
    def lost_architectures(self) -> frozenset[str]:
        """The architectures that the old release is built for and the new one is not; empty where either is unknown."""
        if not self.old.architectures or not self.new.architectures:
            return frozenset()
        return self.old.architectures - self.new.architectures

    @property
    def lost_abi(self) -> str:
        """What extensions for the old release are called, where the new one loads others; empty where that stays."""
        return self.old.abi if self.old.abi != self.new.abi else ""

    def check(
        self,
        distributions: Iterable[Distribution],
        needs: Iterable[Need] = (),
        *,
        request: Request | None = None,
        visible: Iterable[Distribution] = (),
    ) -> Verdict:
        """Say why a venv with these distributions fitted the old release and does not fit the new one.

        `needs` is what its compiled files need. `visible` are packages outside it that it can import
        (`include-system-site-packages`): they count as installed, and are not checked themselves.
        """
        reasons: list[str] = []
        notes: list[str] = []
        own = tuple(distributions)
        installed: dict[str, Distribution] = {}
        if differ(self.old.architectures, self.new.architectures):
            reasons.append(
                f"{self.new.shown} is built for {shown(self.new.architectures)}, "
                f"and {self.old.shown} for {shown(self.old.architectures)}"
            )
        if request is not None and self._outgrows(request):
            reasons.append(f"{request} was requested")
        for distribution in own:
            text = distribution.requires_python
            if text is not None:
                reason, note = self._python.get(text) or self._read_python(text)
                if reason:
                    reasons.append(f"{distribution} {reason}")
                if note:
                    notes.append(f"{distribution} could not be checked: {note}")
            lines = distribution.requires_dist
            if not lines:
                continue
            beginning, unclear = self._packages.get(lines) or self._read_requirements(lines)
            notes += [f"{distribution} could not be checked: {note}" for note in unclear]
            if not beginning:
                continue
            installed = installed or {one.normalized: one for one in (*visible, *own)}
            for requirement in beginning:
                reason, note = self._read_installed(requirement, installed)
                if reason:
                    reasons.append(f"{distribution} {reason}")
                if note:
                    notes.append(f"{distribution} could not be checked: {note}")
        reasons += self._missing(needs)
        return Verdict(tuple(dict.fromkeys(reasons)), tuple(dict.fromkeys(notes)))

    def beginning(self, distribution: Distribution) -> tuple[Requirement, ...]:
        """Return what a distribution requires under the new release and did not require under the old one."""
        lines = distribution.requires_dist
        return (self._packages.get(lines) or self._read_requirements(lines))[0]

    def _outgrows(self, request: Request) -> bool:
        return request.admits(self.old.version, self.old.variant) and not request.admits(
            self.new.version, self.new.variant
        )

    def _missing(self, needs: Iterable[Need]) -> list[str]:
        lost = self.lost_symbols
        reasons = []
        for need in needs:
            if need.architectures and need.architectures <= self.lost_architectures:
                what = f"{need.package} has {need.file}" if need.package else f"{need.file} is"
                reasons.append(
                    f"{what} for {shown(need.architectures)}, "
                    f"and {self.new.shown} is built for {shown(self.new.architectures)}"
                )
            if need.abi and need.abi == self.lost_abi:
                what = f"{need.package} has {need.file}" if need.package else f"{need.file} is"
                reasons.append(f"{what} compiled for {need.abi}, and {self.new.shown} loads {self.new.abi}")
            missing = sorted(lost.intersection(need.symbols))
            if missing:
                more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
                where = f"{need.package} needs {missing[0]}{more} in {need.file}"
                if not need.package:
                    where = f"{need.file} needs {missing[0]}{more}"
                reasons.append(f"{where}, which {self.new.shown} lacks")
        return reasons

    def _read_python(self, text: str) -> tuple[str, str]:
        from packaging.specifiers import SpecifierSet

        try:
            wanted = _parsed(SpecifierSet, text)
            fits_old, fits_new = (
                wanted.contains(_numbers(one.version), prereleases=True) for one in (self.old, self.new)
            )
        except NOT_UNDERSTOOD:
            answer = "", f"`Requires-Python: {_shown(text)}` cannot be understood"
        else:
            answer = (f"requires Python {text}" if fits_old and not fits_new else ""), ""
        self._python[text] = answer
        return answer

    def _read_requirements(self, lines: tuple[str, ...]) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
        """Return the requirements that begin to apply, and what cannot be understood."""
        answers = [self._lines.get(line) or self._read_line(line) for line in lines]
        answer = (
            tuple(requirement for requirement, _ in answers if requirement is not None),
            tuple(note for _, note in answers if note),
        )
        self._packages[lines] = answer
        return answer

    def _read_line(self, line: str) -> tuple[Requirement | None, str]:
        answer = self._parse_line(line)
        self._lines[line] = answer
        return answer

    def _parse_line(self, line: str) -> tuple[Requirement | None, str]:
        if len(line) <= LONGEST_LINE and self._changing is not None:
            marker = ordinary_marker(line)
            if marker is not None and not any(name in marker for name in self._changing):
                return None, ""
        from packaging.requirements import Requirement

        try:
            requirement = _parsed(Requirement, line)
            if requirement.marker is None:
                return None, ""
            applied, applies = (requirement.marker.evaluate(dict(one.markers)) for one in (self.old, self.new))
        except NOT_UNDERSTOOD:
            return None, f"`Requires-Dist: {_shown(line)}` cannot be understood"
        return (requirement if applies and not applied else None), ""

    def _read_installed(self, requirement: Requirement, installed: Mapping[str, Distribution]) -> tuple[str, str]:
        wanted = f"{requirement.name}{requirement.specifier}"
        there = installed.get(normalize_name(requirement.name))
        if there is None:
            return f"needs {wanted} on {self.new.shown}, and it is not installed", ""
        from packaging.version import Version as DistributionVersion

        try:
            if requirement.specifier.contains(DistributionVersion(there.version), prereleases=True):
                return "", ""
        except NOT_UNDERSTOOD:
            return "", f"`{_shown(there.version)}` is not a version of {requirement.name} that can be compared"
        return f"needs {wanted} on {self.new.shown}, and {there.version} is installed", ""


def _parsed(kind: Callable[[str], Parsed], text: str) -> Parsed:
    if len(text) > LONGEST_LINE:
        raise ValueError(f"{len(text)} characters")
    return kind(text)


def _numbers(version: Version) -> str:
    # pip compares `Requires-Python` with the release alone: `>=3.14` admits 3.14.0rc2 as well.
    return f"{version.major}.{version.minor}.{max(version.patch, 0)}"


def _shown(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


# Requirements that are nothing out of the ordinary.
#
# Most are, and a pattern knows them a hundred times sooner than the packaging library parses them. It matches nothing
# that the library would refuse; whatever it does not match is the library's.

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


# Whether the packages of a new venv have what they need, as `pip check` asks; what was so before is no news.


def newly_broken(
    before: Iterable[Distribution],
    after: Iterable[Distribution],
    old: Release,
    new: Release,
    *,
    system_site_packages: bool = False,
) -> tuple[str, ...]:
    """Return what packages need now and do not have, and had before: one sentence each.

    With `system_site_packages` (`include-system-site-packages`) what is missing may come from the base.
    """
    was = {one.normalized: one for one in before}
    now = {one.normalized: one for one in after}
    changed = {
        name for name in {*was, *now} if name not in was or name not in now or was[name].version != now[name].version
    }
    moved = old.markers.get("python_version") != new.markers.get("python_version")
    broken: dict[str, None] = {}
    for distribution in now.values():
        for line in distribution.requires_dist:
            name = normalize_name(name_in_requirement(line))
            # The same line about the same versions says what it said before, but for its marker.
            if name in changed or distribution.normalized in changed or (moved and ";" in line):
                told = _lack(line, name, now, new.markers)
                if (
                    told
                    and not (system_site_packages and name not in now)
                    and not _was_so(distribution, line, name, was, old.markers)
                ):
                    broken[f"{distribution} needs {told}"] = None
    return tuple(broken)


def _was_so(
    distribution: Distribution, line: str, name: str, was: Mapping[str, Distribution], markers: Mapping[str, str]
) -> bool:
    return distribution.normalized in was and bool(_lack(line, name, was, markers))


def _lack(line: str, name: str, there: Mapping[str, Distribution], markers: Mapping[str, str]) -> str:
    """Say what is lacking; empty where nothing is, the line does not apply, or nobody understands it."""
    if len(line) > LONGEST_LINE or "extra" in line.partition(";")[2]:
        return ""  # It is unknown which extras were asked for.
    from packaging.requirements import Requirement

    try:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate(dict(markers)):
            return ""
        found = there.get(name)
        if found is None:
            return f"{_requirement_text(requirement)}, which is not installed"
        if requirement.specifier.contains(found.version, prereleases=True):
            return ""
    except NOT_UNDERSTOOD:
        return ""
    return f"{_requirement_text(requirement)}, and {found.version} is installed"


def _requirement_text(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"
