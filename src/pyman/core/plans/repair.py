"""Repairing a venv: a finding and the facts that it was made from, turned into steps (design.md 7).

A venv is repaired one finding at a time and read again in between: two findings may be about one file.
"""

from __future__ import annotations

from posixpath import basename, join

from pyman.core.diagnosis.finding import (
    FORGET,
    OWN_FILES,
    REFRESH,
    RELINK,
    REPAIR_MODES,
    REPAIR_MOVED,
    REPAIR_NAMES,
    REWRITE,
    SHOW_FILES,
    Finding,
)
from pyman.core.immutable import record
from pyman.core.implementation import refuse_other
from pyman.core.names import minor_of_executable
from pyman.core.owner_files import Base, OwnerFile
from pyman.core.owners import reads_exact_release
from pyman.core.plans.owner_files import with_owner_files
from pyman.core.plans.steps import (
    CopyProgram,
    Forget,
    OwnCopy,
    Plan,
    RemoveBytecode,
    RemoveLink,
    ReplaceFile,
    ReplaceLink,
    Verify,
    library_steps,
    settings_steps,
)
from pyman.core.pyvenv_cfg import (
    HELD_BACK,
    POLICY,
    REQUEST,
    VERSION_KEYS,
    base_lines,
    version_line,
)
from pyman.core.relink import Target, has_stale_home, relink_target, stale_keys
from pyman.core.shared_files import DOUBT, DROP, SharedFile, is_probe
from pyman.core.venv import VenvFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyman.core.plans.steps import Step
    from pyman.core.relocation import Edit, LinkEdit
    from pyman.core.store import Store

PLANNED_HERE = (RELINK, REFRESH, REPAIR_NAMES, REPAIR_MODES, SHOW_FILES, REPAIR_MOVED, REWRITE, FORGET, OWN_FILES)
"""The actions that are steps on one venv. The others are verbs of their own."""


@record
class Repair:
    """What repairs one finding."""

    finding: Finding
    plan: Plan | None
    """None where the finding's action is no matter of steps on this venv, or nothing can be done."""


def plan_repair(
    finding: Finding,
    facts: VenvFacts | None,
    store: Store,
    *,
    moved: Iterable[Step] = (),
    shared: Iterable[SharedFile] = (),
    contents: Iterable[tuple[str, bytes]] = (),
    owner_files: Sequence[OwnerFile] = (),
) -> Repair:
    """Plan the repair of one finding.

    `facts` are those that it was made from, None for a record whose venv is gone; `moved` are the steps for a venv
    that was moved, `shared` the files that it shares with others, `contents` the scripts that are to be executable,
    or the files that are to be seen, with what is in them, `owner_files` those in which its owner remembers its Python.
    """
    if finding.action == FORGET:
        return Repair(finding, Plan((Forget(finding.argument),)))
    if finding.action not in PLANNED_HERE or facts is None:
        return Repair(finding, None)
    steps: tuple[Step, ...]
    if finding.action == REPAIR_MOVED:
        steps = tuple(moved)
    elif finding.action == REPAIR_MODES:
        steps = tuple(ReplaceFile(path, content, content, executable=True) for path, content in contents)
    elif finding.action == SHOW_FILES:
        # A new file is not hidden.
        steps = tuple(ReplaceFile(path, content, content) for path, content in contents)
    elif finding.action == OWN_FILES:
        steps = _own_files(facts, shared)
    elif finding.action == REWRITE:
        steps = _rewrite(facts)
    elif finding.action == REFRESH:
        steps = _refresh(facts)
    elif finding.action == REPAIR_NAMES:
        steps = _repair_names(facts)
    else:
        target = chosen_target(finding, facts, store)
        if target is not None:
            return Repair(finding, relink_plan(facts, target, owner_files=owner_files))
        steps = ()
    return Repair(finding, Plan(steps, facts.place) if steps else None)


def moved_steps(
    edits: Iterable[Edit], links: Iterable[LinkEdit], bytecode: Iterable[tuple[str, str]]
) -> tuple[Step, ...]:
    """The steps that repair a venv that was moved, the place that `activate` names last.

    `bytecode` are files, each with the folder that it is kept in meanwhile. They go before the modules are replaced:
    after that nobody would know of them any more.
    """
    return (
        *(RemoveBytecode(path, work) for path, work in bytecode),
        *(ReplaceLink(each.path, each.before, each.after) for each in links),
        *(ReplaceFile(each.path, each.before, each.after) for each in edits),
    )


def chosen_target(finding: Finding, facts: VenvFacts, store: Store) -> Target | None:
    """What the venv is linked to by this repair."""
    return relink_target(facts, store, nested="nested" in (finding.code, finding.instead_of))


def relink_plan(
    facts: VenvFacts,
    target: Target,
    *,
    owner_files: Sequence[OwnerFile] = (),
    also: Mapping[str, str | None] | None = None,
) -> Plan:
    """Change link, `home` and version lines together, keeping every other line; `also` says what else to write.

    Going up the link comes first, going down `home`: the newer binary runs with the older library, not the reverse.
    On one release it is first written that a venv follows, and last that it is pinned: one that follows and was cut
    off in between is `unfollowed`, and repaired. Raises Refused for a venv of an implementation that is left alone.
    """
    refuse_other(facts, "relink")
    links = tuple(_link_steps(facts, target))
    changes = {**settings_of(facts, target), **(also or {})}
    files = settings_steps(facts.folder, facts.cfg, changes)
    links += library_steps(facts.folder, facts.own_libraries, target.prefix_in_use)
    check = Verify(facts.folder, target.version, target.variant, target.home)
    running = facts.python
    down = running is not None and target.version < running
    starts_to_follow = target.version == running and changes.get(POLICY) == "follow"
    steps = (*files, *links, check) if down or starts_to_follow else (*links, *files, check)
    found_at = join(target.prefix, "bin", basename(target.executable))
    base = Base(target.executable, target.version, target.version, found_at)
    return with_owner_files(steps, facts.place, owner_files, base)


def _link_steps(facts: VenvFacts, target: Target) -> Iterable[Step]:
    """The names of the interpreter in `bin`: those that lead outside get the new target, the others stay.

    Where another minor comes in, the names of the old one go, and all others lead to `python`.
    """
    folder = f"{facts.folder}/bin"
    versioned = target.executable.rpartition("/")[2]
    present = {entry.name: entry for entry in facts.entries}
    same_minor = all(_minor(name) in ("", _minor(versioned)) for name in present)
    for name, entry in present.items():
        path = f"{folder}/{name}"
        if entry.kind == "file":
            yield CopyProgram(path, target.executable)
        elif entry.kind == "link" and not same_minor and _minor(name) not in ("", _minor(versioned)):
            yield RemoveLink(path, entry.text)
        elif entry.kind == "link":
            inside = entry.text.rpartition("/")[2] if entry.text.rpartition("/")[0] in ("", ".", folder) else None
            # Links that only lead to one another lead nowhere.
            stays = inside in present and same_minor and (name != "python" or facts.link is not None)
            wanted = target.executable if name == "python" or same_minor else "python"
            if not stays and wanted != entry.text:
                yield ReplaceLink(path, entry.text, wanted)
    if "python" not in present:
        yield ReplaceLink(f"{folder}/python", None, target.executable)
    for name in ("python3", versioned):
        if name not in present:
            yield ReplaceLink(f"{folder}/{name}", None, "python")


def _minor(name: str) -> str:
    named = minor_of_executable(name)
    return named[0] if named is not None else ""


def settings_of(facts: VenvFacts, target: Target) -> dict[str, str | None]:
    """The lines of `pyvenv.cfg` that a relink changes."""
    changes: dict[str, str | None] = {"home": target.home, HELD_BACK: None}
    follows = not target.pins and not reads_exact_release(facts.folder)
    for key in VERSION_KEYS:
        value = facts.settings.get(key)
        if value is not None:
            changes[key] = version_line(value, target.version, follows=follows)
    changes |= base_lines(facts.settings, target.home, target.executable)
    if facts.policy == "pin" and not target.pins:
        changes[POLICY] = "follow"
        if facts.request is not None:
            changes[REQUEST] = target.alias
    return changes


def _own_files(facts: VenvFacts, shared: Iterable[SharedFile]) -> tuple[Step, ...]:
    """A copy of every file, or none where it is not known of one that it is what was installed."""
    files = sorted(shared, key=lambda file: is_probe(file.path))
    if any(file.fate == DOUBT for file in files):
        return ()
    return tuple(
        RemoveBytecode(f"{facts.folder}/{file.path}", file.work)
        if file.fate == DROP
        else OwnCopy(f"{facts.folder}/{file.path}", file.work, file.algorithm, file.digest)
        for file in files
    )


def _rewrite(facts: VenvFacts) -> tuple[Step, ...]:
    python = facts.python
    if python is None:
        return ()
    follows = facts.link_kind == "alias" and not reads_exact_release(facts.folder)
    changes: dict[str, str | None] = {
        key: version_line(facts.settings.values[key], python, follows=follows)
        for key in stale_keys(facts, python, VERSION_KEYS)
    }
    if has_stale_home(facts) and facts.home is not None and facts.link is not None:
        changes |= {"home": facts.home, **base_lines(facts.settings, facts.home, facts.link)}
    return settings_steps(facts.folder, facts.cfg, changes)


def _refresh(facts: VenvFacts) -> tuple[Step, ...]:
    base = facts.home_interpreter
    if base is None:
        return ()
    return tuple(
        CopyProgram(f"{facts.folder}/bin/{entry.name}", base.path) for entry in facts.entries if entry.kind == "file"
    )


def _repair_names(facts: VenvFacts) -> tuple[Step, ...]:
    """Make every name of the interpreter the same as `bin/python`."""
    steps: list[Step] = []
    for stray in facts.strays:
        path = f"{facts.folder}/bin/{stray.entry.name}"
        if stray.entry.kind in ("link", "missing"):
            steps.append(ReplaceLink(path, stray.entry.text or None, "python"))
        elif facts.running is not None:
            steps.append(CopyProgram(path, facts.running.path))
    return tuple(steps)
