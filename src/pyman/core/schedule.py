"""The texts that have a system run pyman's upkeep: units of systemd, an agent of launchd, a line of a crontab.

Each carries a mark that tells pyman's own from anybody else's, and when it runs. Values of variables, names of folders:
whatever is in them, the program gets it as it is.
"""

from __future__ import annotations

from pyman.core.escape import as_word, without_secrets
from pyman.core.immutable import record
from pyman.errors import UNSUPPORTED, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal

    When = Literal["daily", "weekly"]
    Kind = Literal["systemd", "launchd", "cron"]

DAILY: When = "daily"
WEEKLY: When = "weekly"
SYSTEMD: Kind = "systemd"
LAUNCHD: Kind = "launchd"
CRON: Kind = "cron"
CRONTAB = "crontab"
"""What stands for the user's crontab, which has no path."""

_MARK = "pyman-schedule:"
_NAME = "pyman-upkeep"
_DESCRIPTION = "Upgrade Pythons and check virtual environments (pyman)"
_DELAY = "2h"
LONGEST_LINE = 990
"""Bytes of a crontab line: Vixie's cron and its heirs take no command of 1,000."""

_PREFIX = "PYMAN_"
_NOT_CARRIED = ("PYMAN_PYTHON", "PYMAN_TRACEBACK", "PYMAN_KEEP_RUNNING")
"""Variables for one command."""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_CARRIED = frozenset(
    (
        *_PROXIES, *(name.upper() for name in _PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC",
        "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME",
        # Where tools keep their Pythons and their venvs.
        "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "UV_TOOL_DIR", "MISE_DATA_DIR", "MISE_CACHE_DIR", "ASDF_DATA_DIR",
        "RYE_HOME", "PIPX_HOME", "PIPX_GLOBAL_HOME", "WORKON_HOME", "POETRY_CONFIG_DIR", "POETRY_CACHE_DIR",
        "POETRY_VIRTUALENVS_PATH", "HATCH_DATA_DIR", "PRE_COMMIT_HOME",
    )
)  # fmt: skip
PATH = "PATH"


@record
class Schedule:
    """When and how a system is to run the upkeep of one store."""

    when: When
    fix: bool
    name: str
    """Of its units, its agent and its line: see `schedule_name`."""
    command: tuple[str, ...]
    """The program, an absolute path, and its words."""
    environment: tuple[tuple[str, str], ...]
    seed: int = 0
    """Spreads the machines over the hours where the system has no random delay of its own."""
    for_machine: bool = False
    """True for root: it runs whoever is logged in."""

    @property
    def moment(self) -> tuple[int, int]:
        """Hour and minute, at night."""
        return 1 + self.seed // 60 % 5, self.seed % 60


def schedule_name(number: int | None) -> str:
    """The name of a schedule: of the usual store, or of another one that has a number."""
    return _NAME if number is None else f"{_NAME}-{number:08x}"


def is_schedule_name(name: str) -> bool:
    """True for what `schedule_name` returns."""
    number = name.removeprefix(f"{_NAME}-")
    return name == _NAME or (name != number and len(number) == 8 and not number.strip("0123456789abcdef"))


def carried(environ: Mapping[str, str], places: Mapping[str, str]) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """The variables that a scheduled run gets, and the names of those that no timer can carry.

    `places` are what counts, whatever the environment says.
    """
    wanted = {
        name: value
        for name, value in environ.items()
        if (name.startswith(_PREFIX) and name not in _NOT_CARRIED) or name in _CARRIED or name == PATH
    }
    wanted |= places
    fit = {name: value for name, value in wanted.items() if is_plain(value) and name.replace("_", "").isalnum()}
    return tuple(sorted(fit.items())), sorted(wanted.keys() - fit.keys())


def is_plain(text: str) -> bool:
    """True for what every timer can carry: no line ends, no control characters, no bytes that are no text."""
    return text.isprintable()


def refuse_odd(paths: Iterable[str]) -> None:
    """Raise PymanError for paths that no timer can carry."""
    for path in paths:
        if not is_plain(path):
            raise PymanError(
                f"{path!r} contains characters that a timer file cannot contain",
                hint="choose another folder",
                code=UNSUPPORTED,
            )


def refuse_readable_passwords(schedule: Schedule, kind: Kind) -> None:
    """Raise PymanError for passwords that a timer would show to every user of the machine.

    The words of a command that cron starts are in the list of processes, and the system tells everybody what is in the
    environment of its own services.
    """
    if kind != CRON and not schedule.for_machine:
        return
    names = [name for name, value in schedule.environment if _holds_password(name, value)]
    if names:
        other = "" if schedule.for_machine else ", or use `--with systemd`"
        raise PymanError(
            f"{' and '.join(names)} {'contains' if len(names) == 1 else 'contain'} a password, which every user of this"
            f" machine could read in a timer of {kind}",
            hint="put the user name and password of the mirror into ~/.netrc, and remove them from the "
            f"variable{other}",
            code=UNSUPPORTED,
        )


def _holds_password(name: str, value: str) -> bool:
    # The address of a proxy needs no `http://`.
    return "@" in value if name.lower() in _PROXIES else without_secrets(value) != value


def _safe_command(schedule: Schedule) -> tuple[str, ...]:
    """The command; a program whose name a timer cannot begin with is started by a shell.

    systemd takes no quotes and backslashes there, and leaves `$` as it is; to `env`, `=` makes a variable.
    """
    if not any(letter in schedule.command[0] for letter in "='\"\\$"):
        return schedule.command
    return ("/bin/sh", "-c", 'exec "$0" "$@"', *schedule.command)


def _mark(schedule: Schedule) -> str:
    # Without hyphens in a row, which would end a comment of XML.
    return f"{_MARK} {schedule.name} {schedule.when}{' fix' if schedule.fix else ''}"


def _head(schedule: Schedule) -> str:
    return f"Written by `pyman schedule`; `pyman schedule off` removes it. {_mark(schedule)}"


def marked_name(line: str) -> str:
    """The name in the mark of a line; empty where there is none."""
    return next(iter(line.partition(_MARK)[2].split()), "")


def starts(text: str, program: str) -> bool:
    """True for a unit, an agent or a line that starts a program, and not one that is only called similarly."""
    from xml.sax.saxutils import escape

    in_unit = _unit_word(program).replace("$", "$$")
    return any(word in text for word in (in_unit, f"<string>{escape(program)}</string>", f" {_cron_word(program)} "))


def read_mark(text: str, name: str) -> tuple[When, bool] | None:
    """When a timer of this name runs and whether it repairs; None for a text that is not pyman's."""
    for line in text.splitlines():
        words = line.partition(_MARK)[2].split()
        if words[:1] == [name]:
            for when in (DAILY, WEEKLY):
                if words[1:2] == [when]:
                    return when, words[2:3] == ["fix"]
    return None


# systemd: a service and a timer. A timer that is Persistent makes up for what a machine slept through.


def service_unit(schedule: Schedule) -> str:
    """The text of NAME.service."""
    command = " ".join(_unit_word(word).replace("$", "$$") for word in _safe_command(schedule))
    lines = [f"# {_head(schedule)}", "[Unit]"]
    lines += [f"Description={_DESCRIPTION}"]
    if schedule.for_machine:
        lines += ["Wants=network-online.target", "After=network-online.target"]
    lines += ["", "[Service]", "Type=oneshot", "Nice=10", "IOSchedulingClass=idle"]
    lines += [f"Environment={_unit_word(f'{name}={value}')}" for name, value in schedule.environment]
    return "\n".join((*lines, f"ExecStart={command}", ""))


def timer_unit(schedule: Schedule) -> str:
    """The text of NAME.timer."""
    return "\n".join(
        (
            f"# {_head(schedule)}",
            "[Unit]",
            f"Description={_DESCRIPTION}",
            "",
            "[Timer]",
            f"OnCalendar={schedule.when}",
            "Persistent=true",
            f"RandomizedDelaySec={_DELAY}",
            "",
            "[Install]",
            "WantedBy=timers.target",
            "",
        )
    )


def _unit_word(text: str) -> str:
    """One word of a unit file: `%` begins a specifier there, also in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


# launchd: an agent of the user, or a daemon of root. What it missed while the machine slept it runs afterwards.


def launchd_plist(schedule: Schedule) -> str:
    """The text of NAME.plist."""
    import plistlib

    hour, minute = schedule.moment
    moment = {"Hour": hour, "Minute": minute} | ({"Weekday": 1} if schedule.when == WEEKLY else {})
    text = plistlib.dumps(
        {
            "Label": schedule.name,
            "ProgramArguments": list(schedule.command),
            "EnvironmentVariables": dict(schedule.environment),
            "StartCalendarInterval": moment,
            "ProcessType": "Background",
            "LowPriorityIO": True,
            "Nice": 10,
        },
        sort_keys=False,
    ).decode()
    head, plist, rest = text.partition("<plist")
    return f"{head}<!-- {_head(schedule)} -->\n{plist}{rest}"


# cron: one line, which leaves all others as they are.


def cron_line(schedule: Schedule) -> tuple[str, tuple[str, ...]]:
    """The line of a crontab, and the variables that it had no room for. Raises PymanError where nothing fits."""
    variables = schedule.environment
    line = _cron_line(schedule, variables)
    left_out: tuple[str, ...] = ()
    if len(line.encode()) > LONGEST_LINE:
        variables, left_out = tuple(one for one in variables if one[0] != PATH), (PATH,)
        line = _cron_line(schedule, variables)
    if len(line.encode()) > LONGEST_LINE:
        raise PymanError(
            f"the crontab line has {len(line.encode())} bytes, and cron accepts at most {LONGEST_LINE}",
            hint="unset what the schedule does not need: " + ", ".join(name for name, _ in variables),
            code=UNSUPPORTED,
        )
    return line, left_out


def _cron_line(schedule: Schedule, variables: Iterable[tuple[str, str]]) -> str:
    hour, minute = schedule.moment
    words = _safe_command(schedule)
    # With `env` the line means the same to every shell that a crontab may name in SHELL.
    each = " ".join(map(_cron_word, ("/usr/bin/env", *(f"{name}={value}" for name, value in variables), *words)))
    day = "1" if schedule.when == WEEKLY else "*"
    return f"{minute} {hour} * * {day} {each} # {_mark(schedule)}"


def _cron_word(text: str) -> str:
    """One word of a command in a crontab, where a plain `%` ends the command, also in quotes.

    Not every cron takes the backslash before it away again, so the shell is told to make one.
    """
    if not text:
        return "''"
    return "\"$(printf '\\045')\"".join(as_word(part) if part else "" for part in text.split("%"))


def limits_of(kind: Kind, *, for_machine: bool, lingers: bool, has_daemon: bool) -> list[str]:
    """When a timer of a kind does not run, a sentence each.

    `lingers` says that the user's systemd runs without a login, `has_daemon` that a cron daemon runs.
    """
    if kind == SYSTEMD:
        if for_machine or lingers:
            return []
        return ["it runs only while you are logged in; `loginctl enable-linger` lets it run always"]
    if kind == LAUNCHD:
        what_is_missed = "a run missed while the Mac sleeps starts when it wakes; one missed while it is off is skipped"
        return [what_is_missed] if for_machine else ["it runs only while you are logged in", what_is_missed]
    reasons = ["a run missed while the machine is off or asleep is skipped"]
    return reasons if has_daemon else ["no cron daemon runs here, so nothing is started", *reasons]


def without_line(crontab: str, name: str) -> str:
    """A crontab without pyman's line of this name; every other line stays as it is."""
    return "".join(
        line for line in crontab.splitlines(keepends=True) if line.startswith("#") or read_mark(line, name) is None
    )


def with_line(crontab: str, line: str, name: str) -> str:
    """A crontab with this line in the place of pyman's own."""
    rest = without_line(crontab, name)
    return f"{rest}{chr(10) if rest and not rest.endswith(chr(10)) else ''}{line}{chr(10)}"
