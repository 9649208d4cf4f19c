"""Releases of pyman itself: which one is the newest, and what updates or removes an installation of it."""

from __future__ import annotations

from pyman.core.escape import as_word
from pyman.core.immutable import record

PREFIX, SUFFIX = "pyman-", ".pyz"
SUMS = "SHA256SUMS"
"""The file beside the released ones, as `sha256sum` writes it."""

_DIGEST = 64
_DISTRIBUTION = "pyman-cli"
_COMMANDS = {
    "pipx": ("pipx upgrade pyman-cli", "pipx uninstall pyman-cli"),
    "uv tool": ("uv tool upgrade pyman-cli", "uv tool uninstall pyman-cli"),
    "conda": ("conda update pyman-cli", "conda remove pyman-cli"),
}


@record
class OwnRelease:
    """One release of pyman, as one file."""

    version: str
    name: str
    """The file's name beside SHA256SUMS."""
    sha256: str


def newest_release(sums: str, current: str) -> OwnRelease | None:
    """Return the newest release in a SHA256SUMS; None where nothing in it is newer than the current one.

    Pre-releases count only for who runs one. Lines that are not understood are left out.
    """
    from packaging.version import InvalidVersion, Version

    running = Version(current)
    best, best_version = None, running
    for line in sums.splitlines():
        sha256, _, name = line.partition(" ")
        name = name.lstrip(" *")
        if len(sha256) != _DIGEST or sha256.strip("0123456789abcdef") or "/" in name:
            continue
        if not (name.startswith(PREFIX) and name.endswith(SUFFIX)):
            continue
        try:
            version = Version(name.removeprefix(PREFIX).removesuffix(SUFFIX))
        except InvalidVersion:
            continue
        if version > best_version and (running.is_prerelease or not version.is_prerelease):
            best, best_version = OwnRelease(str(version), name, sha256), version
    return best


def installer_commands(by: str, python: str) -> tuple[str, str] | None:
    """Return the commands by which an installer updates and removes pyman; None where pyman knows of none.

    `python` is the interpreter that pyman was installed for.
    """
    if by == "pip":
        pip = f"{as_word(python)} -m pip"
        return f"{pip} install --upgrade {_DISTRIBUTION}", f"{pip} uninstall {_DISTRIBUTION}"
    if by == "uv":
        pip, whose = "uv pip", f"--python {as_word(python)}"
        return f"{pip} install {whose} --upgrade {_DISTRIBUTION}", f"{pip} uninstall {whose} {_DISTRIBUTION}"
    return _COMMANDS.get(by)


def python_command(by: str, minor: str, *, is_fetched: bool = False) -> str:
    """Return what puts pyman on another Python of this minor version, as a short phrase or a command.

    `is_fetched` says that install.sh downloaded the one that it runs on, for pyman alone.
    """
    if is_fetched:
        return "`pyman self update`"
    commands = {
        "install.sh": f'`sh install.sh --python "$(pyman find {minor})"`',
        "pyman.pyz": "put a newer Python first on PATH",
        "pipx": f'`pipx reinstall pyman-cli --python "$(pyman find {minor})"`',
        "uv tool": f"`uv tool upgrade pyman-cli --python {minor}`",
    }
    return commands.get(by, "install pyman again on a newer Python")


def is_safe_address(address: str) -> bool:
    """True for a folder of releases that nobody on the way can change: over https, or on this machine."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and host in ("127.0.0.1", "::1", "localhost"))
    )
