"""Where the standard library of a Python lies, told from its folders alone. Import-light."""

from __future__ import annotations

import os

from pyman.core.implementation import CPYTHON, LIBRARIES, library_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.version import Variant, Version


def standard_library(prefix: str, minor: str, variant: Variant, implementation: str = CPYTHON) -> str | None:
    """The folder with `os.py` below a prefix; None where there is none. Fedora has it in `lib64`."""
    name = library_name(implementation, f"{minor}t" if variant == "freethreaded" else minor)
    for folder in ("lib", "lib64"):
        library = f"{prefix}/{folder}/{name}"
        if os.access(f"{library}/os.py", os.F_OK):
            return library
    archive = f"{prefix}/lib/python{minor.replace('.', '')}.zip"
    return archive if os.access(archive, os.F_OK) else None


def library_of(executable: str, version: Version, variant: Variant) -> str | None:
    """The standard library that an interpreter finds: beside its path, else beside what that leads to."""
    for path in (executable, os.path.realpath(executable)):
        prefix = os.path.dirname(os.path.dirname(path))
        library = standard_library(prefix, version.minor_name, variant, version.implementation)
        if library is not None:
            return library
    return None


_MINORS = tuple(f"{start}3." for start in LIBRARIES)


def libraries_below(prefix: str) -> list[str]:
    """Every standard library below a prefix: that of a system may have several."""
    found = []
    for folder in ("lib", "lib64"):
        try:
            names = os.listdir(f"{prefix}/{folder}")
        except OSError:
            continue
        found += [f"{prefix}/{folder}/{name}" for name in names if name.startswith(_MINORS)]
    return [library for library in found if os.access(f"{library}/os.py", os.F_OK)]
