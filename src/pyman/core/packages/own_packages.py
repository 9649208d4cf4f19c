"""What a venv is born with: the affair of the runtime that it is made from, not of whoever installs into it."""

from __future__ import annotations

from pyman.core.packages.package import name_in_requirement, normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.packages.package import Package
    from pyman.core.version import Version

FIRST_WITHOUT_SETUPTOOLS = (3, 12)

# Every setuptools that an `ensurepip` has brought (cpython, Lib/ensurepip/__init__.py).
_BUNDLED = "28.8.0 39.0.1 40.6.2 40.8.0 41.2.0 47.1.0 49.2.1 56.0.0 57.4.0 58.1.0 63.2.0 65.5.0 79.0.1"


def own_packages(packages: tuple[Package, ...], old: Version, new: Version) -> frozenset[str]:
    """Return the normalized names that a rebuild leaves to the new venv: born with it, or not needed there any more.

    pip always. setuptools where nobody chose it: virtualenv does not mark what it seeds as requested, and what
    `ensurepip` brings is known by its version. One that another package needs is put back where the new Python brings
    none.
    """
    own = {"pip"}
    brings_setuptools = (new.major, new.minor) < FIRST_WITHOUT_SETUPTOOLS
    setuptools = next((package for package in packages if package.normalized == "setuptools"), None)
    if setuptools is None:
        return frozenset(own | {"setuptools"} if brings_setuptools else own)
    was_seeded = (old.major, old.minor) < FIRST_WITHOUT_SETUPTOOLS and setuptools.origin is None
    unchosen = not setuptools.requested or setuptools.version in _BUNDLED.split()
    if was_seeded and unchosen and (brings_setuptools or not _is_needed("setuptools", packages)):
        own.add("setuptools")
    return frozenset(own)


def _is_needed(name: str, packages: tuple[Package, ...]) -> bool:
    return any(
        normalize_name(name_in_requirement(line)) == name and "extra" not in line.partition(";")[2]
        for package in packages
        for line in package.distribution.requires_dist
    )
