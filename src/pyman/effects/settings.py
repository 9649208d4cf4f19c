"""`config.toml`: what the user set once and for all. Asked for by the few commands that have a setting.

Import-light.
"""

from __future__ import annotations

from pyman.core.record import record
from pyman.core.seeding import AUTO, LINK_MODES
from pyman.core.toml_text import NotToml, parse_toml
from pyman.effects.files import read_own_text
from pyman.errors import BAD_SETTINGS, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.effects.places import Places

KEYS = ("mirror", "folders", "link-mode", "ignore")


@record
class Settings:
    """The settings file; every field is optional."""

    mirror: str | None = None
    """A folder or URL with an `index.ndjson`."""
    folders: tuple[str, ...] | None = None
    """Folders to search for venvs; None where the home folder is."""
    link_mode: str = AUTO
    """One of LINK_MODES: how files of the cache get into venvs."""
    ignore: tuple[str, ...] = ()
    """Findings that the user accepts: `CODE` or `CODE PATH` each (core/diagnosis/ignore.py)."""


def read_settings(places: Places) -> Settings:
    """Read the settings; without a file everything is as it comes.

    A file in the usual place that this user may not look at is as none: a service has the home of another user, or
    one that it may not enter. Raises PymanError that names the file where it cannot be understood.
    """
    path = places.config
    try:
        text = read_own_text(path)
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    except OSError as error:
        if isinstance(error, PermissionError) and not places.config_is_named:
            return Settings()
        raise _refused(path, (error.strerror or str(error)).lower()) from None
    try:
        table = parse_toml(text)
    except NotToml as error:
        raise _refused(path, str(error)) from None
    unknown = [key for key in table if key not in KEYS]
    if unknown:
        raise _refused(
            path, f"there is no setting `{unknown[0]}`; there are {' and '.join(f'`{key}`' for key in KEYS)}"
        )
    mirror, folders = table.get("mirror"), table.get("folders")
    if mirror is not None and not _is_text(mirror):
        raise _refused(path, "`mirror` is no text")
    if folders is not None and (not isinstance(folders, list) or not all(map(_is_text, folders))):
        raise _refused(path, "`folders` is no list of texts")
    ignore = table.get("ignore", [])
    if not isinstance(ignore, list) or not all(map(_is_text, ignore)):
        raise _refused(path, "`ignore` is no list of texts")
    link_mode = table.get("link-mode", AUTO)
    if link_mode not in LINK_MODES:
        raise _refused(path, f"`link-mode` must be {' or '.join(f'`{mode}`' for mode in LINK_MODES)}")
    return Settings(mirror or None, tuple(folders) if folders is not None else None, link_mode, tuple(ignore))


def read_link_mode(places: Places) -> str:
    """Read this one setting, and parse no file that does not name it: that would take a third of a new venv's time.

    Raises PymanError as `read_settings` does.
    """
    try:
        if "link-mode" not in read_own_text(places.config):
            return AUTO
    except OSError:
        return AUTO  # Not there, not ours to read, or none that counts: commands that need it say so.
    return read_settings(places).link_mode


def _is_text(value: object) -> bool:
    """True for what can name something: a NUL no system takes."""
    return isinstance(value, str) and "\0" not in value


def _refused(path: str, why: str) -> PymanError:
    return PymanError(f"{path} cannot be used: {why}", hint="mend it, or remove it", code=BAD_SETTINGS)
