"""Pythons of this machine that somebody else put there: where the peers keep theirs, and the system's.

The rules of the places: pyenv `versions/*`; uv `cpython-*`; mise and asdf `installs/python/*`; pystand, hatch and pdm
a folder each; Homebrew's `opt/python@*`, which keeps its name when a patch release comes; the system's `/usr`.
"""

from __future__ import annotations

import os

from pyman.core.implementation import CPYTHON, title
from pyman.core.plans.adopt import Stranger
from pyman.core.prefix_name import versions_in
from pyman.core.runtime_origin import is_shared, origin_of
from pyman.core.version import VARIANT_SUFFIX
from pyman.effects.interpreters.on_disk import implementation_at
from pyman.effects.interpreters.standard_library import standard_library
from pyman.errors import UNSUPPORTED, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyman.effects.places import Places


def prefixes_of_others(environ: Mapping[str, str], home: str) -> list[str]:
    """The prefixes where other tools and the system keep Pythons; each exists, none was asked yet."""
    data = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    parents = [
        (os.path.join(environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv"), "versions"), ""),
        (environ.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python"), "cpython-"),
        (os.path.join(environ.get("MISE_DATA_DIR") or os.path.join(data, "mise"), "installs", "python"), ""),
        (os.path.join(environ.get("ASDF_DATA_DIR") or os.path.join(home, ".asdf"), "installs", "python"), ""),
        (os.path.join(data, "pystand"), ""),
        (os.path.join(data, "pdm", "python"), "cpython"),
        (os.path.join(data, "hatch", "env", "virtual", ".pythons"), ""),
        ("/Library/Frameworks/Python.framework/Versions", "3"),
    ]
    found: list[str] = []
    for parent, start in parents:
        for name in _names(parent):
            prefix = os.path.join(parent, name)
            # A minor-version link is an owner's own alias: the release that it leads to is listed beside it.
            if name.startswith(start) and not os.path.islink(prefix):
                found += [place for place in (prefix, os.path.join(prefix, "python")) if _interpreters(place)]
    for brew in ("/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"):
        found += [os.path.join(brew, name) for name in _names(brew) if name.startswith("python@3")]
    return found


def discover(places: Places, environ: Mapping[str, str]) -> tuple[list[Stranger], list[str]]:
    """Every Python of others that answers, and the ones that do not, with the reason.

    Each is asked once and remembered (effects/interpreters/interpreter.py).
    """
    strangers: list[Stranger] = []
    notes: list[str] = []
    executables = [name for prefix in prefixes_of_others(environ, places.home) for name in _interpreters(prefix)[:1]]
    for folder in ("/usr/bin", "/usr/local/bin"):
        executables += _interpreters(os.path.dirname(folder))
    for executable in executables:
        try:
            strangers.append(ask_stranger(executable, places))
        except PymanError as error:
            notes.append(error.message)
    unique = {(stranger.prefix, stranger.version, stranger.variant): stranger for stranger in strangers}
    return list(unique.values()), notes


def ask_stranger(executable: str, places: Places) -> Stranger:
    """Ask an interpreter what it is, and say which folder to link to.

    Raises Refused for what cannot be adopted: another implementation, one without a prefix of its own, one in a
    folder that is named after another release: somebody has changed what is in it.
    """
    from pyman.effects.interpreters.interpreter import ask_once

    _refuse_another(executable, implementation_at(executable))
    facts = ask_once(executable, places.cache)
    _refuse_another(executable, facts.implementation)
    if facts.version.order < (3, 6, 0, 0, 0):
        raise Refused(f"{executable} is Python {facts.version}, which is too old", hint="adopt Python 3.6 or newer")
    prefix = facts.base_prefix
    name = f"bin/python{facts.version.minor_name}{VARIANT_SUFFIX[facts.variant]}"
    given = os.path.dirname(os.path.dirname(executable))
    # Homebrew's stable name is kept; a tool's own minor-version link is not, for it will name another release.
    if not (given.startswith(prefix) or origin_of(given) == "homebrew"):
        given = prefix
    chosen = given if origin_of(given) == "homebrew" else os.path.realpath(prefix)
    if not os.access(os.path.join(chosen, name), os.X_OK):
        raise Refused(
            f"{executable} has no {name} in its prefix {chosen}, so it cannot be linked to", hint="adopt another Python"
        )
    named = _named_release(chosen)
    if named not in (None, (facts.version.major, facts.version.minor, facts.version.patch)):
        raise Refused(
            f"{chosen} is named after another release than the one in it, which is Python {facts.version}",
            hint="rename the folder, or install that release again with the tool that made it",
        )
    return Stranger(chosen, facts.version, facts.variant, origin_of(chosen))


def _refuse_another(executable: str, implementation: str) -> None:
    if implementation != CPYTHON:
        raise Refused(
            f"{executable} is {title(implementation)}, which pyman does not support yet; nothing was adopted",
            hint="adopt a CPython",
            code=UNSUPPORTED,
        )


def _named_release(prefix: str) -> tuple[int, ...] | None:
    """The numbers in a folder's name that says which release is in it: `3.12.1`, `cpython-3.13.5-linux-x86_64-gnu`."""
    name = os.path.basename(prefix)
    if not (name[:1].isdigit() or name.startswith(("cpython-", "python-"))):
        return None
    return next((numbers for numbers in versions_in(name) if len(numbers) == 3 and numbers[0] == 3), None)


def base_packages(stranger: Stranger) -> tuple[str, ...]:
    """What is installed into a Python itself, besides its standard library."""
    if is_shared(stranger.prefix):
        return ()
    library = standard_library(stranger.prefix, stranger.version.minor_name, stranger.variant)
    names = _names(os.path.join(library, "site-packages")) if library is not None else []
    return tuple(name.split("-")[0] for name in names if name.endswith((".dist-info", ".egg-info")))


def _interpreters(prefix: str) -> list[str]:
    """The interpreters of a prefix, one for each minor."""
    folder = os.path.join(prefix, "bin")
    found = []
    for name in _names(folder):
        rest = name.removeprefix("python3.")
        if rest != name and rest.rstrip("td").isdigit() and os.access(os.path.join(folder, name), os.X_OK):
            found.append(os.path.join(folder, name))
    return found


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
