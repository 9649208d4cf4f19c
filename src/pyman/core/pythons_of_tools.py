"""Where version managers keep their Pythons, as their documentation and their environment variables say.

Import-light.
"""

from __future__ import annotations

from posixpath import isabs, join, normpath

from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


@record
class ToolRoot:
    """One folder of one tool."""

    tool: str
    root: str
    """The folder that the tool calls its own, which may be a checkout of the tool itself."""
    pythons: str
    """The folder that has a folder for each Python."""
    starts: tuple[str, ...] = ("",)
    """How the names of these begin, where others lie there as well."""
    links: bool = False
    """True where the Pythons are to be used through the links in there: Homebrew keeps these for each minor."""


_FRAMEWORKS = (
    ("python.org", "/Library/Frameworks/Python.framework/Versions"),
    ("python.org", "/Library/Frameworks/PythonT.framework/Versions"),
    ("macports", "/opt/local/Library/Frameworks/Python.framework/Versions"),
    ("system", "/Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework/Versions"),
    ("system", "/Applications/Xcode.app/Contents/Developer/Library/Frameworks/Python3.framework/Versions"),
)
"""Where macOS has frameworks: one folder for each minor version."""


def python_builds(environ: Mapping[str, str], home: str) -> tuple[str, ...]:
    """Where python-build may lie that is not on PATH: with pyenv, mise, asdf and Homebrew; none need exist."""

    def named(variable: str, *default: str) -> str:
        value = environ.get(variable, "")
        return normpath(value) if isabs(value) and "\0" not in value else join(*default)

    asdf = named("ASDF_DATA_DIR", home, ".asdf")
    folders = [named("PYENV_ROOT", home, ".pyenv"), f"{home}/.pyenv"]
    caches = (named("XDG_CACHE_HOME", home, ".cache"), f"{home}/Library/Caches")
    folders += [f"{named('MISE_CACHE_DIR', cache, 'mise')}/python/pyenv" for cache in caches]
    folders.append(f"{asdf}/plugins/python/pyenv")
    folders += [f"{brew}/opt/pyenv" for brew in ("/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew")]
    return tuple(dict.fromkeys(f"{folder}/plugins/python-build/bin/python-build" for folder in folders))


def tool_roots(environ: Mapping[str, str], home: str) -> tuple[ToolRoot, ...]:
    """Say where each tool keeps its Pythons; none of these folders need exist.

    A variable with a relative path does not count: it would mean something else in every folder.
    """

    def named(variable: str, *default: str) -> str:
        value = environ.get(variable, "")
        return normpath(value) if isabs(value) and "\0" not in value else join(*default)

    data = named("XDG_DATA_HOME", home, ".local", "share")
    pyenv, uv = named("PYENV_ROOT", home, ".pyenv"), named("UV_PYTHON_INSTALL_DIR", data, "uv", "python")
    mise, asdf = named("MISE_DATA_DIR", data, "mise"), named("ASDF_DATA_DIR", home, ".asdf")
    rye = named("RYE_HOME", home, ".rye")
    roots = [
        ToolRoot("pyenv", pyenv, f"{pyenv}/versions"),
        ToolRoot("uv", uv, uv, ("cpython-", "pypy-", "graalpy-")),
        ToolRoot("mise", mise, f"{mise}/installs/python"),
        ToolRoot("asdf", asdf, f"{asdf}/installs/python"),
        ToolRoot("rye", rye, f"{rye}/py", ("cpython@", "pypy@")),
    ]
    # On macOS most use the second of these; uv used to.
    for base in dict.fromkeys((data, f"{home}/Library/Application Support")):
        pystand, pdm, hatch = f"{base}/pystand", f"{base}/pdm/python", f"{base}/hatch/env/virtual/.pythons"
        roots.append(ToolRoot("pystand", pystand, pystand))
        roots.append(ToolRoot("pdm", pdm, pdm, ("cpython", "pypy")))
        roots.append(ToolRoot("hatch", hatch, hatch))
    before = f"{home}/Library/Application Support/uv/python"
    roots.append(ToolRoot("uv", before, before, ("cpython-", "pypy-", "graalpy-")))
    for tool, folder in _FRAMEWORKS:
        roots.append(ToolRoot(tool, folder, folder, ("3",)))
    for brew in ("/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"):
        # `opt/python@3` is moved to another minor every autumn.
        roots.append(ToolRoot("homebrew", f"{brew}/opt", f"{brew}/opt", ("python@3.",), links=True))
        roots.append(ToolRoot("homebrew", f"{brew}/Cellar", f"{brew}/Cellar", ("python@3.",)))
    return tuple(roots)
