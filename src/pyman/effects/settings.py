"""`config.toml`: what the user set once and for all. Asked for by the few commands that have a setting.

Import-light.
"""

from __future__ import annotations

import os

from pyman.core.escape import as_word
from pyman.core.immutable import record, replace
from pyman.core.seeding import AUTO, LINK_MODES
from pyman.core.toml_text import NotToml, parse_toml
from pyman.effects.files import WritableByOthers, read_own_text
from pyman.effects.system_settings import SystemSettings, read_system_settings
from pyman.errors import BAD_SETTINGS, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from pyman.core.trials import Trial
    from pyman.effects.places import Places

KEYS = ("mirror", "folders", "offline", "link-mode", "ignore", "notices", "move-running", "advisories-url", "trial")
_HINT = "fix or delete it"
_SWITCHES = {"offline": False, "notices": True, "move-running": False}


@record
class Settings:
    """The settings file; every field is optional. What they say of themselves is docs/reference/settings.md, too."""

    mirror: str | None = None
    """A folder or URL with an `index.ndjson`, used instead of upstream."""
    folders: tuple[str, ...] | None = None
    """A list of folders to search for venvs, instead of the home folder; `[]` turns the search off."""
    link_mode: str = AUTO
    """How files of the cache get into new venvs: `auto` clones or hard-links them where that is possible and safe (for
    root it never hard-links), `copy` always copies."""
    ignore: tuple[str, ...] = ()
    """A list of findings to accept, `CODE` or `CODE PATH` each: `doctor` counts them, but neither shows nor
    repairs them."""
    offline: bool = False
    """`true` forbids the network, unless `PYMAN_OFFLINE` says otherwise."""
    notices: bool = True
    """`false` turns off the line that an interactive shell shows after a scheduled run that left something to do."""
    move_running: bool = False
    """`true` lets scheduled runs also move aliases that running processes use."""
    advisories_url: str | None = None
    """Where a newer table of advisories is: a web address, or the path of a file."""
    trial: tuple[Trial, ...] = ()
    """Tables `[[trial]]` with `folder` and `command`: a command to run in that folder before an alias moves, on either
    release; a venv in which it fails on the new one alone is held back."""


def read_settings(places: Places) -> Settings:
    """Read the user's settings, and those of the system where the user's say nothing.

    Raises PymanError that names the file where one of them cannot be understood.
    """
    own, system = _read_own_settings(places), read_system_settings(places.system_config)
    if system == SystemSettings():
        return own[0]
    settings, keys = own
    return replace(
        settings,
        mirror=settings.mirror if "mirror" in keys else system.mirror,
        folders=settings.folders if "folders" in keys else system.folders,
        offline=settings.offline if "offline" in keys else bool(system.offline),
    )


def _read_own_settings(places: Places) -> tuple[Settings, Collection[str]]:
    """The user's settings, and which are set; without a file everything is as it comes.

    A file in the usual place that this user may not look at is as none: a service has the home of another user, or
    one that it may not enter. Raises PymanError that names the file where it cannot be understood.
    """
    path = places.config
    try:
        text = read_own_text(path)
    except (FileNotFoundError, NotADirectoryError):
        return Settings(), ()
    except OSError as error:
        if isinstance(error, PermissionError) and not places.config_is_named:
            return Settings(), ()
        hint = f"run `chmod go-w {as_word(path)}`" if isinstance(error, WritableByOthers) else _HINT
        raise _refused(path, (error.strerror or str(error)).lower(), hint) from None
    try:
        table = parse_toml(text)
    except NotToml as error:
        raise _refused(path, str(error)) from None
    unknown = [key for key in table if key not in KEYS]
    if unknown:
        raise _refused(
            path, f"unknown setting `{unknown[0]}`; the settings are {', '.join(f'`{key}`' for key in KEYS)}"
        )
    mirror, folders = table.get("mirror"), table.get("folders")
    if mirror is not None and not _is_text(mirror):
        raise _refused(path, "`mirror` must be a string")
    if folders is not None and (not isinstance(folders, list) or not all(map(_is_text, folders))):
        raise _refused(path, "`folders` must be a list of strings")
    ignore = table.get("ignore", [])
    if not isinstance(ignore, list) or not all(map(_is_text, ignore)):
        raise _refused(path, "`ignore` must be a list of strings")
    link_mode = table.get("link-mode", AUTO)
    if link_mode not in LINK_MODES:
        raise _refused(path, f"`link-mode` must be {' or '.join(f'`{mode}`' for mode in LINK_MODES)}")
    switches = {key: table.get(key, usual) for key, usual in _SWITCHES.items()}
    wrong = next((key for key, value in switches.items() if not isinstance(value, bool)), None)
    if wrong is not None:
        raise _refused(path, f"`{wrong}` must be `true` or `false`")
    advisories = table.get("advisories-url")
    if advisories is not None and not _is_text(advisories):
        raise _refused(path, "`advisories-url` must be a string")
    folders = tuple(folders) if folders is not None else None
    settings = Settings(
        mirror=mirror or None,
        folders=folders,
        link_mode=link_mode,
        ignore=tuple(ignore),
        offline=switches["offline"],
        notices=switches["notices"],
        move_running=switches["move-running"],
        advisories_url=advisories or None,
        trial=_trials(path, table, places.home),
    )
    return settings, table.keys()


def _trials(path: str, table: dict[str, Any], home: str) -> tuple[Trial, ...]:
    tables = table.get("trial", [])
    if not isinstance(tables, list):
        raise _refused(path, "`trial` must be a list of tables, `[[trial]]`")
    if not tables:
        return ()
    from pyman.core.trials import IMPORTS, Trial, split_command

    found = []
    for one in tables:
        if not isinstance(one, dict) or set(one) != {"folder", "command"} or not all(map(_is_text, one.values())):
            raise _refused(path, "each `[[trial]]` needs `folder` and `command`")
        folder = one["folder"]
        if folder == "~" or folder.startswith("~/"):
            folder = home + folder[1:]
        if not os.path.isabs(folder):
            raise _refused(path, f"`folder` of `[[trial]]` must be an absolute path, and is `{one['folder']}`")
        try:
            if one["command"] != IMPORTS:
                split_command(one["command"])
        except PymanError as error:
            raise _refused(path, error.message) from error
        found.append(Trial(one["command"], os.path.normpath(folder)))
    return tuple(found)


def read_link_mode(places: Places) -> str:
    """Read this one setting, and parse no file that does not name it: that would take a third of a new venv's time.

    Raises PymanError as `read_settings` does.
    """
    try:
        if "link-mode" not in read_own_text(places.config):
            return AUTO
    except OSError:
        return AUTO  # Not there, not ours to read, or none that counts: commands that need it say so.
    return _read_own_settings(places)[0].link_mode


def is_offline(places: Places) -> bool:
    """True where `PYMAN_OFFLINE` forbids the network, or the settings do and it says nothing.

    Settings that cannot be understood are refused by the commands that need them.
    """
    named = places.environ.get("PYMAN_OFFLINE", "")
    if named:
        return named != "0"
    try:
        if "offline" in read_own_text(places.config):
            return read_settings(places).offline
    except (OSError, PymanError):
        pass
    try:
        return bool(read_system_settings(places.system_config).offline)
    except PymanError:
        return False


def _is_text(value: object) -> bool:
    """True for what can name something: a NUL no system takes."""
    return isinstance(value, str) and "\0" not in value


def _refused(path: str, why: str, hint: str = _HINT) -> PymanError:
    return PymanError(f"{path} cannot be used: {why}", hint=hint, code=BAD_SETTINGS)
