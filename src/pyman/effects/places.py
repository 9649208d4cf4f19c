"""Where everything lives: the environment is read here, once; and the files that are installed with pyman.

Import-light.
"""

from __future__ import annotations

import os
import stat
import sys

from pyman.core.escape import as_word
from pyman.core.immutable import derived, record
from pyman.errors import UNSAFE_FOLDER, DiskFull, PymanError, ReadOnly, Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyman.core.pythons_of_tools import ToolRoot

_EVERYBODYS = ("/tmp", "/var/tmp", "/dev/shm", "/private/tmp", "/private/var/tmp")  # noqa: S108  # nothing is put there
_CACHES = {"linux": ".cache", "darwin": "Library/Caches"}
"""The user's folder for caches, below the home."""
_ELSEWHERE = "choose another folder with PYMAN_ROOT and PYMAN_CACHE_DIR"
SYSTEM_CONFIG = "/etc/pyman/config.toml"
NO_HOME = "/dev/null"
"""The home of a user who has none: nothing can lie below it, and nobody, not even root, can put anything there."""


@record
class Places:
    """The folders of one user, all absolute; none of them need exist."""

    home: str
    """NO_HOME where the user has none."""
    root: str
    """The store: `PYMAN_ROOT`, `--root`, else `~/.local/share/pyman`."""
    cache: str
    """`PYMAN_CACHE_DIR`, else the user's cache folder. May be deleted at any time."""
    config: str
    """`PYMAN_CONFIG`, else `~/.config/pyman/config.toml`."""
    environ: Mapping[str, str] = {}  # nobody changes it
    """The environment: its variables say where tools keep their Pythons and their venvs."""

    @property
    def root_option(self) -> str:
        """`--root DIR` where a command needs it to act on this store; empty where it does so without."""
        usual = self.environ.get("PYMAN_ROOT") or _usual_root(self.home)
        return f"--root {as_word(self.root)}" if os.path.abspath(usual) != self.root else ""

    @property
    def config_is_named(self) -> bool:
        """True where the user named the settings file: one that cannot be read is an error then."""
        return bool(self.environ.get("PYMAN_CONFIG"))

    @property
    def system_config(self) -> str:
        """`PYMAN_SYSTEM_CONFIG`, which does not count for root, else `/etc/pyman/config.toml`."""
        named = self.environ.get("PYMAN_SYSTEM_CONFIG", "") if os.geteuid() != 0 else ""
        return os.path.abspath(named) if named else SYSTEM_CONFIG

    @derived
    def system_root(self) -> str:
        """The store for everybody, which lies beneath this one; empty where there is none, or this one is it.

        Raises PymanError where the system's settings cannot be understood, Refused where others may write that store.
        """
        root = self.named_system_root
        if not root or os.path.realpath(root) == os.path.realpath(self.root):
            return ""
        check_owner(root)
        check_owner(os.path.join(root, "runtimes"))
        return root

    @derived
    def named_system_root(self) -> str:
        """The store for everybody as the system's settings name it; empty where they do not. Raises as above."""
        if not os.path.exists(self.system_config):
            return ""  # As nearly everywhere: every start pays for this look, and for no more.
        from pyman.effects.system_settings import read_system_settings

        return read_system_settings(self.system_config).root

    @property
    def is_automated(self) -> bool:
        """True in continuous integration: nothing is searched unasked there, and nothing coloured."""
        return is_automated(self.environ)

    @property
    def keeps_running(self) -> bool:
        """True where an alias that running processes use stays where it is: in a scheduled run."""
        return self.environ.get("PYMAN_KEEP_RUNNING", "") not in ("", "0")

    @property
    def cwd(self) -> str:
        """The working directory as the user sees it; `/` where it is gone."""
        try:
            real = os.getcwd()
        except OSError:
            return "/"
        named = self.environ.get("PWD", "")
        try:
            if os.path.isabs(named) and os.path.samefile(named, real):
                return named  # With the links that led there.
        except OSError:
            pass
        return real

    @property
    def tool_roots(self) -> tuple[ToolRoot, ...]:
        """Where version managers keep their Pythons, by the environment and by default."""
        from pyman.core.pythons_of_tools import tool_roots

        return tool_roots(self.environ, self.home)

    @property
    def own_root(self) -> str:
        """The user's own store, whichever this one is."""
        return os.path.join(self.home, ".local", "share", "pyman")

    @property
    def runtimes(self) -> str:
        """The folder of runtimes and aliases."""
        return os.path.join(self.root, "runtimes")

    @property
    def venvs(self) -> str:
        """The folder of known venvs."""
        return os.path.join(self.root, "venvs")

    @property
    def shims(self) -> str:
        """The folder to put on PATH."""
        return os.path.join(self.root, "shims")

    @property
    def lock(self) -> str:
        """The lock that every change of the store holds for an instant."""
        return os.path.join(self.root, ".lock")


def read_places(environ: Mapping[str, str], root: str | None = None) -> Places:
    """Say where this user's things are.

    Raises UsageError where nothing names a store, or a name cannot be used.
    """
    home = _home(environ)
    chosen = root or environ.get("PYMAN_ROOT") or ""
    if not chosen:
        if home == NO_HOME:
            raise UsageError("there is no home folder", hint="set HOME or PYMAN_ROOT to an absolute path")
        chosen = _usual_root(home)
    if "\n" in chosen or "\0" in chosen:
        # A newline would end the `home` line of every pyvenv.cfg.
        raise UsageError("the store's folder has a line break in its name", hint="choose another PYMAN_ROOT")
    return Places(
        home=home,
        root=os.path.abspath(chosen),
        cache=os.path.abspath(environ.get("PYMAN_CACHE_DIR") or _user_cache(environ, home)),
        config=os.path.abspath(
            environ.get("PYMAN_CONFIG")
            or os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "pyman", "config.toml")
        ),
        environ=environ,
    )


def _usual_root(home: str) -> str:
    return os.path.join(home, ".local", "share", "pyman")


def _home(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME") or ""
    if not os.path.isabs(home):
        import pwd

        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            pass
    return home if os.path.isabs(home) else NO_HOME


def is_automated(environ: Mapping[str, str]) -> bool:
    """True where `CI` is set, as every service for continuous integration does."""
    return environ.get("CI", "").lower() not in ("", "0", "false")


def _user_cache(environ: Mapping[str, str], home: str) -> str:
    if sys.platform in _CACHES:
        # What platformdirs answers, without the 16 ms of importing it; a test holds the two together.
        base = environ.get("XDG_CACHE_HOME", "").strip()
        return os.path.join(base if os.path.isabs(base) else os.path.join(home, _CACHES[sys.platform]), "pyman")
    if home == NO_HOME:
        return os.path.join(home, "pyman")
    import platformdirs

    return platformdirs.user_cache_dir("pyman", appauthor=False)


def check_owner(folder: str) -> None:
    """Refuse a store or cache that somebody else could put an interpreter into.

    Raises Refused with the command that repairs it. A folder that is not there yet is fine.
    """
    try:
        status = os.stat(folder)
    except OSError:
        return
    if not stat.S_ISDIR(status.st_mode):
        raise Refused(f"{folder} is not a folder", hint="move it away, or choose another PYMAN_ROOT")
    if status.st_uid not in (0, os.geteuid()):
        raise Refused(
            f"{folder} belongs to another user, who could change what you run",
            hint=_ELSEWHERE,
            code=UNSAFE_FOLDER,
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        from pyman.core.escape import quote

        raise Refused(
            f"others may write to {folder}, and could change what you run",
            hint=_ELSEWHERE if os.path.realpath(folder) in _EVERYBODYS else f"run `chmod go-w {quote(folder)}`",
            code=UNSAFE_FOLDER,
        )


def make_folder(folder: str) -> None:
    """Create a folder, and those above it, that only the user may write to, whatever the umask says.

    Raises PymanError where that is not possible.
    """
    try:
        _make_folder(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _make_folder(folder: str) -> None:
    if os.path.isdir(folder):
        return
    above = os.path.dirname(folder)
    if above != folder:
        _make_folder(above)
    try:
        os.mkdir(folder, 0o755)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise


def cannot_write(path: str, error: OSError) -> PymanError:
    """The failure to report when the system refuses a change below `path`."""
    import errno

    if path.startswith(f"{NO_HOME}/"):
        return ReadOnly("there is no home folder to keep it in", hint="set HOME, or PYMAN_ROOT and PYMAN_CACHE_DIR")
    reason = (error.strerror or str(error)).lower()
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"the disk that holds {path} is full", hint="make room, then run the same command again")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return ReadOnly(
            f"{path} cannot be written: {reason}",
            hint="choose a folder that you can write to; PYMAN_ROOT sets the store's",
        )
    hint = "move away what is in its place"
    if error.errno == errno.ENOENT:
        hint = f"create the folder {os.path.dirname(path)}, or choose another one"
    return PymanError(f"{path} cannot be written: {reason}", hint=hint)


# The files that travel with pyman and are no Python: the shim, the completions, the activation scripts.


def shipped(*names: str) -> str:
    """Return the path of a file or folder that came with pyman: `shipped("shims", "python")`.

    It lies beside the package in a wheel, and at the top of a checkout. Raises PymanError where it is missing.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (package, os.path.dirname(os.path.dirname(package))):
        path = os.path.join(folder, *names)
        if os.path.exists(path):
            return path
    raise PymanError(
        f"{os.path.join(package, *names)} is missing, which is a part of pyman",
        hint="install pyman again, with install.sh",
    )
