"""Whether the packages of a new venv have what they need, as `pip check` asks; what was so before is no news."""

from __future__ import annotations

from pyman.core.packages.package import LONGEST_LINE, name_in_requirement, normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.requirements import Requirement

    from pyman.core.packages.compatibility import Release
    from pyman.core.packages.package import Distribution


def newly_broken(
    before: Iterable[Distribution],
    after: Iterable[Distribution],
    old: Release,
    new: Release,
    *,
    lends: bool = False,
) -> tuple[str, ...]:
    """Return what packages need now and do not have, and had before: one sentence each.

    With `lends` (`include-system-site-packages`) what is missing may come from the base Python, and is not told.
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
                if told and not (lends and name not in now) and not _was_so(distribution, line, name, was, old.markers):
                    broken[f"{distribution} needs {told}"] = None
    return tuple(broken)


def _was_so(
    distribution: Distribution, line: str, name: str, was: Mapping[str, Distribution], markers: Mapping[str, str]
) -> bool:
    return distribution.normalized in was and bool(_lack(line, name, was, markers))


def _lack(line: str, name: str, there: Mapping[str, Distribution], markers: Mapping[str, str]) -> str:
    """Say what is lacking; empty where nothing is, the line does not apply, or nobody understands it."""
    if len(line) > LONGEST_LINE or "extra" in line.partition(";")[2]:
        return ""  # Nobody knows which extras were asked for.
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion

    try:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate(dict(markers)):
            return ""
        found = there.get(name)
        if found is None:
            return f"{_shown(requirement)}, which is not installed"
        if requirement.specifier.contains(found.version, prereleases=True):
            return ""
    except (InvalidRequirement, InvalidVersion, ValueError, RecursionError):
        return ""
    return f"{_shown(requirement)}, and {found.version} is installed"


def _shown(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"
