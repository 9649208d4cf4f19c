"""Pythons of this machine that somebody else put there: where version managers keep theirs, and the system's.

What is found is asked only where effects/interpreters/admission.py admits it: in a folder of the user's own version
manager that lies in no project, or where all of it is root's.
"""

from __future__ import annotations

import os

from pyman.core.immutable import replace
from pyman.core.implementation import CPYTHON, KNOWN, UNNUMBERED, known_titles, of_program, title
from pyman.core.names import minor_of_executable, other_in_name, versions_in
from pyman.core.plans.install import ExternalPython
from pyman.core.request import OLDEST
from pyman.core.store import executable_of, is_shared, origin_of
from pyman.core.version import Version, shown_release
from pyman.effects.files import names_seen
from pyman.effects.interpreters.on_disk import implementation_at, read_other_version
from pyman.effects.interpreters.standard_library import library_of
from pyman.errors import UNSUPPORTED, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.effects.places import Places

# Hatch has each Python in a folder of its release, rye of some releases did.
_BELOW = ("", "python", "install")
_WHOLE = 2
"""Dots in the implementation's own version of one release."""


def prefixes_of_others(places: Places) -> list[str]:
    """The prefixes where version managers keep Pythons; each exists, none was asked yet."""
    from pyman.effects.interpreters.admission import own_tool_roots

    found: list[str] = []
    for root in own_tool_roots(places):
        for name in names_seen(root.pythons):
            prefix = os.path.join(root.pythons, name)
            # A minor-version link is an owner's own alias: the release that it leads to is listed beside it.
            if name.startswith(root.starts) and (root.links or not os.path.islink(prefix)):
                candidates = [os.path.join(prefix, below) if below else prefix for below in _BELOW]
                found += [place for place in candidates if _interpreters(place)]
    return found


def discover(places: Places) -> tuple[list[ExternalPython], list[str]]:
    """Every Python of others that answers, and the ones that do not, with the reason.

    Each is asked once and remembered (effects/interpreters/ask.py).
    """
    found: list[ExternalPython] = []
    notes: list[str] = []
    executables = [name for prefix in prefixes_of_others(places) for name in _interpreters(prefix)[:1]]
    for folder in ("/usr/bin", "/usr/local/bin"):
        executables += _interpreters(os.path.dirname(folder))
    for executable in executables:
        try:
            found.append(ask_external(executable, places))
        except PymanError as error:
            notes.append(error.message)
    unique = {(external.prefix, external.version, external.variant): external for external in found}
    return list(unique.values()), notes


def ask_external(executable: str, places: Places, *, named: bool = False) -> ExternalPython:
    """Ask an interpreter what it is, and say which folder to link to; `named` says that the user named it.

    Raises Refused for what cannot be adopted: another implementation, one without a prefix of its own, one in a
    folder that is named after another release: somebody has changed what is in it. Raises NotStarted for what may not
    be started.
    """
    from pyman.effects.interpreters.admission import Admission
    from pyman.effects.interpreters.ask import ask_once

    _refuse_unknown(executable, implementation_at(executable))
    admission = Admission(places)
    # Also if it was checked before: it will be started through the store.
    admission.check(executable, named=named)
    facts = ask_once(executable, places.cache, admission, named=named)
    _refuse_unknown(executable, facts.implementation)
    if (facts.version.major, facts.version.minor) < OLDEST:
        raise Refused(f"{executable} is Python {facts.version}, which is too old", hint="adopt Python 3.6 or newer")
    prefix = facts.base_prefix
    name = executable_of(facts.version, facts.variant)
    given = os.path.dirname(os.path.dirname(executable))
    # Homebrew's stable name is kept; a tool's own minor-version link is not, for it will name another release.
    if not (given.startswith(prefix) or origin_of(given) == "homebrew"):
        given = prefix
    chosen = _name_of_minor(given, facts.version) if origin_of(given) == "homebrew" else os.path.realpath(prefix)
    if not os.access(os.path.join(chosen, name), os.X_OK):
        raise Refused(
            f"{executable} has no {name} in its prefix {chosen}, so it cannot be linked to", hint="adopt another Python"
        )
    version = _with_own_version(facts.version, executable, chosen)
    _refuse_renamed(chosen, version)
    return ExternalPython(chosen, version, facts.variant, origin_of(chosen))


def _name_of_minor(prefix: str, version: Version) -> str:
    """Homebrew's name for one minor, where it was given one that is moved to another minor every autumn.

    Raises Refused where it has none.
    """
    above, name = os.path.split(prefix)
    if name not in ("python", "python3", "python@3"):
        return prefix
    stable = os.path.join(above, f"python@{version.minor_name}")
    if os.path.realpath(stable) != os.path.realpath(prefix):
        raise Refused(
            f"{prefix} will be upgraded to another minor version than {version.minor_name}, so it was not adopted",
            hint=f"run `brew install python@{version.minor_name}`, then adopt that",
        )
    return stable


def _refuse_unknown(executable: str, implementation: str) -> None:
    if implementation not in KNOWN:
        raise Refused(
            f"{executable} is {title(implementation)}, which pyman does not support; nothing was adopted",
            hint=f"adopt a {known_titles('or')}",
            code=UNSUPPORTED,
        )


def _with_own_version(version: Version, executable: str, prefix: str) -> Version:
    """The release of another implementation; before 25.0 GraalPy itself does not say its own, its files do.

    Raises Refused where nothing tells it.
    """
    if version.implementation == CPYTHON or version.own:
        return version
    found = read_other_version(prefix, version.implementation, version.minor_name)
    if found is None or not found.own:
        raise Refused(f"{executable} does not say which release of {title(version.implementation)} it is")
    return replace(version, own=found.own)


def _refuse_renamed(prefix: str, version: Version) -> None:
    """Raise Refused for a folder that is named after another release than the one in it: somebody has changed it."""
    other = other_in_name(os.path.basename(prefix))
    if other is not None and version.own:
        differs = other.own.count(".") == _WHOLE and other.own != version.own
    else:
        named = _named_release(prefix)
        differs = named not in (None, (version.major, version.minor, version.patch))
    if differs:
        shown = shown_release(version, "default")
        raise Refused(
            f"{prefix} is named after another release than the one in it, which is {shown}",
            hint="rename the folder, or install that release again with the tool that made it",
        )


def _named_release(prefix: str) -> tuple[int, ...] | None:
    """The numbers in a folder's name that says which release is in it: `3.12.1`, `cpython-3.13.5-linux-x86_64-gnu`."""
    name = os.path.basename(prefix)
    if not (name[:1].isdigit() or name.startswith(("cpython-", "python-"))):
        return None
    return next((numbers for numbers in versions_in(name) if len(numbers) == 3 and numbers[0] == 3), None)


def base_packages(external: ExternalPython) -> tuple[str, ...]:
    """What is installed into a Python itself, besides its standard library."""
    if is_shared(external.prefix):
        return ()
    executable = os.path.join(external.prefix, executable_of(external.version, external.variant))
    library = library_of(executable, external.version, external.variant)
    names = names_seen(os.path.join(library, "site-packages")) if library is not None else []
    return tuple(name.split("-")[0] for name in names if name.endswith((".dist-info", ".egg-info")))


def _interpreters(prefix: str) -> list[str]:
    """The interpreters of a prefix, one for each minor."""
    folder = os.path.join(prefix, "bin")
    names = [name for name in names_seen(folder) if minor_of_executable(name) is not None or name in UNNUMBERED]
    # PyPy has a `python3.11` too, which may be anybody's where a prefix is shared.
    names.sort(key=lambda name: of_program(name) is None)
    return [path for name in names if os.access(path := os.path.join(folder, name), os.X_OK)]
