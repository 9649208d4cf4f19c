"""One thing that is wrong, and how bad it is: the codes of DESIGN 7, which programs rely on."""

from __future__ import annotations

from pyman.core.record import record

INFO, WARNING, ERROR = "info", "warning", "error"
OPEN, FIXED, FAILED, PLANNED = "open", "fixed", "failed", "planned"
"""What became of a finding."""

SEVERITIES = {
    "held-back": INFO,
    "unreadable": WARNING,
    "other-implementation": INFO,
    "unfinished": ERROR,
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
    "prerelease-abi": WARNING,
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
    "end-of-life": WARNING,
    "update-available": INFO,
    "path-order": WARNING,
    "no-certificates": INFO,
}
"""In the order of the table: of a venv's findings about its interpreter the first that applies is the one."""

# What a repair does. The planner (plans/repair.py) turns the first group into steps; whoever applies it asks the verb
# of that name for the others.
RELINK, REFRESH, MEND_MOVE, REWRITE, FORGET = "relink", "refresh", "mend-move", "rewrite", "forget"
RECREATE, PUT_BACK, OWN_FILES = "recreate", "put-back", "own-files"
REBUILD, MOVE_ALIASES, INSTALL, REINSTALL, ADOPT_AGAIN, FORGET_RUNTIME, SWEEP, UPGRADE, HOLD_BACK = (
    "rebuild",
    "move-aliases",
    "install",
    "reinstall",
    "adopt-again",
    "forget-runtime",
    "sweep",
    "upgrade",
    "hold-back",
)


@record
class Finding:
    """One thing that is wrong."""

    code: str
    kind: str
    path: str
    message: str
    """One sentence without full stop; it does not name the path again."""
    repair: str | None = None
    """A short phrase: what `--fix` would do, or the command that would help where `--fix` does not."""
    action: str = ""
    """One of those above; empty where nothing is done automatically."""
    argument: str = ""
    """What the action is about: a request, an alias, the name of a runtime or record."""
    asks: bool = False
    """True where `--fix` goes ahead only after a yes."""
    instead_of: str = ""
    """The code of the finding in whose place this one stands."""

    @property
    def severity(self) -> str:
        """`info`, `warning` or `error`."""
        return SEVERITIES[self.code]

    @property
    def is_open(self) -> bool:
        """True where it counts for the exit status."""
        return self.severity != INFO


def worst_first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Sort by severity, then by the order of the table, then by path."""
    rank = {ERROR: 0, WARNING: 1, INFO: 2}
    order = {code: number for number, code in enumerate(SEVERITIES)}
    return tuple(sorted(findings, key=lambda each: (rank[each.severity], order[each.code], each.path, each.message)))
