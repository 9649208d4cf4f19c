"""What is wrong with the store and the machine, as a pure function of what was read (design.md 7)."""

from __future__ import annotations

from posixpath import isabs

from pyman.core.aliases import Swap, swaps
from pyman.core.diagnosis.finding import (
    ADOPT_AGAIN,
    CLEAN_UP,
    FORGET_RUNTIME,
    MOVE_ALIASES,
    REINSTALL,
    RESTART_NEEDED,
    UPGRADE,
    Finding,
)
from pyman.core.immutable import record
from pyman.core.implementation import CPYTHON, title
from pyman.core.store import DISTRIBUTION_PREFIXES, Runtime, Store
from pyman.core.version import Version, python_name, release_name, short_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyman.core.diagnosis.finding import FindingKind
    from pyman.core.diagnosis.venv import ListedVenv
    from pyman.core.scheduled_run import Waiting

_MOST_NAMED = 3


@record
class RuntimeState:
    """What is in a runtime's place today."""

    runtime: Runtime
    is_there: bool
    """False where the folder, or what the link of an adopted one leads to, is missing."""
    missing: str | None = None
    """What it lacks: its interpreter, its standard library, its manifest; one noun phrase."""
    version: Version | None = None
    """The release that its files name; None where they do not."""
    failure: str | None = None
    """Why its smoke test failed; None where it passed, or nothing had changed since it did."""
    implementation: str = CPYTHON
    without_certificates: tuple[str, ...] = ()
    """Where it looks for certificates, if there are none."""
    runs_pyman: bool = False
    """True where pyman itself runs on it, so that it cannot be replaced."""
    is_from_source: bool = False
    """True where it was built from source on this machine: no download is the same."""

    @property
    def trouble(self) -> str | None:
        """What is wrong with it, as far as it was looked at; None where nothing is."""
        if not self.is_there:
            return "it is missing"
        return f"it lacks {self.missing}" if self.missing is not None else self.failure


@record
class Interrupted:
    """An operation that was cut off, and no live process is at it."""

    path: str
    operation: str
    subject: str
    backup: str = ""
    """Where the old venv lies meanwhile, if there is one."""


def diagnose_aliases(store: Store, waiting: Iterable[Waiting] = ()) -> tuple[Finding, ...]:
    """Compare every alias with the rules of design.md 3.

    One that the scheduled run has left where it is, because processes run through it, is `waiting`.
    """
    kept = {one.alias: one for one in waiting}
    findings = []
    # A user who has no Python of their own uses the system store's aliases, until the first venv makes these links.
    is_used = store.beneath is None or store.aliases or store.runtimes
    for swap in swaps(store) if is_used else ():
        path = store.folder(swap.alias)
        code, message, repair = _what_is_wrong(store, swap)
        waits = kept.get(swap.alias)
        if code == "alias-stale" and waits is not None and waits.old == swap.old:
            users = ", ".join(waits.users[:_MOST_NAMED]) + (" …" if waits.users[_MOST_NAMED:] else "")
            message += f", because it is in use: {users}"
            code, repair = RESTART_NEEDED, f"{repair}, then restart what uses it"
        old, new = store.linked(swap.old), store.linked(swap.new)
        move = None
        if old is not None and new is not None and code != "alias-dangling":
            move = old.version, old.target, new.version, new.target
        findings.append(Finding(code, "alias", path, message, repair, MOVE_ALIASES, swap.alias, move=move))
    for name in store.blocked:
        message = "a folder or file takes the place of an alias"
        findings.append(Finding("alias-blocked", "alias", store.folder(name), message, "move it away"))
    return tuple(findings)


def _what_is_wrong(store: Store, swap: Swap) -> tuple[str, str, str]:
    """Code, message and repair of an alias that does not point where the rules say."""
    point = f"point it at {swap.new}"
    beneath = store.linked(swap.new) if isabs(swap.new or "") else None
    if beneath is not None:
        now = f"it points to {swap.old}" if swap.old is not None else "it is missing"
        return "alias-stale", f"{now}, and the system store has {beneath.release}", point
    if swap.new is None:
        return (
            "alias-dangling",
            f"it points to {swap.old}, and no release of that minor version is installed",
            "remove it",
        )
    if swap.old is None:
        return "alias-dangling", f"it is missing, and {swap.new} is installed", point
    if store.alias_target(swap.alias) is None:
        what = "is broken" if store.linked(swap.old) is not None else "does not exist"
        return "alias-dangling", f"it points to {swap.old}, which {what}", point
    return "alias-stale", f"it points to {swap.old}, not to {swap.new}", point


def diagnose_runtimes(states: Iterable[RuntimeState]) -> tuple[Finding, ...]:
    """Say which runtimes are not what their names say."""
    return tuple(found for state in states if (found := _diagnose_runtime(state)) is not None)


def _diagnose_runtime(state: RuntimeState) -> Finding | None:
    runtime = state.runtime
    if not runtime.is_managed and not state.is_there:
        message = f"its owner removed {runtime.target}"
        return Finding("adopted-gone", "runtime", runtime.path, message, "forget it", FORGET_RUNTIME, runtime.name)
    if not runtime.is_managed and state.implementation != runtime.version.implementation:
        message = f"{runtime.target} is {title(state.implementation)} now"
        return Finding("adopted-changed", "runtime", runtime.path, message, f"`pyman forget {runtime.name}`")
    now = release_name(state.version, runtime.variant) if state.version is not None else runtime.release
    if not runtime.is_managed and now != runtime.release:
        message = f"{runtime.target} is {now} now"
        return Finding("adopted-changed", "runtime", runtime.path, message, "adopt it again", ADOPT_AGAIN, runtime.name)
    trouble = state.trouble
    if trouble is None:
        return None
    if state.runs_pyman:
        repair = "reinstall pyman on another Python, then install this one again"
        return Finding("runtime-broken", "runtime", runtime.path, trouble, repair)
    if state.is_from_source:
        return Finding("runtime-broken", "runtime", runtime.path, trouble, f"`pyman install {runtime.name} --build`")
    if runtime.is_managed:
        return Finding("runtime-broken", "runtime", runtime.path, trouble, "install it again", REINSTALL, runtime.name)
    return Finding(
        "runtime-broken", "runtime", runtime.path, trouble, f"repair {runtime.target} with the tool it belongs to"
    )


def diagnose_certificates(states: Iterable[RuntimeState], bundle: str | None) -> tuple[Finding, ...]:
    """Say which runtimes find no certificates, so that all their https fails. `bundle` is the system's, if any."""
    repair = f"set SSL_CERT_FILE={bundle}" if bundle is not None else "install the system's ca-certificates"
    return tuple(
        Finding(
            "no-certificates",
            "runtime",
            state.runtime.path,
            f"it finds no certificates in {' or '.join(state.without_certificates)}, so https fails in it",
            repair,
        )
        for state in states
        if state.without_certificates
    )


def diagnose_unfinished(unfinished: Iterable[Interrupted]) -> tuple[Finding, ...]:
    """Say what was cut off."""
    return tuple(
        Finding(
            "interrupted",
            "store",
            work.path,
            _what_was_cut_off(work),
            "finish or undo it",
            CLEAN_UP,
            work.path,
        )
        for work in unfinished
    )


def _what_was_cut_off(work: Interrupted) -> str:
    if not work.subject:
        return "an operation was interrupted"
    backup = f", and what was there before is in {work.backup}" if work.backup else ""
    if work.operation in _DOING:
        return f"{_DOING[work.operation]} {work.subject} was interrupted{backup}"
    return f"{work.operation or 'something'} of {work.subject} was interrupted{backup}"


_DOING = {"venv": "creating", "clear": "replacing", "rebuild": "rebuilding", "remove": "deleting"}


def diagnose_end_of_life(
    venvs: Iterable[ListedVenv], runtimes: Iterable[Runtime], ended: Mapping[str, str]
) -> tuple[Finding, ...]:
    """Say which venvs and runtimes are of a minor that gets no more fixes from upstream.

    `ended` has the last day of support of minors (`3.9`) that is over. What a distribution maintains gets its fixes
    from there.
    """

    def found(kind: FindingKind, path: str, alias: str | None) -> Finding | None:
        day = ended.get((alias or "").rstrip("td"))
        message = f"{python_name(alias or '')} reached end of life on {day}"
        return Finding("end-of-life", kind, path, message) if day is not None else None

    findings = [found("venv", venv.path, venv.minor) for venv in venvs if not venv.is_of_distribution]
    whole = [one for one in runtimes if one.whole and one.target not in DISTRIBUTION_PREFIXES]
    findings += [found("runtime", runtime.path, runtime.alias) for runtime in whole]
    return tuple(finding for finding in findings if finding is not None)


def diagnose_newer(store: Store, newest: Mapping[str, Version]) -> tuple[Finding, ...]:
    """Say which minors have a newer patch release; `newest` has what is known of each alias."""
    findings = []
    for alias, version in sorted(newest.items()):
        there = [runtime for layer in store.layers for runtime in layer.releases]
        installed = [runtime for runtime in there if runtime.whole and runtime.alias == alias]
        present = max(installed, key=lambda each: each.version.order, default=None)
        if present is not None and version > present.version:
            message = f"{short_release(version)} is available, and {short_release(present.version)} is installed"
            move = (present.version, present.target, version, None)
            repair, path = f"`pyman upgrade {alias}`", store.folder(alias)
            if store.held(alias) is not None:
                repair = f"`pyman unhold {alias}`, then {repair}"
            findings.append(Finding("update-available", "alias", path, message, repair, UPGRADE, alias, move=move))
    return tuple(findings)


def diagnose_own_python(
    own: Version, path: str, repair: str, store: Store, newest: Mapping[str, Version], ended: Mapping[str, str]
) -> tuple[Finding, ...]:
    """Say whether the Python that pyman itself runs on is without support, or an older patch release than is known.

    `newest` and `ended` are as above, by minor; `path` is the interpreter. A distribution's gets its fixes from there.
    """
    if any(path.startswith(f"{prefix}/bin/") for prefix in DISTRIBUTION_PREFIXES):
        return ()
    minor = own.minor_name
    if minor in ended:
        message = f"pyman runs on Python {minor}, which reached end of life on {ended[minor]}"
    else:
        known = [one.version for one in store.runtimes if one.whole and one.alias == minor and one.version.is_final]
        known += [newest[minor]] if minor in newest else []
        best = max(known, key=lambda each: each.order, default=own)
        if not best > own:
            return ()
        message = f"pyman runs on Python {own}, and {best} is available"
    return (Finding("own-python-outdated", "machine", path, message, repair),)


def diagnose_path(shims: str, path: Iterable[str], winner: str | None) -> tuple[Finding, ...]:
    """Say whether another `python` comes before the shims. `winner` is the first one on PATH, None for none."""
    if shims not in path or winner is None or winner.startswith(shims + "/"):
        return ()
    message = f"{winner} comes before the shims on PATH"
    return (Finding("path-order", "machine", shims, message, "put the shims first, as `pyman init` says"),)
