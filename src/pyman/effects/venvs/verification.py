"""A relinked venv, read back, and its base started once: exit status 0 proves nothing (design.md 7)."""

from __future__ import annotations

import os

from pyman.core.pyvenv_cfg import FILE_NAME, parse_pyvenv_cfg
from pyman.core.store import executable_of
from pyman.core.version import shown_release
from pyman.effects.files import read_bytes
from pyman.effects.interpreters.admission import Admission
from pyman.effects.venvs.on_disk import is_script
from pyman.errors import BrokenRuntime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.plans.steps import Verify
    from pyman.effects.places import Places

_SOMEBODY = "check whether another process changes it, then run the same command again"
_RUNTIME = "run `pyman doctor` to see what is wrong with the Python behind it"


def refuse_unverifiable(step: Verify, places: Places) -> None:
    """See, before anything is written, that the Python which a venv is to get may be started.

    Raises NotStarted where nobody may start it, BrokenRuntime where it cannot be started.
    """
    Admission(places).check(_base(step))


def verify(step: Verify, places: Places) -> None:
    """See that a venv runs what it was linked to.

    First by reading: `home` and the link must lead into one Python. Then that is started by its own path, never by the
    venv's, with `-I -S`, an empty environment, `/` as working directory, no stdin and a timeout; its version, base
    prefix and standard library must be those expected. Raises BrokenRuntime with what is not, NotStarted where it may
    not be started, OSError where the venv cannot be read.
    """
    from pyman.effects.interpreters.ask import ask

    base = _read_back(step)
    prefix = os.path.realpath(os.path.dirname(step.home))
    facts = ask(base, Admission(places))
    expected = (step.version, step.variant, step.version.implementation)
    if (facts.version, facts.variant, facts.implementation) != expected:
        runs, wanted = shown_release(facts.version, facts.variant), shown_release(step.version, step.variant)
        raise BrokenRuntime(f"{base} is {runs}, not {wanted}", hint=_RUNTIME)
    if facts.real_base_prefix != prefix:
        raise BrokenRuntime(f"{base} reports the prefix {facts.base_prefix}, not {prefix}", hint=_RUNTIME)
    if not os.path.realpath(facts.standard_library).startswith(prefix.rstrip("/") + "/"):
        raise BrokenRuntime(
            f"{base} uses the standard library {facts.standard_library}, which is not in {prefix}", hint=_RUNTIME
        )


def _read_back(step: Verify) -> str:
    """The interpreter that a venv leads to, read from its files. Raises BrokenRuntime for any but the expected one."""
    python = os.path.join(step.venv, "bin", "python")
    try:
        home = parse_pyvenv_cfg(read_bytes(os.path.join(step.venv, FILE_NAME)).decode()).home
    except UnicodeDecodeError:
        raise BrokenRuntime(f"{step.venv}/{FILE_NAME} is not UTF-8 text, so no Python starts with it") from None
    if home != step.home:
        raise BrokenRuntime(f"{step.venv} names {home} as its home, not {step.home}", hint=_SOMEBODY)
    real, prefix = os.path.realpath(python), os.path.realpath(os.path.dirname(step.home))
    if real.startswith(prefix.rstrip("/") + "/"):
        return real
    if os.path.dirname(real) != os.path.realpath(os.path.dirname(python)):
        raise BrokenRuntime(f"{python} points to {real}, which is not in {prefix}", hint=_SOMEBODY)
    if is_script(real):
        raise BrokenRuntime(f"{python} is a script, so it is not started", hint="inspect it first")
    import filecmp

    base = _base(step)
    if not filecmp.cmp(real, base, shallow=False):
        raise BrokenRuntime(f"{python} is a copy that differs from {base}", hint=_SOMEBODY)
    return base


def _base(step: Verify) -> str:
    """The interpreter in the folder that `home` names."""
    named = os.path.join(step.home, os.path.basename(executable_of(step.version, step.variant)))
    return named if os.path.lexists(named) else os.path.join(step.home, "python3")
