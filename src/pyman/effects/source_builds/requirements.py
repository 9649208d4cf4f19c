"""What a system has of what a build from source needs: programs, and headers that its compiler finds."""

from __future__ import annotations

import os
import sys

from pyman.core.build_requirements import (
    Part,
    header_question,
    lacking_note,
    missing_parts,
    package_manager,
    parts_of,
    refuse_missing,
)
from pyman.core.immutable import record
from pyman.effects.files import read_text, replace_file
from pyman.effects.subprocesses import find_on_path, run_supervised

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyman.core.version import Version

_COMPILERS = ("cc", "gcc", "clang")
_LONGEST_NAME = 100
_PROGRAMS = ("bash", "make", "tar", "xz")


@record
class Requirements:
    """What is missing."""

    programs: tuple[str, ...]
    parts: tuple[Part, ...]
    manager: str
    """The system's package manager; empty where it is not known."""
    compiler: str = ""
    """As it calls itself."""


def check_requirements(
    version: Version, release: str, options: Sequence[str], environ: Mapping[str, str], search_path: str
) -> tuple[str, str]:
    """Ask the compiler for the headers that a release is built with, as it would look for them: nothing is compiled.

    Returns what the compiler calls itself, and a note about what the build will lack; empty where that is nothing.

    A build notices after minutes that OpenSSL is not there. Raises PymanError with the
    command that installs what is missing.
    """
    found = _look(version, environ, search_path)
    root = os.geteuid() == 0
    brings_ssl = sys.platform == "darwin" or any(option.startswith("--with-openssl=") for option in options)
    refuse_missing(release, found.programs, found.parts, found.manager, root=root, brings_ssl=brings_ssl)
    # On macOS python-build looks in places of Homebrew that the compiler does not know.
    lacking = found.parts if sys.platform != "darwin" else ()
    return found.compiler, lacking_note(lacking, found.manager, root=root) if lacking else ""


def _look(version: Version, environ: Mapping[str, str], search_path: str) -> Requirements:
    import tempfile

    missing = [name for name in _PROGRAMS if find_on_path(name, search_path) is None]
    compiler = _compiler(environ, search_path)
    if not compiler:
        return Requirements(("a C compiler", *missing), (), _manager())
    surroundings = {"PATH": search_path, "LC_ALL": "C", "HOME": environ.get("HOME", "/")}
    parts = parts_of(version)
    with tempfile.TemporaryDirectory(prefix="pyman-headers-") as folder:
        question = os.path.join(folder, "headers.c")
        replace_file(question, header_question(parts).encode())
        _, answer = run_supervised([*compiler, *_flags(environ), "-E", question], surroundings, folder)
    _, said = run_supervised([*compiler, "--version"], surroundings, "/")
    called = said.partition("\n")[0].translate({ord(letter): None for letter in '"\\'})
    return Requirements(tuple(missing), missing_parts(parts, answer), _manager(), called[:_LONGEST_NAME])


def _compiler(environ: Mapping[str, str], search_path: str) -> list[str]:
    """The words of the compiler that `configure` will take; none where there is none."""
    words = environ.get("CC", "").split()
    for name in words[:1] or _COMPILERS:
        folder, program = os.path.split(name)
        found = find_on_path(program, folder) if os.path.isabs(name) else find_on_path(name, search_path)
        if found is not None:
            return [found, *words[1:]]
    return []


def _flags(environ: Mapping[str, str]) -> list[str]:
    words = [word for name in ("CPPFLAGS", "CFLAGS") for word in environ.get(name, "").split()]
    return [word for word in words if word.startswith(("-I", "-isystem", "--sysroot="))]


def _manager() -> str:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            return package_manager(read_text(path), is_mac=sys.platform == "darwin")
        except OSError:
            continue
    return package_manager("", is_mac=sys.platform == "darwin")
