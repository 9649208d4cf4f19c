"""Timers of the system: units of systemd, agents of launchd, the user's crontab. What is in them: core/schedule.py."""

from __future__ import annotations

import os
import stat
import sys

from pyman.core.immutable import record
from pyman.core.schedule import (
    CRON,
    CRONTAB,
    LAUNCHD,
    SYSTEMD,
    is_schedule_name,
    limits_of,
    marked_name,
    read_mark,
    starts,
    with_line,
    without_line,
)
from pyman.effects.files import NotReadable, read_own_text, replace_file, status_of
from pyman.effects.interruption import DeferredSignals, committed
from pyman.effects.places import NO_HOME, cannot_write, make_folder
from pyman.effects.subprocesses import find_on_path, usable_search_path
from pyman.errors import NO_TIMER, NOT_OURS, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyman.core.schedule import Kind, When
    from pyman.effects.places import Places

_PRIVATE = 0o600
"""The mode of what may hold the password of a proxy or a mirror."""
_ANSWER_SECONDS = 60.0
_BOOTED = "/run/systemd/system"
_LINGER = "/var/lib/systemd/linger"
_CRON_DAEMONS = ("cron", "crond", "fcron", "dcron")
_NO_CRONTAB = ("no crontab for", "can't open")
"""What `crontab -l` says where a user has none: cronie's and Vixie's, busybox's."""


@record
class TimerTools:
    """What this machine has to run something regularly; empty texts for what it lacks."""

    uid: int
    home: str
    systemctl: str
    crontab: str
    launchctl: str
    unit_folder: str
    """Where this user's units are."""
    agent_folder: str
    runtime_folder: str
    """XDG_RUNTIME_DIR, where the user's systemd listens."""
    unit_path: str
    """SYSTEMD_UNIT_PATH, systemd's own variable for another folder of units."""
    has_systemd: bool
    """True where a systemd runs that takes units of this user."""

    @property
    def for_machine(self) -> bool:
        """True for root, whose timers are those of the machine."""
        return self.uid == 0

    @property
    def kind(self) -> Kind | None:
        """What to use; None where there is nothing."""
        if self.launchctl:
            return LAUNCHD
        return SYSTEMD if self.has_systemd else CRON if self.crontab else None

    def tool(self, kind: Kind) -> str:
        """The program that one kind needs."""
        return {SYSTEMD: self.systemctl, LAUNCHD: self.launchctl, CRON: self.crontab}[kind]


@record
class InstalledTimer:
    """A timer that is there."""

    kind: Kind
    when: When
    fix: bool
    is_active: bool
    """False where its files are there, and the system does not know of them."""
    paths: tuple[str, ...]


def find_tools(places: Places) -> TimerTools:
    """Look at what this machine has."""
    environ, uid, home = places.environ, os.geteuid(), places.home
    usable = usable_search_path(f"{environ.get('PATH', '')}:/usr/bin:/bin:/usr/sbin:/sbin", home=home)
    is_mac = sys.platform == "darwin"
    systemctl = find_on_path("systemctl", usable) or ""
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    listens = uid == 0 or os.path.exists(os.path.join(runtime, "systemd", "private"))
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    units = "/etc/systemd/system" if uid == 0 else os.path.join(config, "systemd", "user")
    return TimerTools(
        uid=uid,
        home=home,
        systemctl=systemctl,
        crontab=find_on_path("crontab", usable) or "",
        launchctl=(find_on_path("launchctl", usable) or "") if is_mac else "",
        unit_folder=environ.get("SYSTEMD_UNIT_PATH", "").split(":")[0] or units,
        unit_path=environ.get("SYSTEMD_UNIT_PATH", ""),
        agent_folder="/Library/LaunchDaemons" if uid == 0 else os.path.join(home, "Library", "LaunchAgents"),
        runtime_folder=runtime,
        has_systemd=bool(systemctl) and os.path.isdir(_BOOTED) and listens,
    )


def unit_paths(tools: TimerTools, name: str) -> tuple[str, str]:
    """The service and the timer of systemd."""
    return os.path.join(tools.unit_folder, f"{name}.service"), os.path.join(tools.unit_folder, f"{name}.timer")


def agent_path(tools: TimerTools, name: str) -> str:
    """The file of launchd."""
    return os.path.join(tools.agent_folder, f"{name}.plist")


def installed_timers(tools: TimerTools, name: str) -> tuple[InstalledTimer, ...]:
    """The timers of pyman's own that are there, of every kind."""
    found = []
    paths = unit_paths(tools, name)
    mark = _own_mark(paths[1], name)
    if mark is not None:
        wanted = os.path.join(tools.unit_folder, "timers.target.wants", os.path.basename(paths[1]))
        found.append(InstalledTimer(SYSTEMD, *mark, os.path.lexists(wanted), paths))
    path = agent_path(tools, name)
    mark = _own_mark(path, name)
    if mark is not None:
        found.append(InstalledTimer(LAUNCHD, *mark, bool(tools.launchctl), (path,)))
    mark = _line_mark(tools, name) if tools.crontab else None
    if mark is not None:
        found.append(InstalledTimer(CRON, *mark, is_active=True, paths=(CRONTAB,)))
    return tuple(found)


def _line_mark(tools: TimerTools, name: str) -> tuple[When, bool] | None:
    try:
        lines = _crontab(tools).splitlines()
    except PymanError:
        return None  # Whoever may not have a crontab has no line in it.
    return next(filter(None, (read_mark(line, name) for line in lines if not line.startswith("#"))), None)


def names_that_start(tools: TimerTools, program: str) -> tuple[str, ...]:
    """The names of pyman's own timers, of whatever store, that start a program."""
    found = set()
    for folder in (tools.unit_folder, tools.agent_folder):
        for entry in _entries(folder):
            name, dot, _ = entry.rpartition(".")
            path = os.path.join(folder, entry)
            if (
                dot
                and is_schedule_name(name)
                and _own_mark(path, name) is not None
                and starts(read_own_text(path), program)
            ):
                found.add(name)
    lines: list[str] = []
    if tools.crontab:
        try:
            lines = _crontab(tools).splitlines()
        except PymanError:
            pass  # Whoever may not have a crontab has no line in it.
    for line in lines:
        name = marked_name(line) if not line.startswith("#") and starts(line, program) else ""
        found |= {name} if is_schedule_name(name) else set()
    return tuple(sorted(found))


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _own_mark(path: str, name: str) -> tuple[When, bool] | None:
    try:
        return None if os.path.islink(path) else read_mark(read_own_text(path), name)
    except OSError:
        return None


def limits_here(tools: TimerTools, kind: Kind) -> list[str]:
    """When a timer of a kind does not run on this machine, a sentence each."""
    lingers = kind == SYSTEMD and os.path.exists(os.path.join(_LINGER, user_of(tools.uid)))
    return limits_of(
        kind, for_machine=tools.for_machine, lingers=lingers, has_daemon=kind != CRON or _runs(_CRON_DAEMONS)
    )


def _runs(names: tuple[str, ...]) -> bool:
    """Whether a process of such a name runs; True where the system does not tell."""
    try:
        numbers = [entry for entry in os.listdir("/proc") if entry.isdigit()]
    except OSError:
        return True
    for number in numbers:
        try:
            if _read_name(f"/proc/{number}/comm").strip() in names:
                return True
        except OSError:
            continue  # It has just ended.
    return not numbers


def _read_name(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(64)


def user_of(uid: int) -> str:
    """The name of a user, or the number of one who has none."""
    from pyman.effects.machine import user_name

    return user_name(uid) or str(uid)


# Putting timers in place, and taking them away.


def refuse_what_is_in_the_way(tools: TimerTools, name: str, kind: Kind) -> None:
    """Raise PymanError where a timer cannot be put in place: another's file is there, or a crontab cannot be read."""
    if kind == CRON:
        _crontab(tools)
        return
    for path in unit_paths(tools, name) if kind == SYSTEMD else (agent_path(tools, name),):
        _present(path, name)


def install_units(tools: TimerTools, name: str, service: str, timer: str) -> None:
    """Have systemd run a service by a timer. Raises PymanError where that is not possible; nothing has changed then."""
    paths = unit_paths(tools, name)
    _install_files(
        tools, name, dict(zip(paths, (service, timer), strict=True)), lambda: _enable(tools, os.path.basename(paths[1]))
    )


def install_agent(tools: TimerTools, name: str, plist: str) -> None:
    """Have launchd run an agent. Raises PymanError where that is not possible; nothing has changed then."""
    path = agent_path(tools, name)

    def load() -> None:
        _call(tools, [tools.launchctl, "bootout", f"{_domain(tools)}/{name}"], may_fail=True)
        _call(tools, [tools.launchctl, "bootstrap", _domain(tools), path])

    _install_files(tools, name, {path: plist}, load)


def _domain(tools: TimerTools) -> str:
    return "system" if tools.for_machine else f"gui/{tools.uid}"


def _install_files(tools: TimerTools, name: str, texts: Mapping[str, str], activate: Callable[[], None]) -> None:
    before = {path: _present(path, name) for path in texts}
    folder = os.path.dirname(next(iter(texts)))
    if folder.startswith(f"{NO_HOME}/"):
        raise PymanError("there is no home folder to put a timer into", hint="set HOME", code=NO_TIMER)
    try:
        with DeferredSignals():
            make_folder(folder)
            try:
                for path, text in texts.items():
                    replace_file(path, text.encode(), _PRIVATE)
                activate()
            except BaseException:
                for path, text_before in before.items():
                    _put_back(path, text_before)
                if tools.systemctl and any(path.endswith(".timer") for path in texts):
                    _systemctl(tools, "daemon-reload", may_fail=True)
                raise
            committed()
    except OSError as error:
        raise cannot_write(folder, error) from error


def _present(path: str, name: str) -> str | None:
    """The text of pyman's own file in a place, None where nothing is there.

    Raises Refused for anybody else's, and PymanError where that cannot be told.
    """
    text = ""
    try:
        status = status_of(path)
        if status is None:
            return None
        if not stat.S_ISLNK(status.st_mode):
            text = read_own_text(path)
    except NotReadable:
        pass  # Not a file of ours.
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PymanError(f"{path} cannot be read: {reason}", hint="move away what is in its place") from error
    if read_mark(text, name) is None:
        raise Refused(
            f"{path} was not written by `pyman schedule`, and was left alone",
            hint="move it away, or use another timer with `--with`",
            code=NOT_OURS,
        )
    return text


def _is_own(path: str, name: str) -> bool:
    """True for a file of pyman's own. Raises PymanError where that cannot be told."""
    try:
        return _present(path, name) is not None
    except Refused:
        return False


def _put_back(path: str, text: str | None) -> None:
    try:
        if text is None:
            os.unlink(path)
        else:
            replace_file(path, text.encode("utf-8", "surrogateescape"), _PRIVATE)
    except OSError:
        pass  # The failure that led here is the one to tell.


def install_line(tools: TimerTools, name: str, line: str) -> None:
    """Put a line into the user's crontab. Raises PymanError where that is not possible; nothing has changed then."""
    _write_crontab(tools, with_line(_crontab(tools), line, name))


def remove_timer(tools: TimerTools, name: str, timer: InstalledTimer) -> None:
    """Take a timer of pyman's own away. Raises PymanError where that is not possible."""
    if timer.kind == CRON:
        _write_crontab(tools, without_line(_crontab(tools), name))
        return
    own = [path for path in timer.paths if _is_own(path, name)]
    with DeferredSignals():
        if timer.kind == SYSTEMD and tools.systemctl:
            _systemctl(tools, "disable", "--now", f"{name}.timer", may_fail=not tools.has_systemd)
        elif timer.kind == LAUNCHD and tools.launchctl:
            _call(tools, [tools.launchctl, "bootout", f"{_domain(tools)}/{name}"], may_fail=True)
        for path in own:
            try:
                os.unlink(path)
            except OSError as error:
                raise cannot_write(path, error) from error
        if timer.kind == SYSTEMD and tools.systemctl:
            _systemctl(tools, "daemon-reload", may_fail=True)
        committed()


def _enable(tools: TimerTools, timer: str) -> None:
    _systemctl(tools, "daemon-reload")
    _systemctl(tools, "enable", "--now", timer)


def _systemctl(tools: TimerTools, *words: str, may_fail: bool = False) -> None:
    own = () if tools.for_machine else ("--user",)
    _call(tools, [tools.systemctl, *own, *words], may_fail=may_fail)


def _crontab(tools: TimerTools) -> str:
    """The user's crontab, empty where there is none.

    Raises PymanError where it cannot be read: it must not be replaced then.
    """
    import subprocess

    try:
        answer = subprocess.run(
            [tools.crontab, "-l"], check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ANSWER_SECONDS,
            env=_environment(tools), cwd="/",
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise _unreadable(str(error)) from error
    if answer.returncode == 0:
        return answer.stdout.decode("utf-8", "surrogateescape")
    complaint = answer.stderr.decode("utf-8", "replace").strip()
    if answer.stdout or not any(words in complaint for words in _NO_CRONTAB):
        raise _unreadable(complaint)
    return ""


def _unreadable(why: str) -> PymanError:
    return PymanError(
        f"the crontab of this user cannot be read, and was left as it is: {why or 'no reason given'}",
        hint="see `crontab -l`",
        code=NO_TIMER,
    )


def _write_crontab(tools: TimerTools, text: str) -> None:
    with DeferredSignals():
        _call(tools, [tools.crontab, "-"], text.encode("utf-8", "surrogateescape"))
        committed()


def _call(tools: TimerTools, command: list[str], text: bytes = b"", *, may_fail: bool = False) -> None:
    import subprocess

    try:
        answer = subprocess.run(
            command,
            check=False,
            input=text,
            capture_output=True,
            timeout=_ANSWER_SECONDS,
            env=_environment(tools),
            cwd="/",
        )
    except (OSError, subprocess.SubprocessError) as error:
        if may_fail:
            return
        raise PymanError(f"{command[0]} cannot be run: {error}", hint="check that it works", code=NO_TIMER) from error
    if answer.returncode and not may_fail:
        said = (answer.stderr or answer.stdout).decode("utf-8", "replace").strip().splitlines()
        called = " ".join(os.path.basename(word) for word in command[:4])
        raise PymanError(
            f"`{called}` failed: {said[0] if said else 'no reason given'}",
            hint="`--with` chooses another timer: systemd, launchd or cron",
            code=NO_TIMER,
        )


def _environment(tools: TimerTools) -> dict[str, str]:
    """What these programs need: the user's own systemd is found by its folder."""
    found = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "HOME": tools.home}
    if tools.unit_path:
        found["SYSTEMD_UNIT_PATH"] = tools.unit_path
    if not tools.for_machine:
        found["XDG_RUNTIME_DIR"] = tools.runtime_folder
    return found
