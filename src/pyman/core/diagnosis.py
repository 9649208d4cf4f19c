"""What is wrong with a venv, as a pure function of what was read (DESIGN 7)."""

from __future__ import annotations

from posixpath import basename, dirname

from pyman.core.finding import (
    FORGET,
    HOLD_BACK,
    INSTALL,
    MEND_MOVE,
    REBUILD,
    REFRESH,
    RELINK,
    REWRITE,
    Finding,
)
from pyman.core.owner_command import owner_command
from pyman.core.pyvenv_cfg import FILE_NAME, VERSION_KEYS
from pyman.core.record import record, replace
from pyman.core.relink import base_target, names_one_runtime, pinned_release, stale_keys, target_for, wanted_alias
from pyman.core.venv import LONE_COPY, NO_COPY, OTHER_COPY, SCRIPT
from pyman.core.version import release_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyman.core.relink import Target
    from pyman.core.runtime import Store
    from pyman.core.venv import VenvFacts


@record
class World:
    """What a venv is judged by."""

    store: Store
    uid: int
    """Of the user: the venvs of others are looked at, and never touched."""
    foreign: bool = False
    """True where the user allowed to mend what other tools own."""
    unfit: Mapping[str, str] | None = None
    """Venvs, by path, that do not fit the release of the alias that they would be linked to, and the reason; None
    where nobody checked."""
    incompatible: Mapping[str, tuple[str, str]] | None = None
    """Venvs, by path, that do not fit the release that runs and fitted an older one: its name in the store, and the
    reason."""


def diagnose_venv(facts: VenvFacts, world: World) -> tuple[Finding, ...]:
    """Say what is wrong with one venv: at most one thing about its interpreter, and what else there is."""
    about = _Venv(facts, world)
    found = next(about.interpreter(), None)
    findings = [found] if found is not None else []
    findings += about.rest(found)
    return tuple(_as_far_as_allowed(finding, facts, world) for finding in findings)


def diagnose_gone(name: str, path: str) -> Finding:
    """A record whose venv no longer exists, while its folder does."""
    return Finding("gone", "venv", path, "it no longer exists", "forget it", FORGET, name)


def _as_far_as_allowed(finding: Finding, facts: VenvFacts, world: World) -> Finding:
    """Leave what is not the user's to touch to whoever it belongs to."""
    if not finding.action:
        return finding
    if facts.uid != world.uid:
        return replace(finding, repair="its owner can mend it: it belongs to another user", action="", asks=False)
    if facts.creator == "pre-commit" or (facts.foreign and not world.foreign):
        return replace(finding, repair=f"run `{owner_command(facts)}`", action="", asks=False)
    return finding


class _Venv:
    """One venv while it is judged."""

    def __init__(self, facts: VenvFacts, world: World) -> None:
        self.facts = facts
        self.world = world
        self.alias = wanted_alias(facts)
        self.target = target_for(facts, world.store, self.alias)

    def find(
        self,
        code: str,
        message: str,
        repair: str | None = None,
        action: str = "",
        argument: str = "",
        *,
        asks: bool = False,
    ) -> Finding:
        return Finding(code, "venv", self.facts.path, message, repair, action, argument, asks)

    def interpreter(self) -> Iterator[Finding]:
        """Every finding about the interpreter that applies, in the order of the table."""
        yield from self.held_back()
        yield from self.unreadable()
        yield from self.minor_mismatch()
        yield from self.dangling()
        yield from self.mixed()
        yield from self.nested()
        yield from self.no_stdlib()
        yield from self.copied_binary()
        yield from self.incompatible()
        yield from self.behind()
        yield from self.pinned()
        yield from self.prerelease_abi()

    def rest(self, found: Finding | None) -> Iterator[Finding]:
        if found is None or found.code != "unreadable":
            problem = next((problem for problem in self.facts.problems if not self.is_vital(problem.path)), None)
            if problem is not None:
                yield self.find("unreadable", f"{basename(problem.path)} cannot be read: {problem.reason}")
        yield from self.moved()
        # A relink rewrites these lines as well.
        if found is None or found.code in ("pinned", "held-back"):
            yield from self.stale_metadata()

    def relink(self, code: str, message: str) -> Finding:
        """A finding that another link mends, where there is one; where there is none, that minor can be installed.

        A script in the interpreter's place is somebody's own, and not replaced.
        """
        if self.facts.copy == SCRIPT:
            return self.find(code, message, "`pyman rebuild` makes it anew: bin/python is a script")
        if self.target is None:
            if self.alias is None:
                return self.find(code, message)
            return self.find(code, message, f"install {self.alias} and relink to it", INSTALL, self.alias, asks=True)
        repair = f"relink to {self.shown(self.target)}"
        if self.facts.policy == "pin" and not self.target.pins:
            repair += ": it follows from then on"
        return self.find(code, message, repair, RELINK)

    @staticmethod
    def shown(target: Target) -> str:
        if target.pins and target.in_store:
            return release_name(target.version, target.variant)
        where = "" if target.in_store else f" at {dirname(target.home)}"
        return f"{target.alias}{where}, which is {release_name(target.version, target.variant)}"

    def is_vital(self, path: str) -> bool:
        """True for what the interpreter's start depends on."""
        return path in self.vital or (
            dirname(path) == f"{self.facts.folder}/bin" and basename(path).startswith("python")
        )

    @property
    def vital(self) -> tuple[str, ...]:
        folder = self.facts.folder
        return (folder, f"{folder}/{FILE_NAME}", f"{folder}/bin", f"{folder}/lib")

    def held_back(self) -> Iterator[Finding]:
        held, python, target = self.facts.settings.held_back, self.facts.python, self.target
        if held is None or python is None or self.facts.link_kind == "broken" or held[0] != str(python):
            return
        if target is None or target.version <= python:
            return
        reason = (self.world.unfit or {}).get(self.facts.path)
        message = (
            f"kept on {python} while {self.alias} is {target.version}: {reason or held[1] or 'no reason is given'}"
        )
        if self.world.unfit is None:
            yield self.find("held-back", message, "tried again when the alias moves")
        elif reason is not None:
            yield self.find("held-back", message)
        else:
            yield self.find("held-back", message, f"it fits now: relink to {self.shown(target)}", RELINK)

    def unreadable(self) -> Iterator[Finding]:
        for problem in self.facts.problems:
            if self.is_vital(problem.path):
                what = basename(problem.path) if problem.path != self.facts.folder else "it"
                yield self.find("unreadable", f"{what} cannot be read: {problem.reason}")

    def minor_mismatch(self) -> Iterator[Finding]:
        library, own = self.facts.library, self.facts.running or self.facts.interpreter
        if library is None or own is None or not own.minor:
            return
        threaded = own.variant == "freethreaded"
        if (library.minor, library.variant == "freethreaded") == (own.minor, threaded):
            return
        message = f"its packages are for {self.alias}, and {own.alias} runs"
        if self.target is not None:
            yield self.relink("minor-mismatch", message)
        else:
            yield self.find("minor-mismatch", message, f"rebuild it for {own.alias}", REBUILD, own.alias, asks=True)

    def dangling(self) -> Iterator[Finding]:
        facts = self.facts
        if facts.home is None:
            named = facts.settings.home
            message = f"{FILE_NAME} names no home" if named is None else f"home is {named}, which is no absolute path"
        elif facts.home_way is None or facts.home_way.real is None:
            message = f"home is {facts.home}, which does not exist"
        elif facts.copy == NO_COPY and facts.interpreter is None:
            end = facts.way.chain[-1] if facts.way is not None and facts.way.chain else "bin/python"
            message = f"bin/python leads to {end}, which does not exist" if facts.link else "bin/python does not exist"
        elif all(entry.name != "python" for entry in facts.entries):
            message = "bin/python does not exist"
        elif facts.copy == LONE_COPY and facts.home_interpreter is None:
            message = f"bin/python is a copy, and no interpreter is in {facts.home}"
        else:
            return
        release = pinned_release(facts)
        if release is not None and self.world.store.runtime(release) is None:
            yield self.find("dangling", message, f"install {release} again", INSTALL, release)
        else:
            yield self.relink("dangling", message)

    def mixed(self) -> Iterator[Finding]:
        if self.facts.copy == NO_COPY and not names_one_runtime(self.facts):
            yield self.relink("mixed", f"bin/python leads to {self.facts.link}, and home is {self.facts.home}")

    def nested(self) -> Iterator[Finding]:
        if self.facts.outer is None:
            return
        message = f"home lies in another venv, {self.facts.outer}"
        base = base_target(self.facts, self.world.store)
        if base is None:
            yield self.find("nested", message)
        else:
            yield self.find("nested", message, f"relink to its base, {base.home}", RELINK)

    def no_stdlib(self) -> Iterator[Finding]:
        facts = self.facts
        own = facts.interpreter or facts.home_interpreter
        if facts.home_library is not None or own is None or own.library is not None:
            return
        message = f"neither {facts.home} nor {own.path} has a standard library beside it"
        if self.target is not None and self.target.prefix == own.prefix:
            yield self.find("no-stdlib", message, "mend that runtime first")
        else:
            yield self.relink("no-stdlib", message)

    def copied_binary(self) -> Iterator[Finding]:
        facts = self.facts
        if facts.copy == SCRIPT:
            yield self.find("copied-binary", "bin/python is a script, not an interpreter")
        elif facts.copy == OTHER_COPY and facts.home_interpreter is not None:
            message = f"bin/python is a copy that differs from {facts.home_interpreter.path}"
            yield self.find("copied-binary", message, "refresh the copy", REFRESH)

    def incompatible(self) -> Iterator[Finding]:
        found = (self.world.incompatible or {}).get(self.facts.path)
        if found is not None:
            release, reason = found
            yield self.find("incompatible", reason, f"hold it back on {release}", HOLD_BACK, release)

    def behind(self) -> Iterator[Finding]:
        """`stale-patch` and `unfollowed`: a link into a folder named after a full version, and no pin."""
        facts, target, python = self.facts, self.target, self.facts.python
        if facts.link_kind != "patch" or facts.policy == "pin" or target is None or python is None:
            return
        if target.version < python:
            return
        if target.version == python:
            way = f"linked to {python}, and not through {dirname(target.home)}"
            yield self.find("unfollowed", way, f"relink to {self.shown(target)}", RELINK)
            return
        if not python.is_final and target.version.is_final and facts.compiled:
            return  # What was compiled for a pre-release is not moved: `prerelease-abi`.
        reason = (self.world.unfit or {}).get(facts.path)
        if reason is not None:
            yield self.find("held-back", f"kept on {python} while {target.alias} is {target.version}: {reason}")
            return
        message = f"linked to {python}, and {target.alias} is {target.version}"
        yield self.find("stale-patch", message, f"relink to {self.shown(target)}", RELINK)

    def pinned(self) -> Iterator[Finding]:
        python = self.facts.python
        if self.facts.policy != "pin" or python is None:
            return
        newest = max(
            (runtime.version for runtime in self.world.store.runtimes if runtime.whole and runtime.alias == self.alias),
            key=lambda version: version.order,
            default=python,
        )
        if newest > python:
            yield self.find("pinned", f"pinned to {python}, and {newest} is installed")

    def prerelease_abi(self) -> Iterator[Finding]:
        facts, python, target = self.facts, self.facts.python, self.target
        if not facts.compiled or python is None:
            return
        named = stale_keys(facts, python, VERSION_KEYS)
        newer = target is not None and target.version.is_final and not python.is_final
        if newer or (named and python.is_final and any(self.names_prerelease(key) for key in named)):
            message = "its packages were compiled for a pre-release"
            yield self.find(
                "prerelease-abi", message, f"rebuild it for {self.alias}", REBUILD, self.alias or "", asks=True
            )

    def names_prerelease(self, key: str) -> bool:
        return any(letter.isalpha() for letter in (self.facts.settings.get(key) or "").replace(".final.", ""))

    def moved(self) -> Iterator[Finding]:
        old = self.facts.moved_from
        if old is not None:
            yield self.find("moved", f"its scripts and activation name {old}", "rewrite them", MEND_MOVE)

    def stale_metadata(self) -> Iterator[Finding]:
        python = self.facts.python
        if python is None:
            return
        stale = stale_keys(self.facts, python, VERSION_KEYS)
        if stale:
            named = ", ".join(f"{key} = {self.facts.settings.get(key)}" for key in stale)
            yield self.find(
                "stale-metadata",
                f"{FILE_NAME} says {named}, and {python} runs",
                "rewrite that line" if len(stale) == 1 else "rewrite those lines",
                REWRITE,
            )


def state_of_venv(findings: Iterable[Finding], path: str) -> str:
    """The state that `venvs` shows: the code of the worst finding about a venv, else `healthy`."""
    rank = {"error": 0, "warning": 1, "info": 2}
    own = [finding for finding in findings if finding.kind == "venv" and finding.path == path]
    return min(own, key=lambda finding: rank[finding.severity]).code if own else "healthy"
