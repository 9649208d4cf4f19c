"""What is wrong with the interpreter of a venv: the rules in the order of DESIGN 7; the first that applies counts."""

from __future__ import annotations

from posixpath import basename, dirname

from pyman.core.diagnosis.finding import HOLD_BACK, INSTALL, REBUILD, RECREATE, REFRESH, RELINK, Finding
from pyman.core.escape import as_word
from pyman.core.implementation import is_repaired, title
from pyman.core.packages.lent import not_lent
from pyman.core.pyvenv_cfg import FILE_NAME, VERSION_KEYS
from pyman.core.relink import base_target, names_one_runtime, pinned_release, stale_keys
from pyman.core.venv import LONE_COPY, NO_COPY, OTHER_COPY, SCRIPT, VenvFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyman.core.diagnosis.judged import Judged


def about_interpreter(venv: Judged) -> Iterator[Finding]:
    """Every finding about the interpreter that applies, in the order of the table."""
    for rule in _RULES:
        yield from rule(venv)


def _held_back(venv: Judged) -> Iterator[Finding]:
    held, python, target = venv.facts.settings.held_back, venv.facts.python, venv.target
    if held is None or python is None or venv.facts.link_kind == "broken" or held[0] != str(python):
        return
    if target is None or target.version <= python:
        return
    reason = (venv.world.unfit or {}).get(venv.facts.path)
    lost = venv.losses(target)
    if reason is None and lost:
        reason = not_lent(str(python), lost)
    message = f"kept on {python} while {venv.alias} is {target.version}: {reason or held[1] or 'no reason is given'}"
    if venv.world.unfit is None:
        yield venv.find("held-back", message, "tried again when the alias moves")
    elif reason is not None:
        yield venv.find("held-back", message)
    else:
        yield venv.find("held-back", message, f"it fits now: relink to {venv.shown(target)}", RELINK)


def _unreadable(venv: Judged) -> Iterator[Finding]:
    for problem in venv.facts.problems:
        if venv.is_vital(problem.path):
            what = basename(problem.path) if problem.path != venv.facts.folder else "it"
            yield venv.find("unreadable", f"{what} cannot be read: {problem.reason}")


def _other_implementation(venv: Judged) -> Iterator[Finding]:
    implementation = venv.facts.implementation
    if implementation is None or is_repaired(implementation):
        return
    name, runs = title(implementation), venv.facts.running
    told = f"it is a {name} venv"
    if runs is None:
        told += ", and its Python is gone" if venv.facts.link_kind == "broken" else ""
    elif runs.implementation != implementation:
        told += f", and {runs.path} is {title(runs.implementation)}"
    yield venv.find("other-implementation", f"{told}; pyman does not repair venvs of {name}")


def _unfinished(venv: Judged) -> Iterator[Finding]:
    files = (venv.world.unfinished or {}).get(venv.facts.path)
    if files is None:
        return
    named = " and ".join(basename(file) for file in files)
    message = f"installing {named} into it was cut off" if files else "its making was cut off"
    repair = f"recreate it with what is in it{f' and install {named}' if files else ''}"
    keep = f"`pyman register {as_word(venv.facts.path)}` keeps it as it is"
    yield venv.find("unfinished", message, f"{repair}; {keep}", RECREATE, asks=True)


def _minor_mismatch(venv: Judged) -> Iterator[Finding]:
    library, own = venv.facts.library, venv.facts.running or venv.facts.interpreter
    if library is None or own is None or not own.minor:
        return
    threaded = own.variant == "freethreaded"
    if (library.minor, library.variant == "freethreaded") == (own.minor, threaded):
        return
    message = f"its packages are for {venv.alias}, and {own.alias} runs"
    if venv.target is not None:
        yield venv.relink("minor-mismatch", message)
    else:
        yield venv.find("minor-mismatch", message, f"rebuild it for {own.alias}", REBUILD, own.alias, asks=True)


def _dangling(venv: Judged) -> Iterator[Finding]:
    facts = venv.facts
    if facts.home is None:
        named = facts.settings.home
        message = f"{FILE_NAME} names no home" if named is None else f"home is {named}, which is no absolute path"
    elif facts.home_way is None or facts.home_way.real is None:
        circular = facts.home_way is not None and facts.home_way.is_circle
        message = f"home is {facts.home}, {'a circle of links' if circular else 'which does not exist'}"
    elif facts.copy == NO_COPY and facts.interpreter is None:
        message = _where_it_leads(facts)
    elif all(entry.name != "python" for entry in facts.entries):
        message = "bin/python does not exist"
    elif facts.copy == LONE_COPY and facts.home_interpreter is None:
        message = f"bin/python is a copy, and no interpreter is in {facts.home}"
    else:
        return
    release = pinned_release(facts)
    if release is not None and venv.world.store.runtime(release) is None:
        yield venv.find("dangling", message, f"install {release} again", INSTALL, release)
    else:
        yield venv.relink("dangling", message)


def _where_it_leads(facts: VenvFacts) -> str:
    """What is at the end of `bin/python`, which is no interpreter."""
    chain = facts.way.chain if facts.way is not None else ()
    if facts.way is not None and facts.way.is_circle:
        steps = [step.removeprefix(f"{facts.folder}/bin/") for step in chain]
        again = next((number for number, step in enumerate(steps) if step in steps[:number]), len(steps))
        return f"bin/python leads in a circle: {' -> '.join(steps[: again + 1])}"
    return f"bin/python leads to {chain[-1]}, which does not exist" if len(chain) > 1 else "bin/python does not exist"


def _mixed(venv: Judged) -> Iterator[Finding]:
    if venv.facts.copy == NO_COPY and not names_one_runtime(venv.facts):
        yield venv.relink("mixed", f"bin/python leads to {venv.facts.link}, and home is {venv.facts.home}")


def _nested(venv: Judged) -> Iterator[Finding]:
    if venv.facts.outer is None:
        return
    message = f"home lies in another venv, {venv.facts.outer}"
    base = base_target(venv.facts, venv.world.store)
    if base is None:
        yield venv.find("nested", message)
    elif venv.other_architecture:
        yield venv.relink("nested", message)
    else:
        yield venv.find("nested", message, f"relink to its base, {base.home}", RELINK)


def _no_stdlib(venv: Judged) -> Iterator[Finding]:
    facts = venv.facts
    own = facts.interpreter or facts.home_interpreter
    if facts.home_library is not None or own is None or own.library is not None:
        return
    message = f"neither {facts.home} nor {own.path} has a standard library beside it"
    if venv.target is not None and venv.target.prefix == own.prefix:
        yield venv.find("no-stdlib", message, "mend that runtime first")
    else:
        yield venv.relink("no-stdlib", message)


def _copied_binary(venv: Judged) -> Iterator[Finding]:
    facts = venv.facts
    if facts.copy == SCRIPT:
        yield venv.find("copied-binary", "bin/python is a script, not an interpreter")
    elif facts.copy == OTHER_COPY and facts.home_interpreter is not None:
        message = f"bin/python is a copy that differs from {facts.home_interpreter.path}"
        if venv.other_architecture:
            yield venv.relink("copied-binary", message)
            return
        yield venv.find("copied-binary", message, "refresh the copy", REFRESH)


def _incompatible(venv: Judged) -> Iterator[Finding]:
    found = (venv.world.incompatible or {}).get(venv.facts.path)
    if found is not None:
        release, reason = found
        yield venv.find("incompatible", reason, f"hold it back on {release}", HOLD_BACK, release)


def _behind(venv: Judged) -> Iterator[Finding]:
    """`stale-patch` and `unfollowed`: a link into a folder named after a full version, and no pin."""
    facts, target, python = venv.facts, venv.target, venv.facts.python
    if facts.link_kind != "patch" or facts.policy == "pin" or target is None or python is None:
        return
    if target.version < python:
        return
    if target.version == python and venv.other_architecture:
        return  # It has its own Python, and is not worse off than the others.
    if target.version == python:
        way = f"linked to {python}, and not through {dirname(target.home)}"
        yield venv.find("unfollowed", way, f"relink to {venv.shown(target)}", RELINK)
        return
    if not python.is_final and target.version.is_final and facts.compiled:
        return  # What was compiled for a pre-release is not moved: `prerelease-abi`.
    reason = (venv.world.unfit or {}).get(facts.path) or venv.other_architecture
    if reason:
        yield venv.find("held-back", f"kept on {python} while {target.alias} is {target.version}: {reason}")
        return
    message = f"linked to {python}, and {target.alias} is {target.version}"
    yield venv.find("stale-patch", message, f"relink to {venv.shown(target)}", RELINK)


def _pinned(venv: Judged) -> Iterator[Finding]:
    python = venv.facts.python
    if venv.facts.policy != "pin" or python is None:
        return
    newest = max(
        (runtime.version for runtime in venv.world.store.runtimes if runtime.whole and runtime.alias == venv.alias),
        key=lambda version: version.order,
        default=python,
    )
    if newest > python:
        yield venv.find("pinned", f"pinned to {python}, and {newest} is installed")


def _prerelease_abi(venv: Judged) -> Iterator[Finding]:
    facts, python, target = venv.facts, venv.facts.python, venv.target
    if not facts.compiled or python is None:
        return
    named = stale_keys(facts, python, VERSION_KEYS)
    newer = target is not None and target.version.is_final and not python.is_final
    if newer or (named and python.is_final and any(_names_prerelease(venv, key) for key in named)):
        message = "its packages were compiled for a pre-release"
        yield venv.find("prerelease-abi", message, f"rebuild it for {venv.alias}", REBUILD, venv.alias or "", asks=True)


def _names_prerelease(venv: Judged, key: str) -> bool:
    return any(letter.isalpha() for letter in (venv.facts.settings.get(key) or "").replace(".final.", ""))


_RULES = (
    _held_back,
    _unreadable,
    _other_implementation,
    _unfinished,
    _minor_mismatch,
    _dangling,
    _mixed,
    _nested,
    _no_stdlib,
    _copied_binary,
    _incompatible,
    _behind,
    _pinned,
    _prerelease_abi,
)
