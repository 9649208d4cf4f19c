"""python-build: found where its user or root has put it, and believed only if nobody else can write to it."""

from __future__ import annotations

import os

from pyman.core.immutable import record
from pyman.core.pythons_of_tools import python_builds
from pyman.core.source_build import (
    TOOL,
    SourceTarball,
    named_programs,
    own_folder,
    plugin_folder,
    read_definition,
    release_of_definition,
)
from pyman.effects.files import read_text
from pyman.effects.interpreters.admission import lies_in_project, refuse_changeable
from pyman.effects.places import Places
from pyman.effects.subprocesses import find_on_path, search_path_outside
from pyman.errors import NO_PYTHON_BUILD, NotFound, NotStarted, PymanError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.version import Variant, Version

VARIABLE = "PYMAN_PYTHON_BUILD"
_SHIMS = "shims"


@record
class Engine:
    """A python-build that may be started."""

    program: str
    """Its real path."""
    definitions: str
    """The folder of its definitions."""
    search_path: str
    """The PATH on which it finds compilers and all else."""

    def releases(self) -> list[tuple[Version, Variant]]:
        """The releases of CPython that it has a definition for."""
        names = map(release_of_definition, sorted(os.listdir(self.definitions)))
        return [release for release in names if release is not None]

    def source(self, version: Version, variant: Variant) -> SourceTarball | None:
        """The tarball that it would build a release from; None where its definition does not tell.

        Raises NotStarted where somebody else could write to what it would run.
        """
        plain, name = str(version), f"{version}{'t' if variant == 'freethreaded' else ''}"
        for path in self._scripts(plain, name):
            refuse_changeable(path, self.program)
        try:
            return read_definition(version, variant, read_text(f"{self.definitions}/{plain}"))
        except OSError:
            return None

    def _scripts(self, plain: str, name: str) -> list[str]:
        """What it runs, or changes the source with, for a release."""
        scripts = [path for each in {plain, name} if os.path.exists(path := f"{self.definitions}/{each}")]
        for folder, _, files in os.walk(f"{self.definitions}/patches/{name}"):
            scripts += [folder, *(f"{folder}/{file}" for file in files)]
        return scripts


def find_engine(places: Places) -> Engine:
    """Find python-build: by PYMAN_PYTHON_BUILD, on PATH, and where pyenv, mise, asdf and Homebrew have it.

    Raises NotFound where there is none, NotStarted where there are only some that others could change, or where the
    environment names a compiler in a project or a venv.
    """
    search_path = _search_path(places)
    for variable, path in named_programs(places.environ):
        folders = (os.path.dirname(path), os.path.dirname(os.path.realpath(path)))
        if not all(search_path_outside(folder, places.cwd, places.home) for folder in folders):
            raise NotStarted(
                f"{variable} names {path}, which was not started: it is in a project or a venv",
                hint=f"unset {variable}, or set it to a program elsewhere",
            )
    named = places.environ.get(VARIABLE, "")
    if named and not os.path.isabs(named):
        raise UsageError(f"{VARIABLE}={named} is not an absolute path", hint="give the whole path of the program")
    on_path = find_on_path(TOOL, search_path)
    usual = [on_path] if on_path is not None else []
    refused: PymanError | None = None
    for place in [named] if named else [*usual, *python_builds(places.environ, places.home)]:
        try:
            engine = _engine(place, search_path, places)
        except NotStarted as error:
            refused = refused or error
            continue
        if engine is not None:
            return engine
    if refused is not None:
        raise refused
    if named:
        raise NotFound(
            f"{VARIABLE}={named} is not a {TOOL} with its definitions",
            hint="set it to `plugins/python-build/bin/python-build` in a clone of https://github.com/pyenv/pyenv",
            code=NO_PYTHON_BUILD,
        )
    raise NotFound(
        f"building from source needs {TOOL}, a part of pyenv, which is not installed",
        hint="run `git clone https://github.com/pyenv/pyenv ~/.pyenv`, then run the same command again",
        code=NO_PYTHON_BUILD,
    )


def _search_path(places: Places) -> str:
    """What may be used of PATH, without shims: a build must not run the Python that they choose."""
    usable = search_path_outside(places.environ.get("PATH", ""), places.cwd, places.home)
    return os.pathsep.join(
        folder for folder in usable.split(os.pathsep) if os.path.basename(folder.rstrip("/")) != _SHIMS
    )


def _engine(place: str, search_path: str, places: Places) -> Engine | None:
    """The python-build at a place; None where there is none, or it has no definitions. Raises NotStarted."""
    program = os.path.realpath(place)
    definitions = f"{plugin_folder(program)}/share/python-build"
    if not os.path.isfile(program) or not os.path.isdir(definitions):
        return None
    for path in (program, definitions):
        refuse_changeable(path, program)
    is_usable = search_path_outside(os.path.dirname(program), places.cwd, places.home) != ""
    if not is_usable or lies_in_project(own_folder(program), places.home):
        raise NotStarted(
            f"{program} was not started: it is in a project or a venv",
            hint=f"install pyenv for the user, or set {VARIABLE} to a {TOOL} elsewhere",
        )
    return Engine(program, definitions, search_path)
