"""What is wrong with a venv, as a pure function of what was read (DESIGN 7)."""

from __future__ import annotations

from posixpath import basename

from pyman.core.diagnosis.finding import FORGET, MEND_MOVE, OWN_FILES, PUT_BACK, REWRITE, Finding
from pyman.core.diagnosis.interpreter import about_interpreter
from pyman.core.diagnosis.judged import Judged, World
from pyman.core.escape import as_word
from pyman.core.owners import owner_command
from pyman.core.pyvenv_cfg import FILE_NAME, VERSION_KEYS
from pyman.core.record import record, replace
from pyman.core.relink import stale_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyman.core.venv import VenvFacts


def diagnose_venv(facts: VenvFacts, world: World) -> tuple[Finding, ...]:
    """Say what is wrong with one venv: at most one thing about its interpreter, and what else there is."""
    venv = Judged(facts, world)
    found = next(about_interpreter(venv), None)
    findings = [venv.unless_borrowed(found)] if found is not None else []
    findings += _rest(venv, found)
    return tuple(_as_far_as_allowed(finding, facts, world) for finding in findings)


def diagnose_gone(name: str, path: str) -> Finding:
    """A record whose venv no longer exists, while its folder does."""
    return Finding("gone", "venv", path, "it no longer exists", "forget it", FORGET, name)


@record
class WorkFolder:
    """A folder for work on a venv that no journal names."""

    path: str
    uid: int
    holds: tuple[str, ...]
    """The names in it."""
    venv: str | None = None
    """Where the whole venv in it was; None where there is none, or nobody can tell where it was."""


def diagnose_work_folder(found: WorkFolder, uid: int, *, is_free: bool, named: bool) -> Finding:
    """A folder for work that pyman does not know of.

    `is_free` says that nothing has the place of the venv in it, `named` that the user named this folder.
    """
    if found.venv is None:
        some = ", ".join(found.holds[:_MOST_NAMED])
        more = f" and {len(found.holds) - _MOST_NAMED} more" if len(found.holds) > _MOST_NAMED else ""
        holds = f"holds {some}{more}" if some else "is empty"
    else:
        holds = f"holds a whole venv, {found.venv} as it was"
    message = f"a folder that pyman works in {holds}, and this pyman did not make it"
    if found.uid != uid:
        return Finding("interrupted", "venv", found.path, message, "owned by another user; that user must repair it")
    if found.venv is not None and is_free and named:
        return Finding("interrupted", "venv", found.path, message, f"put it back to {found.venv}", PUT_BACK)
    if found.venv is not None and is_free:
        repair = f"`pyman doctor --fix {as_word(found.path)}` puts it back"
    else:
        repair = f"delete it if nothing in it is needed: `rm -r {as_word(found.path)}`"
    return Finding("interrupted", "venv", found.path, message, repair)


_MOST_NAMED = 5


def _as_far_as_allowed(finding: Finding, facts: VenvFacts, world: World) -> Finding:
    """Leave what is not the user's to touch to whoever it belongs to."""
    if not finding.action:
        return finding
    if facts.uid != world.uid:
        return replace(finding, repair="its owner can mend it: it belongs to another user", action="", asks=False)
    if facts.only_named:
        command = f"`pyman doctor {as_word(facts.folder)} --fix`"
        why = f"{command} repairs it: it lies outside of the project whose {basename(facts.path)} leads to it"
        return replace(finding, repair=why, action="", asks=False)
    if finding.code == "shared-files" and facts.foreign and not world.foreign:
        # Whatever its owner does, it links the same files once more.
        command = f"`pyman doctor {as_word(facts.folder)} --fix --foreign`"
        return replace(finding, repair=f"run {command}", action="", asks=False)
    if (facts.creator == "pre-commit" and finding.code != "shared-files") or (facts.foreign and not world.foreign):
        return replace(finding, repair=f"run `{owner_command(facts)}`", action="", asks=False)
    if facts.not_written:
        why = f"not repaired: {facts.not_written}, and pyman writes only into a venv's own folders"
        return replace(finding, repair=why, action="", asks=False)
    if facts.stage_reason:
        message = f"{finding.message}; {facts.stage_reason}"
        return replace(finding, message=message, repair=f"after a yes: {finding.repair}", asks=True)
    return finding


def _rest(venv: Judged, found: Finding | None) -> Iterator[Finding]:
    if found is None or found.code != "unreadable":
        problem = next((problem for problem in venv.facts.problems if not venv.is_vital(problem.path)), None)
        if problem is not None:
            yield venv.find("unreadable", f"{basename(problem.path)} cannot be read: {problem.reason}")
    if found is not None and found.code == "other-implementation":
        return  # Nothing of it is repaired, so nothing else of it is judged.
    yield from _shared_files(venv)
    yield from _moved(venv)
    # A relink rewrites these lines as well.
    if found is None or found.code in ("pinned", "held-back"):
        yield from _stale_metadata(venv)


def _shared_files(venv: Judged) -> Iterator[Finding]:
    shared = venv.facts.shared
    if shared is None:
        return
    if shared.doubtful:
        repair = f"`pyman rebuild {as_word(venv.facts.path)} --force` installs its packages again"
        yield venv.find("shared-files", shared.message, repair)
    else:
        yield venv.find("shared-files", shared.message, "give it its own copies", OWN_FILES)


def _moved(venv: Judged) -> Iterator[Finding]:
    old = venv.facts.moved_from
    if old is not None:
        yield venv.find("moved", f"its scripts and activation name {old}", "rewrite its scripts", MEND_MOVE)


def _stale_metadata(venv: Judged) -> Iterator[Finding]:
    python = venv.facts.python
    if python is None:
        return
    stale = stale_keys(venv.facts, python, VERSION_KEYS)
    if stale:
        named = ", ".join(f"{key} = {venv.facts.settings.get(key)}" for key in stale)
        yield venv.find(
            "stale-metadata",
            f"{FILE_NAME} says {named}, and {python} runs",
            "rewrite that line" if len(stale) == 1 else "rewrite those lines",
            REWRITE,
        )


HEALTHY = "healthy"


def state_of_venv(findings: Iterable[Finding], path: str) -> str:
    """The state that `venvs` shows: the code of the worst finding about a venv, else `healthy`."""
    rank = {"error": 0, "warning": 1, "info": 2}
    own = [finding for finding in findings if finding.kind == "venv" and finding.path == path]
    return min(own, key=lambda finding: rank[finding.severity]).code if own else HEALTHY
