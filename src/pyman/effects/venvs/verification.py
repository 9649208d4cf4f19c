"""A relinked venv, read back and started once: exit status 0 proves nothing (DESIGN 7)."""

from __future__ import annotations

import os

from pyman.core.implementation import CPYTHON, python_of
from pyman.core.pyvenv_cfg import FILE_NAME, parse_pyvenv_cfg
from pyman.effects.files import read_text
from pyman.effects.venvs.contents import is_script
from pyman.errors import BrokenRuntime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.plan import Verify

_SOMEBODY = "see whether somebody else changes it, then run the same command again"
_RUNTIME = "run `pyman doctor` to see what is wrong with the Python behind it"


def verify(step: Verify) -> None:
    """See that a venv runs what it was linked to.

    First by reading: `home` and the link must lead into a runtime of the store, of root or of the user. Only then is
    the interpreter started, with `-I -S`, an empty environment, `/` as working directory, no stdin and a timeout; its
    version, base prefix and standard library must be those expected. Raises BrokenRuntime with what is not.
    """
    from pyman.effects.interpreters.interpreter import ask

    python = os.path.join(step.venv, "bin", "python")
    settings = parse_pyvenv_cfg(read_text(os.path.join(step.venv, FILE_NAME)))
    if settings.home != step.home:
        raise BrokenRuntime(f"{step.venv} names {settings.home} as its home, not {step.home}", hint=_SOMEBODY)
    real = os.path.realpath(python)
    prefix = os.path.realpath(os.path.dirname(step.home))
    is_copy = os.path.dirname(real) == os.path.realpath(os.path.dirname(python))
    if not is_copy and not real.startswith(prefix + "/"):
        raise BrokenRuntime(f"{python} leads to {real}, which is not in {prefix}", hint=_SOMEBODY)
    # A copy takes its library, and with that all it does, from the prefix.
    if any(os.stat(each).st_uid not in (0, os.geteuid()) for each in (real, prefix)):
        raise BrokenRuntime(f"{real} belongs to another user, so it is not started", hint="look at it yourself first")
    if is_copy and is_script(real):
        raise BrokenRuntime(f"{python} is a script, so it is not started", hint="look at it yourself first")
    facts = ask(python)
    if (facts.version, facts.variant, facts.implementation) != (step.version, step.variant, CPYTHON):
        runs = python_of(facts.implementation)
        raise BrokenRuntime(f"{python} runs {runs} {facts.version}, not Python {step.version}", hint=_RUNTIME)
    if facts.real_base_prefix != prefix:
        raise BrokenRuntime(f"{python} takes {facts.base_prefix} for its base, not {prefix}", hint=_RUNTIME)
    if not os.path.realpath(facts.standard_library).startswith(prefix + "/"):
        raise BrokenRuntime(
            f"{python} uses the standard library {facts.standard_library}, which is not in {prefix}", hint=_RUNTIME
        )
