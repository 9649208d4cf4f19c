"""Making an unpacked tree right for its place, before anybody runs it."""

from __future__ import annotations

import os

from pyman.core.prefix import EXTERNALLY_MANAGED, relocated_makefile, relocated_variables
from pyman.effects.files import NotReadable, read_bytes, replace_file
from pyman.effects.places import cannot_write
from pyman.errors import IntegrityError

# Bytes. CPython's Makefile has 200 kB, and grows.
_LARGEST = 4 << 20


def repair_prefix(tree: str, final: str) -> None:
    """Replace the prefix that a build baked in: in `_sysconfigdata*.py`, and in the `Makefile` of `config-*`.

    `tree` is where the runtime lies now, `final` where it will lie. Doing it again changes nothing. Raises
    IntegrityError where there is no standard library or its files cannot be read, PymanError where they cannot be
    written.
    """
    library = _library(tree)
    try:
        names = os.listdir(library)
        for name in names:
            path = f"{library}/{name}"
            if name.startswith("_sysconfigdata") and name.endswith(".py"):
                source = read_bytes(path, _LARGEST)
                _write(path, source, relocated_variables(source))
                _forget_bytecode(library, name.removesuffix(".py"))
            elif name.startswith("config"):
                try:
                    source = read_bytes(f"{path}/Makefile", _LARGEST)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                _write(f"{path}/Makefile", source, relocated_makefile(source, os.fsencode(final)))
    except NotReadable as error:
        raise IntegrityError(f"the runtime in {tree} is not one: {error}", hint="take another build of it") from None
    except OSError as error:
        raise cannot_write(library, error) from error


def write_externally_managed(tree: str) -> None:
    """Tell pip and its like to leave the runtime alone (PEP 668).

    Raises IntegrityError where there is no standard library, PymanError where it cannot be written.
    """
    library = _library(tree)
    try:
        replace_file(f"{library}/EXTERNALLY-MANAGED", EXTERNALLY_MANAGED.encode())
    except OSError as error:
        raise cannot_write(library, error) from error


def _library(tree: str) -> str:
    """Return the folder of the standard library: the one `lib/python3.X` that holds `os.py`."""
    try:
        names = [name for name in os.listdir(f"{tree}/lib") if name.startswith("python")]
    except OSError:
        names = []
    found = [name for name in names if os.path.isfile(f"{tree}/lib/{name}/os.py")]
    if len(found) != 1:
        raise IntegrityError(
            f"{tree} holds no standard library lib/python3.X",
            hint="only archives of CPython in the layout of python-build-standalone can be installed",
        )
    return f"{tree}/lib/{found[0]}"


def _write(path: str, before: bytes, after: bytes) -> None:
    if after != before:
        replace_file(path, after)


def _forget_bytecode(library: str, module: str) -> None:
    """Remove what was compiled of the file before: where time and size happen to agree it would be used."""
    for folder in (library, f"{library}/__pycache__"):
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            continue
        for name in names:
            if name.startswith(f"{module}.") and name.endswith(".pyc"):
                os.unlink(f"{folder}/{name}")
