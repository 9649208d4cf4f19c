"""A path as a request: used as given, its directory links kept, resolved only where it could not work otherwise.

Two kinds of path are resolved here (design.md 4): one into a venv goes on to the base interpreter, and keeps the venv's
policy; a lone link to an executable is followed until it stands in a Python's own `bin`, because a venv made from it
could not find the standard library. What ends in Homebrew's Cellar is used by the name that Homebrew moves along.

Import-light.
"""

from __future__ import annotations

import os
import sys

from pyman.core.choice import Choice, pinned, through_alias
from pyman.core.immutable import record
from pyman.core.implementation import CPYTHON, KNOWN, known_titles, title
from pyman.core.names import homebrew_names, is_interpreter_name, policy_of_path, split_library
from pyman.core.pyvenv_cfg import FILE_NAME, Settings, parse_pyvenv_cfg
from pyman.core.store import Store
from pyman.core.venv import MOST_LINKS
from pyman.effects.files import read_text
from pyman.effects.interpreters.on_disk import implementation_at
from pyman.effects.venvs.uses import Uses
from pyman.errors import UNSUPPORTED, BadRequest, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyman.core.pyvenv_cfg import Policy
    from pyman.effects.places import Places


@record
class ResolvedPath:
    """Where a path led."""

    executable: str
    policy: Policy | None = None
    """What a venv on the way said about itself."""
    named_by_venv: bool = False
    """True where only the settings of a venv lead there."""


def resolve_path(path: str, store: Store, places: Places, *, named: bool) -> Choice:
    """Answer a request that is an absolute path, and no shim; `named` says that it stands in the user's own words.

    Raises NotFound where nothing is there, BadRequest where it leads to no Python, NotStarted where that may not be
    started.
    """
    if not os.path.lexists(path):
        raise NotFound(f"{path} does not exist", hint="give the path of an interpreter, a venv or a Python")
    found = _to_base(path, None)
    mine = _in_store(found, store)
    if mine is not None:
        return mine
    return _outside(found, places, named=named and not found.named_by_venv)


def base_interpreter(path: str) -> str:
    """The interpreter that an absolute path leads to, whatever that is. Raises NotFound and BadRequest."""
    return _to_base(path, None).executable


def absolute(text: str, environ: Mapping[str, str], cwd: str) -> str:
    """Make a path absolute without following a link."""
    if text == "~" or text.startswith("~/"):
        text = environ.get("HOME", "~") + text[1:]
    elif text.startswith("~"):
        text = os.path.expanduser(text)
    return _joined(cwd, text)


def _joined(folder: str, text: str) -> str:
    """A path from an absolute folder on, without `.` and `..`, all its links kept but those that a `..` leaves."""
    path = "/"
    for name in os.path.join(folder, text).split("/"):
        if name == "..":
            # `..` after a link is above the link's target, not above the link.
            path = os.path.dirname(os.path.realpath(path) if os.path.islink(path) else path)
        elif name not in ("", "."):
            path = os.path.join(path, name)
    return path


_APPLES = (
    "/Library/Developer/CommandLineTools/usr/bin/python3",
    "/Applications/Xcode.app/Contents/Developer/usr/bin/python3",
)


def behind_placeholder(path: str) -> str | None:
    """The Python that Apple's `/usr/bin/python3` goes on to, None where none is installed; any other path as it is.

    Without one, starting that file opens a dialog that offers to install the developer tools.
    """
    if sys.platform != "darwin" or path != "/usr/bin/python3":
        return path
    return next((real for real in _APPLES if os.access(real, os.X_OK)), None)


def _to_base(path: str, policy: Policy | None) -> ResolvedPath:
    behind = behind_placeholder(path)
    if behind is None:
        raise NotFound(
            f"{path} is Apple's placeholder, and no Python is installed behind it",
            hint="install one with `pyman install`",
        )
    path, named_by_venv = behind, False
    for _ in range(MOST_LINKS):
        if os.path.isdir(path):
            if os.path.isfile(os.path.join(path, FILE_NAME)):
                path, policy = _base_of_venv(path, policy)
                named_by_venv = True
                continue
            path = _interpreter_in(path)
        above = os.path.dirname(os.path.dirname(path))
        if os.path.isfile(os.path.join(above, FILE_NAME)):
            path, policy = _base_of_venv(above, policy)
            named_by_venv = True
            continue
        if not os.path.islink(path) or _stands_in_prefix(path):
            if not os.path.isfile(path) or not os.access(path, os.X_OK):
                raise BadRequest(
                    f"{path} is not an executable program",
                    hint="give the path of an interpreter, a venv or a Python",
                    exit_status=1,
                )
            return ResolvedPath(_name_that_stays(path), policy, named_by_venv)
        path = _joined(os.path.dirname(path), os.readlink(path))
        if not os.path.lexists(path):
            raise NotFound(
                f"the link points to {path}, which does not exist", hint="`pyman doctor` says what is broken"
            )
    raise BadRequest(f"{path} is a circular link", hint="give the path of the interpreter itself", exit_status=1)


def _name_that_stays(path: str) -> str:
    """The path of an interpreter by which it is still there after its owner's next upgrade, where it has one."""
    real = os.path.realpath(path)
    return next((name for name in homebrew_names(real) if os.path.realpath(name) == real), path)


def _base_of_venv(venv: str, policy: Policy | None) -> tuple[str, Policy | None]:
    """The base interpreter of a venv, read from its settings, and the policy that they name."""
    from pyman.effects.venvs.on_disk import read_venv

    facts = read_venv(venv)
    if facts is not None:
        # Its `home` may be a folder with a CPython in it as well: /usr/bin.
        _refuse_unknown(venv, facts.implementation or CPYTHON)
    implementation = (facts.implementation if facts is not None else None) or CPYTHON
    try:
        settings = parse_pyvenv_cfg(read_text(os.path.join(venv, FILE_NAME)))
    except OSError as error:
        raise BadRequest(
            f"{venv}/{FILE_NAME} cannot be read: {error}", hint="give another interpreter", exit_status=1
        ) from None
    if settings.home is None:
        raise BadRequest(
            f"{venv}/{FILE_NAME} does not set `home`",
            hint="run `pyman doctor --fix` on it, or give another interpreter",
            exit_status=1,
        )
    home = _joined(venv, settings.home)
    for name in (*_names_for(venv, settings), *_names_in(home)):
        path = os.path.join(home, name)
        if os.path.exists(path) and (implementation == CPYTHON or implementation_at(path) == implementation):
            return path, policy or settings.policy
    raise NotFound(
        f"the Python that {venv} was made from is gone from {home}",
        hint=f"run `pyman doctor --fix {venv}` to repair it",
    )


def _names_for(venv: str, settings: Settings) -> list[str]:
    """What a venv's interpreter may be called in `home`, which may hold several: by its settings, link, library."""
    names = [os.path.basename(settings.values.get("executable", ""))]
    try:
        names.append(os.path.basename(os.readlink(os.path.join(venv, "bin", "python"))))
    except OSError:
        pass  # A copy, or none at all.
    try:
        names += sorted(os.listdir(os.path.join(venv, "lib")))
    except OSError:
        pass
    return [name for name in names if is_interpreter_name(name)]


def _names_in(folder: str) -> list[str]:
    """The interpreters of a `bin`: `python3.13` before `python3` before `python`."""
    try:
        names = [name for name in os.listdir(folder) if is_interpreter_name(name)]
    except OSError:
        return []
    return sorted(names, key=lambda name: (-name.count("."), -len(name), name))


def _interpreter_in(folder: str) -> str:
    for below in (os.path.join(folder, "bin"), folder):
        for name in ("python3", "python", *_names_in(below)):
            if os.path.isfile(os.path.join(below, name)):
                minor = next((full for full in _names_in(below) if full.count(".") == 1), name)
                return os.path.join(
                    below, minor if name in ("python3", "python") and _same(below, name, minor) else name
                )
    raise BadRequest(
        f"there is no Python in {folder}", hint="give the path of an interpreter, a venv or a Python", exit_status=1
    )


def _same(folder: str, one: str, other: str) -> bool:
    try:
        return os.path.samefile(os.path.join(folder, one), os.path.join(folder, other))
    except OSError:
        return False


def _stands_in_prefix(path: str) -> bool:
    """True where the standard library lies where an interpreter in this folder looks for it."""
    prefix = os.path.dirname(os.path.dirname(path))
    for library in ("lib", "lib64"):
        try:
            names = os.listdir(os.path.join(prefix, library))
        except OSError:
            continue
        found = (name for name in names if split_library(name) is not None)
        if any(os.path.isfile(f"{prefix}/{library}/{name}/os.py") for name in found):
            return True
    return False


def _in_store(found: ResolvedPath, store: Store) -> Choice | None:
    """The runtime of the store, or of the one beneath, that a path goes into; and whether it went through an alias."""
    choices = (_in_layer(found, layer) for layer in store.layers)
    return next((choice for choice in choices if choice is not None), None)


def _in_layer(found: ResolvedPath, store: Store) -> Choice | None:
    entry = Uses(store.root).named(found.executable)
    if entry is None:
        return None
    name = entry[1]
    runtime = store.runtime(name)
    if runtime is not None:
        return through_alias(store, runtime) if found.policy == "follow" else pinned(store, runtime)
    runtime = store.alias_target(name)
    if runtime is None:
        return None
    return pinned(store, runtime) if found.policy == "pin" else through_alias(store, runtime)


def _outside(found: ResolvedPath, places: Places, *, named: bool) -> Choice:
    """An interpreter that is not in the store, asked what it is. Raises NotStarted, BrokenRuntime and BadRequest."""
    from pyman.effects.interpreters.admission import Admission
    from pyman.effects.interpreters.ask import ask_once

    _refuse_unknown(found.executable, implementation_at(found.executable))
    admission = Admission(places)
    # Also if it was checked before: the caller will start it.
    admission.check(found.executable, named=named)
    facts = ask_once(found.executable, places.cache, admission, named=named)
    _refuse_unknown(found.executable, facts.implementation)
    home = os.path.dirname(found.executable)
    policy = found.policy or policy_of_path(home, facts.version)
    return Choice(facts.version, facts.variant, home, found.executable, policy)


def _refuse_unknown(path: str, implementation: str) -> None:
    if implementation not in KNOWN:
        raise BadRequest(
            f"{path} is {title(implementation)}, which pyman does not support",
            hint=f"give a {known_titles('or')}",
            code=UNSUPPORTED,
            exit_status=1,
        )
