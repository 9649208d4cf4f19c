"""What is wrong with a venv, as a pure function of what was read (design.md 7), and a venv as lists show it."""

from __future__ import annotations

from posixpath import basename
from sys import intern

from pyman.core.diagnosis.finding import (
    FORGET,
    HOLD_BACK,
    INSTALL,
    OWN_FILES,
    REBUILD,
    RECREATE,
    REFRESH,
    RELINK,
    REPAIR_MODES,
    REPAIR_MOVED,
    REPAIR_NAMES,
    RESTORE,
    REWRITE,
    SHOW_FILES,
    DiagnosisContext,
    Finding,
    VenvContext,
)
from pyman.core.escape import as_word
from pyman.core.immutable import record, replace
from pyman.core.implementation import CPYTHON, is_repaired, is_same_implementation, library_name, title
from pyman.core.owners import IGNORES_VERSION_LINES, RECREATES_ITSELF, owner_hint, recreation_hint
from pyman.core.packages.lent import names_missing
from pyman.core.pyvenv_cfg import FILE_NAME, VERSION_KEYS
from pyman.core.relink import base_target, has_stale_home, names_one_runtime, pinned_release, stale_keys
from pyman.core.scripts_and_modules import split_tag, wrong_modules
from pyman.core.store import DISTRIBUTION_PREFIXES, is_own_build
from pyman.core.trials import is_of_trial
from pyman.core.venv import LONE_COPY, NO_COPY, OTHER_COPY, SCRIPT, Interpreter, VenvFacts
from pyman.core.version import release_name, short_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyman.core.pyvenv_cfg import Policy
    from pyman.core.request import Request
    from pyman.core.venv import KnownBy, LinkKind
    from pyman.core.version import Version


def diagnose_venv(facts: VenvFacts, context: DiagnosisContext) -> tuple[Finding, ...]:
    """Say what is wrong with one venv: at most one thing about its interpreter, and what else there is."""
    venv = VenvContext(facts, context)
    found = next(about_interpreter(venv), None)
    findings = [venv.unless_borrowed(found)] if found is not None else []
    findings += _rest(venv, found)
    return tuple(_as_far_as_allowed(finding, venv) for finding in findings)


def diagnose_gone(name: str, path: str) -> Finding:
    """A record whose venv no longer exists, while what it lay on is there."""
    return Finding("gone", "venv", path, "it no longer exists", "forget it", FORGET, name)


def diagnose_unreachable(path: str) -> Finding:
    """A record whose venv may be on a disk that is not mounted: it still counts as a user of its Python."""
    message = (
        f"it cannot be reached: its disk may not be mounted; `pyman forget {as_word(path)}` if it is gone for good"
    )
    return Finding("unreachable", "venv", path, message)


def diagnose_unsearched(folder: str) -> Finding:
    """A folder that was named, or lies below one that was, and may hold venvs that nobody looked at."""
    return Finding("unsearched", "machine", folder, "it could not be searched: there may be venvs in it")


@record
class WorkFolder:
    """A folder for work on a venv that no journal names."""

    path: str
    uid: int
    holds: tuple[str, ...]
    """The names in it."""
    venv: str | None = None
    """Where the whole venv in it was; None where there is none, or it is unknown where it was."""


def diagnose_work_folder(found: WorkFolder, uid: int, *, is_free: bool, named: bool) -> Finding:
    """A folder for work that pyman does not know of.

    `is_free` says that nothing has the place of the venv in it, `named` that the user named this folder.
    """
    if found.venv is None:
        some = ", ".join(found.holds[:_MOST_NAMED])
        more = f" and {len(found.holds) - _MOST_NAMED} more" if len(found.holds) > _MOST_NAMED else ""
        holds = f"contains {some}{more}" if some else "is empty"
    else:
        holds = f"contains a complete copy of the venv {found.venv}"
    message = f"a work folder of pyman {holds}, and this store has no record of it"
    if found.uid != uid:
        return Finding("interrupted", "venv", found.path, message, "owned by another user; that user must repair it")
    if found.venv is not None and is_free and named:
        return Finding("interrupted", "venv", found.path, message, f"restore it to {found.venv}", RESTORE)
    if found.venv is not None and is_free:
        repair = f"`pyman doctor --fix {as_word(found.path)}` restores it"
    else:
        repair = f"delete it if nothing in it is needed: `rm -r {as_word(found.path)}`"
    return Finding("interrupted", "venv", found.path, message, repair)


_MOST_NAMED = 5


_FOR_OWNERS = (RELINK, REWRITE)
"""The repairs that commands of owners are known to do as well."""


def _as_far_as_allowed(finding: Finding, venv: VenvContext) -> Finding:
    """Leave what is not the user's to touch to whoever it belongs to."""
    facts, context = venv.facts, venv.context
    if not finding.action:
        return finding
    if facts.uid != context.uid:
        return replace(finding, repair="owned by another user; that user must repair it", action="", asks=False)
    if facts.only_named:
        command = f"`pyman doctor {as_word(facts.folder)} --fix`"
        is_pointer = facts.path != facts.folder
        leads = f"whose {basename(facts.path)} points to it" if is_pointer else "that names it"
        why = f"{command} repairs it: it is outside of the project {leads}"
        return replace(finding, repair=why, action="", asks=False)
    if finding.action in (REBUILD, RECREATE) and facts.creator == RECREATES_ITSELF:
        return replace(finding, repair=recreation_hint(), action="", asks=False)
    if facts.foreign and not context.foreign:
        target = venv.target if finding.action in _FOR_OWNERS else None
        return replace(finding, repair=owner_hint(facts, target, asks=finding.asks), action="", asks=False)
    if facts.not_written:
        why = f"not repaired: {facts.not_written}, and pyman writes only into a venv's own folders"
        return replace(finding, repair=why, action="", asks=False)
    if facts.stage_reason:
        message = f"{finding.message}; {facts.stage_reason}"
        return replace(finding, message=message, repair=f"after confirmation: {finding.repair}", asks=True)
    return finding


def _rest(venv: VenvContext, found: Finding | None) -> Iterator[Finding]:
    if found is None or found.code != "unreadable":
        problem = next((problem for problem in venv.facts.problems if not venv.is_vital(problem.path)), None)
        if problem is not None:
            yield venv.find("unreadable", f"{basename(problem.path)} cannot be read: {problem.reason}")
        else:
            yield from _missing_packages(venv)
    if found is not None and found.code == "other-implementation":
        return  # It is not repaired, so no other findings are looked for.
    if found is None or found.code not in _UNTIL_THEN_UNKNOWN:
        yield from _wrong_abi(venv)
    yield from _shared_files(venv)
    yield from _hidden(venv)
    if found is None or found.code != "not-executable":
        yield from _scripts_not_executable(venv)
    moved = tuple(_moved(venv))
    yield from moved or _editable_gone(venv)
    # A relink rewrites these lines as well.
    if found is None or found.code in ("pinned", "held-back"):
        yield from _stale_metadata(venv)


_UNTIL_THEN_UNKNOWN = ("minor-mismatch", "dangling", "wrong-abi")
"""Findings whose repair decides which Python has to load the modules, or that speak of them."""


def _missing_packages(venv: VenvContext) -> Iterator[Finding]:
    missing = venv.facts.contents.missing
    if missing:
        more = f" and of {_more(len(missing) - 1, 'package')}" if len(missing) > 1 else ""
        repair = f"`pyman rebuild {as_word(venv.facts.path)} --force` installs its packages again"
        yield venv.find("unreadable", f"the files of {missing[0]}{more} are missing", repair)


def _more(number: int, noun: str) -> str:
    """`2 more modules`, where the first one was named."""
    return f"{number} more {noun}" + ("s" if number > 1 else "")


def _wrong_abi(venv: VenvContext) -> Iterator[Finding]:
    facts = venv.facts
    if facts.abi is None:
        return
    found = tuple(wrong_modules(facts.contents.modules, facts.abi))
    if not found:
        return
    first, count = found[0], sum(one.count for one in found)
    tag, _, machine = first.tags[0].partition("@")
    built_for = machine or " ".join(split_tag(tag)[::2]).strip()
    named = first.example if count == 1 else f"{first.example} and {_more(count - 1, 'module')}"
    message = f"{named} {'is' if count == 1 else 'are'} compiled for {built_for}, which {facts.alias} cannot load"
    yield venv.find("wrong-abi", message, f"rebuild it for {venv.alias}", REBUILD, venv.alias or "", asks=True)


def _editable_gone(venv: VenvContext) -> Iterator[Finding]:
    for package, source in venv.facts.contents.gone_sources:
        message = f"the source of the editable install {package} does not exist: {source}"
        yield venv.find("editable-gone", message, "put it back, or install it from where it is now")


def _scripts_not_executable(venv: VenvContext) -> Iterator[Finding]:
    names = tuple(f"{venv.facts.folder}/bin/{name}" for name in venv.facts.contents.not_executable)
    if names:
        message = _are_not_executable(venv.facts, names)
        yield venv.find(
            "not-executable", message, "make it executable" if len(names) == 1 else "make them executable", REPAIR_MODES
        )


def _hidden(venv: VenvContext) -> Iterator[Finding]:
    """What macOS hides in a folder whose name begins with a dot, and Python then does not read."""
    paths = venv.facts.contents.hidden
    if paths:
        first = basename(paths[0])
        named = first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"
        verb, them = ("is", "it") if len(paths) == 1 else ("are", "them")
        message = f"{named} {verb} hidden, so Python ignores {them}"
        files = "a file that is" if len(paths) == 1 else "files that are"
        yield venv.find("hidden-pth", message, f"replace {them} with {files} not hidden", SHOW_FILES)


def _shared_files(venv: VenvContext) -> Iterator[Finding]:
    shared = venv.facts.shared
    if shared is None:
        return
    if shared.doubtful:
        repair = f"`pyman rebuild {as_word(venv.facts.path)} --force` installs its packages again"
        yield venv.find("shared-files", shared.message, repair)
    else:
        yield venv.find("shared-files", shared.message, "give it its own copies", OWN_FILES)


def _moved(venv: VenvContext) -> Iterator[Finding]:
    facts = venv.facts
    if facts.moved_from is not None:
        message = f"its scripts and activation refer to {facts.moved_from}"
        yield venv.find("moved", message, "rewrite its scripts", REPAIR_MOVED)
        return
    named = max(facts.contents.named, key=lambda one: len(one.scripts), default=None)
    if named is None:
        return
    scripts = f"bin/{named.scripts[0]}"
    if len(named.scripts) > 1:
        scripts += f" and {_more(len(named.scripts) - 1, 'script')}"
    verb = "runs" if len(named.scripts) == 1 else "run"
    why = "which does not exist" if named.is_gone else "the Python of another venv"
    message = f"{scripts} {verb} {named.interpreter}, {why}"
    yield venv.find("moved", message, "rewrite its scripts", REPAIR_MOVED)


def _stale_metadata(venv: VenvContext) -> Iterator[Finding]:
    python = venv.facts.python
    if python is None or (venv.facts.foreign and venv.facts.creator in IGNORES_VERSION_LINES):
        return
    home = venv.facts.settings.home
    if has_stale_home(venv.facts):
        message = f"{FILE_NAME} says home = {home}, but bin/python points to {venv.facts.home}"
        yield venv.find("stale-metadata", message, "rewrite that line", REWRITE)
        return
    stale = stale_keys(venv.facts, python, VERSION_KEYS)
    if stale:
        named = ", ".join(f"{key} = {venv.facts.settings.get(key)}" for key in stale)
        yield venv.find(
            "stale-metadata",
            f"{FILE_NAME} says {named}, but {python} runs",
            "rewrite that line" if len(stale) == 1 else "rewrite those lines",
            REWRITE,
        )


HEALTHY = "healthy"


def state_of_venv(findings: Iterable[Finding], path: str) -> str:
    """The state that `venvs` shows: the code of the worst finding about a venv, else `healthy`."""
    rank = {"error": 0, "warning": 1, "info": 2}
    own = [finding for finding in findings if finding.kind == "venv" and finding.path == path]
    return min(own, key=lambda finding: rank[finding.severity]).code if own else HEALTHY


# What is wrong with the interpreter of a venv: the rules in the order of design.md 7; the first that applies counts.


def about_interpreter(venv: VenvContext) -> Iterator[Finding]:
    """Every finding about the interpreter that applies, in the order of the table."""
    for rule in _RULES:
        yield from rule(venv)


def _held_back(venv: VenvContext) -> Iterator[Finding]:
    held, python, target = venv.facts.settings.held_back, venv.facts.python, venv.target
    if held is None or python is None or venv.facts.link_kind == "broken" or held[0] != short_release(python):
        return
    if target is None or target.version <= python or not venv.facts.is_whole:
        return
    reason = (venv.context.unfit or {}).get(venv.facts.path)
    lost = venv.losses(target)
    if reason is None and lost:
        reason = names_missing(short_release(python), lost)
    now, newer = venv.facts.release, release_name(target.version, target.variant)
    message = f"kept on {now} while {venv.alias} points at {newer}: {reason or held[1] or 'no reason is given'}"
    move = venv.move_to(target.version, target.prefix)
    if venv.context.unfit is None:
        yield venv.find("held-back", message, "tried again when the alias moves", move=move)
    elif reason is not None:
        yield venv.find("held-back", message, move=move)
    elif is_of_trial(held[1]):
        yield venv.find(
            "held-back", message, "`pyman upgrade --try` tries it again; `pyman follow` moves it", move=move
        )
    else:
        yield venv.find("held-back", message, f"it fits now: relink to {venv.shown(target)}", RELINK, move=move)


def _unreadable(venv: VenvContext) -> Iterator[Finding]:
    for problem in venv.facts.problems:
        if venv.is_vital(problem.path):
            what = basename(problem.path) if problem.path != venv.facts.folder else "it"
            yield venv.find("unreadable", f"{what} cannot be read: {problem.reason}")


def _other_implementation(venv: VenvContext) -> Iterator[Finding]:
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


def _unfinished(venv: VenvContext) -> Iterator[Finding]:
    files = (venv.context.unfinished or {}).get(venv.facts.path)
    if files is None:
        return
    named = " and ".join(basename(file) for file in files)
    message = f"installing {named} into it was interrupted" if files else "its creation was interrupted"
    repair = f"recreate it with what is in it{f' and install {named}' if files else ''}"
    keep = f"`pyman register {as_word(venv.facts.path)}` keeps it as it is"
    yield venv.find("unfinished", message, f"{repair}; {keep}", RECREATE, asks=True)


def _not_executable(venv: VenvContext) -> Iterator[Finding]:
    facts = venv.facts
    names = facts.not_executable
    if not names:
        return
    message = _are_not_executable(facts, names)
    if facts.copy == NO_COPY and facts.interpreter is not None and facts.interpreter.path in names:
        if venv.target is not None and venv.target.prefix != facts.interpreter.prefix:
            yield venv.relink("not-executable", message)
        else:
            yield venv.find("not-executable", message, f"repair the Python in {facts.interpreter.prefix} first")
    elif facts.home_interpreter is not None and not venv.other_architecture:
        yield venv.find("not-executable", message, "refresh the copy", REFRESH)


def _are_not_executable(facts: VenvFacts, paths: tuple[str, ...]) -> str:
    return f"{_named_in(facts, paths)} {'is' if len(paths) == 1 else 'are'} not executable"


def _named_in(facts: VenvFacts, paths: tuple[str, ...]) -> str:
    """One or more files of a venv, as people are told of them: `bin/python and 2 more`."""
    first = paths[0].removeprefix(f"{facts.folder}/")
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def _minor_mismatch(venv: VenvContext) -> Iterator[Finding]:
    library, own = venv.facts.library, venv.facts.running or venv.facts.interpreter
    if own is None or not own.minor:
        return
    if library is None or not library.site_packages:
        yield from _without_packages(venv, own)
        return
    threaded = own.variant == "freethreaded"
    if not is_same_implementation(venv.facts.implementation, own.implementation):
        message = f"its packages are for {venv.alias}, and it runs {own.alias}"
        if venv.target is not None:
            yield venv.relink("minor-mismatch", message)
        else:
            yield venv.find("minor-mismatch", message, f"`pyman install {venv.alias}`, then repair it")
        return
    if (library.minor, library.variant == "freethreaded") == (own.minor, threaded):
        return
    message = f"its packages are for {venv.alias}, and it runs {own.alias}"
    if venv.target is not None:
        yield venv.relink("minor-mismatch", message)
    else:
        yield venv.find("minor-mismatch", message, f"rebuild it for {own.alias}", REBUILD, own.alias, asks=True)


def _without_packages(venv: VenvContext, own: Interpreter) -> Iterator[Finding]:
    """A venv whose folder for packages was deleted, so that nobody can tell any more what was in it."""
    minor = f"{own.minor}t" if own.variant == "freethreaded" else own.minor
    folder = f"lib/{library_name(own.implementation, minor)}/site-packages"
    message = f"{folder} does not exist, so nothing that was installed can be imported"
    repair = f"rebuild it for {own.alias}; the packages that were installed are no longer known"
    yield venv.find("minor-mismatch", message, repair, REBUILD, own.alias, asks=True)


def _dangling(venv: VenvContext) -> Iterator[Finding]:
    facts = venv.facts
    if facts.home is None:
        named = facts.settings.home
        message = f"home is {named}, which is not an absolute path"
        if named is None:
            message = f"{FILE_NAME} does not set `home`"
    elif facts.home_way is None or facts.home_way.real is None:
        circular = facts.home_way is not None and facts.home_way.is_circle
        message = f"home is {facts.home}, {'a circular link' if circular else 'which does not exist'}"
    elif facts.copy == NO_COPY and facts.interpreter is None:
        message = _where_it_leads(facts)
    elif all(entry.name != "python" for entry in facts.entries):
        message = "bin/python does not exist"
    elif facts.copy == LONE_COPY and facts.home_interpreter is None:
        message = f"bin/python is a copy, and no interpreter is in {facts.home}"
    else:
        return
    if not facts.has_bin and venv.target is not None:
        message = "its bin folder does not exist"
        yield venv.find("dangling", message, f"rebuild it for {venv.alias}", REBUILD, venv.alias or "", asks=True)
        return
    release = pinned_release(facts)
    if release is not None and venv.context.store.find(release) is None:
        yield venv.find("dangling", message, f"install {release} again", INSTALL, release)
    else:
        yield venv.relink("dangling", message)


def _where_it_leads(facts: VenvFacts) -> str:
    """What is at the end of `bin/python`, which is not an interpreter."""
    chain = facts.way.chain if facts.way is not None else ()
    if facts.way is not None and facts.way.is_circle:
        steps = [step.removeprefix(f"{facts.folder}/bin/") for step in chain]
        again = next((number for number, step in enumerate(steps) if step in steps[:number]), len(steps))
        return f"bin/python is a circular link: {' -> '.join(steps[: again + 1])}"
    return f"bin/python points to {chain[-1]}, which does not exist" if len(chain) > 1 else "bin/python does not exist"


def _mixed(venv: VenvContext) -> Iterator[Finding]:
    if venv.facts.copy == NO_COPY and not names_one_runtime(venv.facts):
        yield venv.relink("mixed", _two_pythons(venv.facts))
        return
    for stray in venv.facts.strays:
        name = f"bin/{stray.entry.name}"
        runs = venv.facts.running
        own = runs.path if runs is not None else "another Python"
        if stray.entry.kind == "missing":
            message = f"{name} does not exist"
        elif stray.entry.kind == "file":
            message = f"{name} is a copy of a different Python than bin/python"
        else:
            message = f"{name} points to {stray.leads_to}, but bin/python to {own}"
        yield venv.find("mixed", message, f"make {name} the same as bin/python", REPAIR_NAMES)


def _two_pythons(facts: VenvFacts) -> str:
    """What link and `home` are, by their releases where these are two."""
    home = facts.home_interpreter
    if facts.python is None or home is None or home.version in (None, facts.python):
        return f"bin/python points to {facts.link}, but home is {facts.home}"
    return f"bin/python belongs to {facts.python}, but home to {home.version}"


def _nested(venv: VenvContext) -> Iterator[Finding]:
    if venv.facts.outer is None:
        return
    message = f"home is in another venv, {venv.facts.outer}"
    base = base_target(venv.facts, venv.context.store)
    if base is None:
        yield venv.find("nested", message)
    elif venv.other_architecture:
        yield venv.relink("nested", message)
    else:
        yield venv.find("nested", f"{message}; its base is {base.home}", "relink to its base", RELINK)


def _no_stdlib(venv: VenvContext) -> Iterator[Finding]:
    facts = venv.facts
    own = facts.interpreter or facts.home_interpreter
    if facts.home_library is not None or own is None or own.library is not None:
        return
    message = f"neither {facts.home} nor {own.path} has a standard library beside it"
    if venv.target is not None and venv.target.prefix == own.prefix:
        yield venv.find("no-stdlib", message, "repair that Python first")
    else:
        yield venv.relink("no-stdlib", message)


def _copied_binary(venv: VenvContext) -> Iterator[Finding]:
    facts = venv.facts
    if facts.copy == SCRIPT:
        yield venv.find("copied-binary", "bin/python is a script, not an interpreter")
    elif facts.copy == OTHER_COPY and facts.home_interpreter is not None:
        base = facts.home_interpreter
        message = f"bin/python is a copy of a different build than {base.version or base.path}, whose library it uses"
        if venv.other_architecture:
            yield venv.relink("copied-binary", message)
            return
        yield venv.find("copied-binary", message, "refresh the copy", REFRESH)


def _incompatible(venv: VenvContext) -> Iterator[Finding]:
    found = (venv.context.incompatible or {}).get(venv.facts.path)
    if found is not None:
        release, reason = found
        yield venv.find("incompatible", reason, f"hold it back on {release}", HOLD_BACK, release)


def _behind(venv: VenvContext) -> Iterator[Finding]:
    """`stale-patch` and `unfollowed`: a link into a folder named after a full version, and no pin."""
    facts, target, python = venv.facts, venv.target, venv.facts.python
    if facts.link_kind != "patch" or facts.policy == "pin" or target is None or python is None:
        return
    if target.version < python or (facts.named_release is not None and is_own_build(basename(facts.named_release))):
        return  # A user who chose their own build wants that one.
    now, newer = venv.facts.release, release_name(target.version, target.variant)
    if target.version == python and venv.other_architecture:
        return  # It has its own Python, and is not worse off than the others.
    if target.version == python:
        message = f"linked directly to {now}, so it gets no patch releases"
        yield venv.find("unfollowed", message, f"relink to {venv.shown(target)}", RELINK)
        return
    if not python.is_final and target.version.is_final and facts.compiled:
        return  # A venv with modules compiled for a pre-release is not relinked: `wrong-abi`.
    reason = (venv.context.unfit or {}).get(facts.path) or venv.other_architecture
    move = venv.move_to(target.version, target.prefix)
    if reason:
        yield venv.find("held-back", f"kept on {now} while {target.alias} points at {newer}: {reason}", move=move)
        return
    message = f"linked directly to {now}, so it gets no patch releases; {target.alias} points at {newer}"
    yield venv.find("stale-patch", message, f"relink to {venv.shown(target)}", RELINK, move=move)


def _pinned(venv: VenvContext) -> Iterator[Finding]:
    python = venv.facts.python
    if venv.facts.policy != "pin" or python is None:
        return
    there = [one for layer in venv.context.store.layers for one in layer.releases]
    installed = [one for one in there if one.whole and one.alias == venv.alias]
    newest = max(installed, key=lambda runtime: runtime.version.order, default=None)
    if newest is not None and newest.version > python:
        message = f"pinned to {venv.facts.release}, and {newest.release} is installed"
        yield venv.find("pinned", message, move=venv.move_to(newest.version, newest.target))


def _prerelease_abi(venv: VenvContext) -> Iterator[Finding]:
    facts, python, target = venv.facts, venv.facts.python, venv.target
    if not facts.compiled or python is None:
        return
    named = stale_keys(facts, python, VERSION_KEYS)
    newer = target is not None and target.version.is_final and not python.is_final
    if newer or (named and python.is_final and any(_names_prerelease(venv, key) for key in named)):
        message = "its packages were compiled for a pre-release"
        yield venv.find("wrong-abi", message, f"rebuild it for {venv.alias}", REBUILD, venv.alias or "", asks=True)


def _names_prerelease(venv: VenvContext, key: str) -> bool:
    return any(letter.isalpha() for letter in (venv.facts.settings.get(key) or "").replace(".final.", ""))


_RULES = (
    _held_back,
    _unreadable,
    _other_implementation,
    _unfinished,
    _not_executable,
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


# One venv as lists show it: what remains of its facts when thousands of them have been read (design.md 11).


@record
class ListedVenv:
    """What tables and programs are told of a venv."""

    path: str
    folder: str
    """Where it really is, if `path` is a link or a file that names it."""
    uid: int
    creator: str
    request: str | None
    policy: Policy | None
    link: LinkKind
    state: str
    """`healthy`, the code of the worst finding, or `unreachable`."""
    alias: str | None
    """The alias that fits its packages."""
    held_back: str | None
    """The release that it is kept on."""
    base: Interpreter | None
    """What runs; one value for all venvs that run it."""
    implementation: str | None = None
    """`cpython`, `pypy`, …; None where nothing tells."""
    known: KnownBy = "record"

    @property
    def python(self) -> Version | None:
        """The patch release that runs; None where files do not tell it."""
        return self.base.version if self.base is not None else None

    @property
    def minor(self) -> str | None:
        """The alias of what runs, else of what would: the minor whose end of life concerns this venv."""
        return (self.base.alias if self.base is not None else "") or self.alias

    @property
    def is_of_distribution(self) -> bool:
        """True where the system's own Python runs."""
        return self.base is not None and self.base.uid == 0 and self.base.prefix in DISTRIBUTION_PREFIXES

    def runs(self, request: Request) -> bool:
        """True where a request names what runs; a broken venv counts as what its packages are for.

        `3.11` never means PyPy.
        """
        implementation = self.implementation or CPYTHON
        if request.kind == "other":
            return request.text.lower() == implementation
        if request.implementation != implementation:
            return False
        if self.python is None or self.base is None:
            is_any = request.kind == "latest" and implementation != CPYTHON
            return is_any or (request.alias is not None and self.alias == request.alias)
        return request.admits(self.python, self.base.variant)


def list_venv(facts: VenvFacts, findings: Iterable[Finding]) -> ListedVenv:
    """Keep of a venv what lists show. `findings` are those about this venv."""
    held = facts.settings.held_back
    request, alias = facts.request, facts.alias
    return ListedVenv(
        facts.path,
        facts.folder,
        facts.uid,
        facts.creator,
        # One text for all of tens of thousands.
        intern(request) if request is not None else None,
        facts.policy,
        facts.link_kind,
        state_of_venv(findings, facts.path),
        intern(alias) if alias is not None else None,
        held[0] if held is not None else None,
        facts.running,
        facts.implementation,
        facts.known,
    )


def unreachable_venv(path: str) -> ListedVenv:
    """A recorded venv whose parent folder is missing too: only its place is known."""
    return ListedVenv(path, path, -1, "unknown", None, None, "broken", "unreachable", None, None, None)
