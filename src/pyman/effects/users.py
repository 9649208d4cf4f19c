"""The users of this machine, and the output of a program that runs as one of them (design.md 15).

What a user's part needs is done by a process that has become that user, so that nothing of root's can be made to read,
write or run anything for it. Its answer is anybody's text: limited here in time and size, and believed nowhere.
Import-light.
"""

from __future__ import annotations

import os
import sys

from pyman.core.immutable import record
from pyman.effects.files import read_text
from pyman.effects.interruption import DeferredSignals, defer_signals
from pyman.errors import PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd
    import subprocess
    import threading
    from collections.abc import Iterator

    from pyman.effects.mounts import Mounts

LOGIN_DEFS = "/etc/login.defs"
_FIRST_USER, _FIRST_USER_ON_MACOS = 1000, 501
"""The lowest number that a person's account gets where nothing else is set."""
_FIRST_USERS: dict[str, int] = {}
_NOBODY = (65534, 0xFFFFFFFE)  # the second is what macOS calls so
_SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
_LOOK = 0.25  # seconds between looks at whether this process is to end
_ENDING_SECONDS = 2.0  # seconds for a process that was killed; one that hangs in the kernel is left to it
_START = "import sys; sys.path.insert(0, {}); from pyman.__main__ import main; sys.exit(main())"


@record
class User:
    """Somebody who has an account here."""

    name: str
    uid: int
    gid: int
    home: str


class NotAnswered(Exception):
    """A user's part that could not be done; its text says why."""


def other_users() -> tuple[User, ...]:
    """Everybody but root who may have venvs: those that passwd lists, and the owners of the folders beside their homes.

    Accounts of the system are among them where they have a store. Nothing on a network is looked at.
    """
    import pwd

    from pyman.effects.mounts import Mounts

    mounts = Mounts()
    listed = pwd.getpwall()
    people = [user for user in listed if is_person(user)]
    found = {user.pw_uid: user for user in reversed(listed) if is_person(user) or _has_store(user, mounts)}
    for folder in sorted({os.path.dirname(os.path.normpath(user.pw_dir)) for user in people} - {"/", ""}):
        for user in () if mounts.leads_away(folder) else _owners_in(folder):
            found.setdefault(user.pw_uid, user)
    found.pop(0, None)
    users = (User(user.pw_name, user.pw_uid, user.pw_gid, user.pw_dir) for user in found.values())
    return tuple(sorted((user for user in users if os.path.isabs(user.home)), key=lambda user: user.name))


def is_person(user: pwd.struct_passwd) -> bool:
    """False for an account that nobody logs in to."""
    return has_persons_number(user) and os.path.basename(user.pw_shell) not in ("nologin", "false")


def has_persons_number(user: pwd.struct_passwd) -> bool:
    """False for the numbers that a system gives its own accounts, and for nobody's."""
    first = _FIRST_USER_ON_MACOS if sys.platform == "darwin" else _first_user(LOGIN_DEFS)
    return user.pw_uid >= first and user.pw_uid not in _NOBODY


def _first_user(path: str) -> int:
    """`UID_MIN` of a login.defs(5), read once; what most systems have where that says nothing."""
    if path not in _FIRST_USERS:
        _FIRST_USERS[path] = _read_first_user(path)
    return _FIRST_USERS[path]


def _read_first_user(path: str) -> int:
    try:
        lines = read_text(path).splitlines()
    except OSError:
        return _FIRST_USER
    named = (line.split() for line in lines)
    values = [words[1] for words in named if len(words) > 1 and words[0] == "UID_MIN"]
    # The last one counts; numbers of users have at most ten digits.
    value = values[-1] if values else ""
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= 10 else _FIRST_USER


def _has_store(user: pwd.struct_passwd, mounts: Mounts) -> bool:
    store = os.path.join(user.pw_dir, ".local", "share", "pyman")
    return not mounts.leads_away(store) and os.path.isdir(store)


def _owners_in(folder: str) -> Iterator[pwd.struct_passwd]:
    """The owners of folders that are their homes: a directory service does not enumerate its users, as a rule."""
    import pwd

    try:
        with os.scandir(folder) as entries:
            owners = {entry.path: entry.stat(follow_symlinks=False).st_uid for entry in entries}
    except OSError:
        return
    for path, uid in sorted(owners.items()):
        try:
            user = pwd.getpwuid(uid)
        except (KeyError, OverflowError):
            continue
        if is_person(user) and os.path.normpath(user.pw_dir) == path:
            yield user


def pyman_for_users() -> list[str]:
    """The start of a command that runs this pyman as another user.

    Raises Refused where not everybody may read it and its Python.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for path in (sys.executable, os.__file__, f"{package}/__main__.py"):
        hidden = _hidden_part(path) or _hidden_part(os.path.realpath(path))
        if hidden:
            raise Refused(
                f"other users cannot read {hidden}, where this pyman is installed",
                hint="install it for all users, with `sudo ./install.sh --system`",
            )
    return [sys.executable, "-I", "-c", _START.format(repr(os.path.dirname(package)))]


def _hidden_part(path: str) -> str:
    """The part of a path that not everybody may read; empty where there is none."""
    needed = 0o004
    while True:
        try:
            if os.stat(path).st_mode & needed != needed:
                return path
        except OSError:
            return path
        if path == os.path.dirname(path):
            return ""
        path, needed = os.path.dirname(path), 0o001


def answer_as(user: User, command: list[str], seconds: float, largest: int, ending: threading.Event) -> bytes:
    """What a program prints that runs as another user, in an environment, a session and with groups of that user.

    It may take so many seconds and print so many bytes; neither it nor what it started in its session runs any more
    afterwards. Raises NotAnswered, also when `ending` is set.
    """
    import subprocess

    if ending.is_set():
        raise NotAnswered("interrupted")
    try:
        with DeferredSignals():
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(user),
                cwd="/",
                user=user.uid,
                group=user.gid,
                extra_groups=os.getgrouplist(user.name, user.gid),
                umask=0o022,
                start_new_session=True,
                close_fds=True,
            )
    except (OSError, PymanError, subprocess.SubprocessError) as error:
        raise NotAnswered(f"pyman could not be started as this user: {error}") from error
    try:
        return _read(process, seconds, largest, ending)
    finally:
        _end(process)


def _environment(user: User) -> dict[str, str]:
    return {
        "HOME": user.home,
        "USER": user.name,
        "LOGNAME": user.name,
        "PATH": _SEARCH_PATH,
        "LANG": "C.UTF-8",
        "PWD": "/",
    }


def _read(process: subprocess.Popen[bytes], seconds: float, largest: int, ending: threading.Event) -> bytes:
    import selectors
    import time

    assert process.stdout is not None
    source, kept = process.stdout.fileno(), bytearray()
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        while True:
            if ending.is_set():
                raise NotAnswered("interrupted")
            if time.monotonic() > deadline:
                raise NotAnswered(f"no answer within {seconds:g} seconds")
            if not selector.select(_LOOK):
                # Its last words may have come after that look; what it left behind may hold its output open for ever.
                if _has_ended(process.pid) and not selector.select(0):
                    return bytes(kept)
                continue
            piece = os.read(source, 1 << 16)
            if not piece:
                return bytes(kept)
            kept += piece
            if len(kept) > largest:
                raise NotAnswered(f"the answer has more than {largest} bytes")


def _has_ended(pid: int) -> bool:
    """True for a child that has ended; its status stays to be asked for. macOS tells it from Python 3.13 on."""
    if not hasattr(os, "waitid"):
        return False
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@defer_signals
def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and its session. Nobody has asked for its status, so its number is still its own."""
    import signal
    import subprocess

    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass  # it has just ended on its own
    if process.stdout is not None:
        process.stdout.close()
    try:
        process.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        pass
