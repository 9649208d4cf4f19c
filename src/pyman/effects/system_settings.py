"""`/etc/pyman/config.toml`: what the administrator set for the whole machine (design.md 3).

The user's own settings and the environment go before it. Import-light.
"""

from __future__ import annotations

import os
import stat

from pyman.core.immutable import record
from pyman.effects.files import open_to_read, read_descriptor
from pyman.effects.places import SYSTEM_CONFIG
from pyman.errors import BAD_SETTINGS, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = ("system-root", "mirror", "folders", "offline")
_LARGEST = 1 << 16


@record
class SystemSettings:
    """The system's settings; every field is optional."""

    root: str = ""
    """The store for all users."""
    mirror: str | None = None
    folders: tuple[str, ...] | None = None
    offline: bool | None = None


def read_system_settings(path: str) -> SystemSettings:
    """Read the system's settings. A file that is not root's, or that others may write, is as none.

    Raises PymanError that names the file where it counts and cannot be understood.
    """
    try:
        descriptor = open_to_read(path)
    except OSError:
        return SystemSettings()
    try:
        if not _is_roots(os.fstat(descriptor)) or (
            path == SYSTEM_CONFIG and not _is_roots(os.stat(os.path.dirname(path)))
        ):
            return SystemSettings()
        content = read_descriptor(descriptor, path, _LARGEST)
    except OSError as error:
        raise _refused(path, (error.strerror or str(error)).lower()) from None
    finally:
        os.close(descriptor)
    return _parsed(path, content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape"))


def _is_roots(status: os.stat_result) -> bool:
    """True for what belongs to root, and nobody else may write."""
    return status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _parsed(path: str, text: str) -> SystemSettings:
    table = _plain(text)
    if table is None:
        from pyman.core.toml_text import NotToml, parse_toml

        try:
            table = parse_toml(text)
        except NotToml as error:
            raise _refused(path, str(error)) from None
    unknown = next((key for key in table if key not in KEYS), None)
    if unknown is not None:
        raise _refused(path, f"there is no setting `{unknown}`; there are {' and '.join(f'`{key}`' for key in KEYS)}")
    root = _text(path, table, "system-root") or ""
    if root and (not os.path.isabs(root) or "\n" in root):
        raise _refused(path, "`system-root` is not an absolute path")
    folders, offline = table.get("folders"), table.get("offline")
    if folders is not None and (not isinstance(folders, list) or not all(map(_is_text, folders))):
        raise _refused(path, "`folders` must be a list of strings")
    if offline is not None and not isinstance(offline, bool):
        raise _refused(path, "`offline` must be `true` or `false`")
    mirror = _text(path, table, "mirror") or None
    normal = os.path.normpath(root) if root else ""
    return SystemSettings(normal, mirror, None if folders is None else tuple(folders), offline)


def _plain(text: str) -> dict[str, object] | None:
    """The settings in a file of plain lines, as most are; None for any other, which the parser of TOML reads.

    The fast commands read these settings too, and importing that one takes as long as half of their start.
    """
    table: dict[str, object] = {}
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.isascii() or not line.isprintable():
            return None
        key, _, value = (word.strip() for word in line.partition("="))
        if not line.strip() or line.strip().startswith("#"):
            continue
        if key not in KEYS or key in table:
            return None
        if value in ("true", "false"):
            table[key] = value == "true"
        elif value.startswith("[") and value.endswith("]"):
            words = [word.strip() for word in value[1:-1].split(",")]
            if not all(map(_is_plain_text, words)):
                return None
            table[key] = [word[1:-1] for word in words]
        elif _is_plain_text(value):
            table[key] = value[1:-1]
        else:
            return None
    return table


def _is_plain_text(value: str) -> bool:
    """True for a string in quotes with nothing in it that TOML might read as something else."""
    return len(value) > 1 and value[0] == value[-1] == '"' and value.count('"') == 2 and "\\" not in value


def _text(path: str, table: Mapping[str, object], key: str) -> str | None:
    value = table.get(key)
    if value is None or _is_text(value):
        assert value is None or isinstance(value, str)
        return value
    raise _refused(path, f"`{key}` must be a string")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _refused(path: str, why: str) -> PymanError:
    return PymanError(f"{path} cannot be used: {why}", hint="the administrator can fix it", code=BAD_SETTINGS)
