"""One thing that is wrong and how bad it is (the codes of design.md 7), and what a venv is judged by."""

from __future__ import annotations

from posixpath import basename, dirname
from sys import intern

from pyman.core.aliases import swaps
from pyman.core.escape import as_word
from pyman.core.immutable import record, replace
from pyman.core.packages.lent import told
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.relink import Target, base_target, shown_release, store_target, target_for, wanted_alias
from pyman.core.store import Store
from pyman.core.venv import SCRIPT, VenvFacts
from pyman.core.version import release_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from pyman.core.version import Version

    Severity = Literal["info", "warning", "error"]
    Status = Literal["open", "fixed", "failed", "planned"]
    FindingKind = Literal["venv", "runtime", "alias", "store", "machine"]
    RepairAction = Literal[
        "relink",
        "refresh",
        "repair-names",
        "repair-modes",
        "show-files",
        "repair-moved",
        "rewrite",
        "forget",
        "recreate",
        "restore",
        "own-files",
        "rebuild",
        "move-aliases",
        "install",
        "reinstall",
        "adopt-again",
        "forget-runtime",
        "sweep",
        "upgrade",
        "hold-back",
    ]
    Action = RepairAction | Literal[""]
    Move = tuple[Version, str | None, Version, str | None]
    # A release and its prefix, and another and its own; None for what is managed, or would be downloaded.

INFO: Severity = "info"
WARNING: Severity = "warning"
ERROR: Severity = "error"
OPEN: Status = "open"
FIXED: Status = "fixed"
FAILED: Status = "failed"
PLANNED: Status = "planned"
"""What became of a finding."""

END_OF_LIFE = "end-of-life"
"""The code of what is no venv's fault: no state of one, and no repair's business."""

RESTART_NEEDED = "restart-needed"
"""The code of what a scheduled run leaves to a person."""

SEVERITIES: dict[str, Severity] = {
    "held-back": INFO,
    "unreadable": WARNING,
    "other-implementation": INFO,
    "unfinished": ERROR,
    "not-executable": ERROR,
    "minor-mismatch": ERROR,
    "dangling": ERROR,
    "mixed": ERROR,
    "nested": WARNING,
    "no-stdlib": ERROR,
    "copied-binary": WARNING,
    "incompatible": ERROR,
    "stale-patch": WARNING,
    "unfollowed": WARNING,
    "pinned": INFO,
    "borrows": WARNING,
    "wrong-abi": WARNING,
    "editable-gone": WARNING,
    "hidden-pth": WARNING,
    "shared-files": WARNING,
    "moved": ERROR,
    "stale-metadata": WARNING,
    "gone": INFO,
    "alias-stale": ERROR,
    "alias-dangling": ERROR,
    "alias-blocked": ERROR,
    "runtime-broken": ERROR,
    "adopted-changed": ERROR,
    "adopted-gone": ERROR,
    "interrupted": ERROR,
    END_OF_LIFE: WARNING,
    "unsearched": WARNING,
    "update-available": INFO,
    "path-order": WARNING,
    "own-python-outdated": WARNING,
    "no-certificates": WARNING,
    RESTART_NEEDED: INFO,
    "unreachable": INFO,
}
"""In the order of the table: of a venv's findings about its interpreter the first that applies is the one."""

# What a repair does. The planner (plans/repair.py) turns the first group into steps; whoever applies it asks the verb
# of that name for the others.
RELINK: RepairAction = "relink"
REFRESH: RepairAction = "refresh"
REPAIR_NAMES: RepairAction = "repair-names"
REPAIR_MODES: RepairAction = "repair-modes"
SHOW_FILES: RepairAction = "show-files"
REPAIR_MOVED: RepairAction = "repair-moved"
REWRITE: RepairAction = "rewrite"
FORGET: RepairAction = "forget"
RECREATE: RepairAction = "recreate"
RESTORE: RepairAction = "restore"
OWN_FILES: RepairAction = "own-files"
REBUILD: RepairAction = "rebuild"
MOVE_ALIASES: RepairAction = "move-aliases"
INSTALL: RepairAction = "install"
REINSTALL: RepairAction = "reinstall"
ADOPT_AGAIN: RepairAction = "adopt-again"
FORGET_RUNTIME: RepairAction = "forget-runtime"
CLEAN_UP: RepairAction = "sweep"
UPGRADE: RepairAction = "upgrade"
HOLD_BACK: RepairAction = "hold-back"


@record
class Finding:
    """One thing that is wrong."""

    code: str
    kind: FindingKind
    path: str
    message: str
    """One sentence without full stop; it does not name the path again."""
    repair: str | None = None
    """A short phrase: what `--fix` would do, or the command that would help where `--fix` does not."""
    action: Action = ""
    """One of those above; empty where nothing is done automatically."""
    argument: str = ""
    """What the action is about: a request, an alias, the name of a runtime or record."""
    asks: bool = False
    """True where `--fix` goes ahead only after a yes."""
    instead_of: str = ""
    """The code of the finding in whose place this one stands."""
    move: Move | None = None
    """Where it is about two releases: what the newer one fixes is a reason to act."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return SEVERITIES[self.code]

    @property
    def is_open(self) -> bool:
        """True where it counts for the exit status."""
        return self.severity != INFO

    @property
    def is_for_fix(self) -> bool:
        """True where `--fix` does something about it; `upgrade` is only named."""
        return bool(self.action) and self.action != UPGRADE


def left_to_the_user(finding: Finding) -> Finding:
    """The finding of a venv that a repository brought along: nothing is rebuilt there without its user's own words."""
    if finding.action not in (REBUILD, RECREATE):
        return finding
    python = f" -p {finding.argument}" if finding.argument else ""
    command = f"pyman rebuild {as_word(finding.path)}{python}"
    repair = f"`{command}` recreates it; it is tracked by Git, and this runs code of the packages that are listed in it"
    return replace(finding, repair=repair, action="", argument="", asks=False)


def worst_first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Sort by severity, then by the order of the table, then by path."""
    rank = {ERROR: 0, WARNING: 1, INFO: 2}
    order = {code: number for number, code in enumerate(SEVERITIES)}
    return tuple(sorted(findings, key=lambda each: (rank[each.severity], order[each.code], each.path, each.message)))


# A venv while it is judged: what was read of it, what it is judged by, and where it could be linked to.


@record
class DiagnosisContext:
    """What a venv is judged by."""

    store: Store
    uid: int
    """Of the user: the venvs of others are looked at, and never touched."""
    foreign: bool = False
    """True where the user allowed to repair what other tools own."""
    unfit: Mapping[str, str] | None = None
    """Venvs, by path, that do not fit the release of the alias that they would be linked to, and the reason; None
    where nobody checked."""
    incompatible: Mapping[str, tuple[str, str]] | None = None
    """Venvs, by path, that do not fit the release that runs and fitted an older one: its name in the store, and the
    reason."""
    losses: Mapping[tuple[str, str], tuple[str, ...]] | None = None
    """By the path of a venv and the `home` that it would get: the packages that it uses, and that it would
    miss there. None, or no entry, where nobody looked."""
    other_architecture: Mapping[str, str] | None = None
    """Why venvs, by path, are not linked to what they would be linked to: it is built for another processor."""
    targets: Mapping[str, Target | None] | None = None
    """What venvs, by path, should go through, as `target_for` says; None where nobody asked yet."""
    unfinished: Mapping[str, tuple[str, ...]] | None = None
    """Venvs, by path, whose making was cut off, and the requirements files that were being installed into them."""


class VenvContext:
    """One venv while it is judged."""

    def __init__(self, facts: VenvFacts, context: DiagnosisContext) -> None:
        self.facts = facts
        self.context = context
        self.alias = wanted_alias(facts)
        targets = context.targets or {}
        known = facts.path in targets
        self.target = targets[facts.path] if known else target_for(facts, context.store, self.alias)
        self.other_architecture = (context.other_architecture or {}).get(facts.path, "")

    def find(
        self,
        code: str,
        message: str,
        repair: str | None = None,
        action: Action = "",
        argument: str = "",
        *,
        asks: bool = False,
        move: Move | None = None,
    ) -> Finding:
        """A finding about this venv; `repair` says for people what `action` and `argument` say for the program."""
        # Of tens of thousands of venvs many have the same wrong with them.
        return Finding(code, "venv", self.facts.path, intern(message), repair, action, argument, asks, move=move)

    def move_to(self, version: Version, prefix: str | None) -> Move | None:
        """What runs, and what could run; None where it is not known what runs."""
        running = self.facts.running
        if running is None or running.version is None:
            return None
        return running.version, running.prefix, version, prefix

    def relink(self, code: str, message: str) -> Finding:
        """A finding that another link repairs, where there is one; where there is none, that minor can be installed.

        Where only the alias is missing, it comes back instead. A script in the interpreter's place is somebody's own,
        and not replaced.
        """
        if self.facts.copy == SCRIPT:
            return self.find(code, message, "`pyman rebuild` recreates it: bin/python is a script")
        if self.other_architecture:
            alias = self.alias or ""
            return self.find(
                code, f"{message}; {self.other_architecture}", f"rebuild it for {alias}", REBUILD, alias, asks=True
            )
        if self.target is None:
            if self.alias is None:
                return self.find(code, message)
            leads_to = next((swap.new for swap in swaps(self.context.store) if swap.alias == self.alias), None)
            if leads_to is not None:
                return self.find(code, message, f"point {self.alias} at {leads_to}", MOVE_ALIASES, self.alias)
            return self.find(code, message, f"install {self.alias} and relink to it", INSTALL, self.alias, asks=True)
        repair = f"relink to {self.shown(self.target)}"
        if self.facts.policy == "pin" and not self.target.pins:
            repair += ": it follows from then on"
        return self.find(code, message, repair, RELINK)

    @staticmethod
    def shown(target: Target) -> str:
        """A target as people are told of it."""
        if target.pins and target.in_store:
            return release_name(target.version, target.variant)
        where = "" if target.in_store else f" at {dirname(target.home)}"
        return f"{target.alias}{where}, which is {release_name(target.version, target.variant)}"

    def unless_borrowed(self, finding: Finding) -> Finding:
        """The finding itself, or `borrows` in its place where its repair would take lent packages away."""
        target = self._target_of(finding)
        if target is None or not self.facts.settings.has_system_site_packages:
            return finding
        lost = self.losses(target)
        if lost == ():
            return finding
        lends = f"it uses {told(lost)}" if lost else "it may use packages of its base"
        return replace(
            finding,
            code="borrows",
            message=f"{finding.message}; but {lends}, which {shown_release(target)} does not have",
            repair=f"{finding.repair}, without these packages",
            asks=True,
            instead_of=finding.code,
        )

    def losses(self, target: Target) -> tuple[str, ...] | None:
        """What the venv would miss of what it uses; None where nobody looked."""
        if not self.facts.settings.has_system_site_packages:
            return ()
        return (self.context.losses or {}).get((self.facts.path, target.home))

    def _target_of(self, finding: Finding) -> Target | None:
        """Where a repair would link the venv to; None for one that leaves its base alone."""
        if finding.action == HOLD_BACK:
            runtime = self.context.store.find(finding.argument)
            return store_target(self.context.store, runtime, runtime.name) if runtime is not None else None
        if finding.action != RELINK:
            return None
        return base_target(self.facts, self.context.store) if finding.code == "nested" else self.target

    def is_vital(self, path: str) -> bool:
        """True for what the interpreter's start depends on."""
        folder = self.facts.folder
        return path in (folder, f"{folder}/{FILE_NAME}", f"{folder}/bin", f"{folder}/lib") or (
            dirname(path) == f"{folder}/bin" and basename(path).startswith("python")
        )
