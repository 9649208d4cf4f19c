"""Names of programs that belong to a Python, and what each means in a runtime. The shim does the same. Hot."""

from __future__ import annotations

from pyman.core.version import split_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.runtime import Runtime

_WITH_MINOR = ("python3.", "pip3.", "pydoc3.", "idle3.", "2to3-3.")
# In a prefix that pyman did not make, only names that carry the version are certain to be that Python's own.
_OWN_NAMES = {
    "python": "python{}",
    "python3": "python{}",
    "python-config": "python{}-config",
    "python3-config": "python{}-config",
    "pip": "pip{}",
    "pip3": "pip{}",
    "pydoc": "pydoc{}",
    "pydoc3": "pydoc{}",
    "idle": "idle{}",
    "idle3": "idle{}",
    "2to3": "2to3-{}",
}


def minor_of_program(name: str) -> str | None:
    """The minor, with its variant, that a program's name carries: `3.11` for `pip3.11`, `3.14t` for `python3.14t`."""
    for start in _WITH_MINOR:
        if name.startswith(start):
            minor = "3." + name[len(start) :].removesuffix("-config")
            split = split_release(minor)
            return minor if split is not None and len(split[0]) == 2 else None
    return None


def program_in(runtime: Runtime, name: str) -> str | None:
    """The name of a program in the `bin` of a runtime; None for one that is not known to be its own."""
    if runtime.is_managed or minor_of_program(name) is not None:
        return name
    own = _OWN_NAMES.get(name)
    return own.format(runtime.alias) if own is not None else None


def is_of_python(name: str) -> bool:
    """True for a name that every Python has a program for: these are chosen like a shim chooses."""
    return name in _OWN_NAMES or minor_of_program(name) is not None
