"""Which names get a shim, what a name means in a Python, and the text of the one file behind them all. Import-light.

Which Python is meant, core/version_source.py says. The shim itself is sh (`shims/python` in the repository); what is
decided for `pyman shim` and `pyman which` is what it does, held together by the table in
`tests/contract/version_files.py`.
"""

from __future__ import annotations

from pyman.core.escape import quote
from pyman.core.implementation import OTHERS, alias_name, of_program, shim_programs
from pyman.core.names import is_interpreter_name, minor_of_executable, other_in_name
from pyman.core.version import split_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

TEMPLATE = "python"
"""The one file; every other name is a link to it in the same folder."""
MARK = "# pyman shim:"
"""Begins the second line of every shim. Nothing else in the folder is ours."""

_PLAIN = ("python", "python3", "python3-config", "pip", "pip3", "pydoc3", "idle3")
# `2to3` and `pydoc` are run where somebody links them to the shim, but get none of their own: no build has them still.
_CARRIERS = ("python", "pip", "pydoc", "idle", "2to3-")
_CONFIG = "-config"


def shim_names(names_in_store: Iterable[str]) -> tuple[str, ...]:
    """Return the names to put into the folder of shims, for aliases and runtimes of a store (`3.14t`, `3.13.5`)."""
    names = set(_PLAIN)
    for name in names_in_store:
        other = other_in_name(name)
        if other is not None:
            names |= set(shim_programs(other.implementation, other.minor))
            continue
        alias = name.partition("+")[0]
        split = split_release(alias)
        if split is not None and len(split[0]) == 3:
            # Tools look for exactly this release under this name.
            names.add(f"python{alias}")
            continue
        if split is None or len(split[0]) != 2:
            continue
        # virtualenv, tox and what builds on them try the version itself, as it is written, before they try every name
        # that begins with `python` in the order of the folder: there a patch release may come first, and would pin.
        names |= {f"python{alias}", f"python{alias}{_CONFIG}", alias, f"py{alias.replace('.', '')}"}
        if split[2] == "default":
            # The scripts of other variants carry the plain minor, and would fight over the name.
            names |= {f"pip{alias}", f"pydoc{alias}", f"idle{alias}"}
    return tuple(sorted(names))


def names_to_link(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the shims that programs without a shell's set-up find in a folder of everybody: `python3.13`.

    None without a version: `python3` there would take the place of the system's for all that the user runs. None with
    a patch release: a tool that looks for 3.13 might take it, and pin.
    """
    return tuple(name for name in names if name.startswith("python3.") and name == f"python{program_minor(name)}")


def program_minor(program: str) -> str | None:
    """Return the minor that a program's name carries, as its alias: `3.13` for `pip3.13`, `3.14t`, `pypy3.11`."""
    other = program_implementation(program)
    if other is not None:
        named = minor_of_executable(program)
        return alias_name(other, named[0]) if named is not None else None
    for carrier in _CARRIERS:
        if program.startswith(f"{carrier}3."):
            minor = program[len(carrier) :].removesuffix(_CONFIG)
            split = split_release(minor)
            return minor if split is not None and len(split[0]) == 2 and not split[1] else None
    return None


def program_implementation(program: str) -> str | None:
    """Return the implementation that the name of an interpreter means: `pypy` for `pypy3`; None for `python3`."""
    implementation = of_program(program)
    return implementation if implementation in OTHERS and is_interpreter_name(program) else None


def program_release(program: str) -> str | None:
    """Return the patch release that a program's name carries: `3.13.5` for `python3.13.5`."""
    release = program.removeprefix("python")
    split = split_release(release) if release != program else None
    return release if split is not None and len(split[0]) == 3 else None


def is_of_a_venv(program: str) -> bool:
    """True for what belongs to one Python and is not in the `bin` of its venvs: headers, pydoc, IDLE."""
    return program.startswith(("pydoc", "idle")) or (program.startswith("python") and program.endswith(_CONFIG))


def program_of_venv(program: str, minor: str, variant: str) -> str | None:
    """Return the name under which the Python of an active venv has a program; None where another Python's is meant."""
    full = f"{minor}t" if variant == "freethreaded" else minor
    for name, own in (("python", f"python{full}{_CONFIG}"), ("pydoc", f"pydoc{minor}"), ("idle", f"idle{minor}")):
        ending = _CONFIG if name == "python" else ""
        if program in (f"{name}{ending}", f"{name}3{ending}", own):
            return own
    return None


def own_program(program: str, minor: str) -> str | None:
    """Return the name by which a Python that pyman did not unpack has a program: always one that carries its minor.

    The `python3` and `pip` of a prefix that others share may belong to another Python. None for what is no
    program of Python's own.
    """
    if program_minor(program) is not None:
        return program if program_minor(program) == minor else None
    if program_release(program) is not None:
        return f"python{minor}"
    plain = program.removesuffix(_CONFIG)
    ending = program[len(plain) :]
    if plain == "2to3":
        return f"2to3-{minor}"
    name = plain.removesuffix("3")
    if name in _CARRIERS and (not ending or name == "python"):
        return f"{name}{minor}{ending}"
    return None


def is_of_python(program: str) -> bool:
    """Return whether every Python has a program of this name: these are chosen as the shims choose."""
    is_other = program_implementation(program) is not None
    return is_other or program_minor(program) is not None or own_program(program, "") is not None


def render_shim(template: str, root: str, command: str = "", script: str = "") -> str:
    """Return the shim's text with the store and pyman's own command written into it; empty ones stay open.

    `script` is what the command runs where it is a Python.
    """
    written = {"root": root, "command": command, "script": script}
    for variable, value in ((f"pyman_written_{name}", value) for name, value in written.items()):
        template = template.replace(f"\n{variable}=''\n", f"\n{variable}={quote(value)}\n", 1)
    return template


def is_shim(text: str) -> bool:
    """True for a text that pyman put there as a shim, of whatever release."""
    first, _, rest = text.partition("\n")
    return first.startswith("#!") and rest.startswith(MARK)
