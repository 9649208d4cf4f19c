"""How this pyman was installed: by whom, and what starts it. Import-light."""

from __future__ import annotations

import os
import sys

from pyman.core.immutable import record
from pyman.core.version import Version

INSTALL_SCRIPT, ARCHIVE = "install.sh", "pyman.pyz"
"""The installers of pyman's own, as INSTALLER beside the package names them."""
SOURCE = "source"
"""A checkout, or an editable installation: it is whatever its folder holds."""

_LARGEST = 1 << 10


@record
class Installation:
    """How this pyman was installed."""

    by: str
    """`install.sh`, `pyman.pyz`, `pipx`, `uv tool`, `pip`, `source`, or what else INSTALLER says: `uv`, `conda`."""
    path: str
    """What starts it; empty where that is unknown."""
    environment: str
    """Its own environment, or that of the Python that it was installed into."""
    package: str
    """The folder with the package."""


def own_archive() -> str:
    """Return the path of the pyman.pyz that this process came from (tools/pyz_main.py); empty where it is none."""
    return str(getattr(sys.modules.get("__main__"), "pyman_archive", ""))


def read_installation(version: str, command: str) -> Installation:
    """Say how this pyman, which has this version and is started by this command, was installed."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    installer = _installer(os.path.join(os.path.dirname(package), f"pyman_cli-{version}.dist-info"))
    return Installation(_by(installer), own_archive() or command, sys.prefix, package)


def own_python() -> tuple[Version, str]:
    """The release that pyman runs on, and the path of its interpreter outside of any venv."""
    release = sys.version_info
    stage = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(release.releaselevel, "")
    version = Version(*release[:3], f"{stage}{release.serial}" if stage else "")
    return version, getattr(sys, "_base_executable", None) or sys.executable


def runs_fetched_python(installation: Installation) -> bool:
    """True where install.sh downloaded the Python that pyman runs on: it is in pyman's own environment."""
    own = os.path.join(os.path.realpath(installation.environment), "python", "")
    return installation.by == INSTALL_SCRIPT and os.path.realpath(own_python()[1]).startswith(own)


def _installer(dist_info: str) -> str:
    from pyman.effects.files import read_text

    try:
        return read_text(os.path.join(dist_info, "INSTALLER"), _LARGEST).strip()
    except OSError:
        return ""


def _by(installer: str) -> str:
    for name, file in (("pipx", "pipx_metadata.json"), ("uv tool", "uv-receipt.toml")):
        if os.path.isfile(os.path.join(sys.prefix, file)):
            return name
    return installer or SOURCE
