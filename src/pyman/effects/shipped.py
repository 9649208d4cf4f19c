"""The files that travel with pyman and are no Python: the shim, the completions, the activation scripts. Hot."""

from __future__ import annotations

import os

from pyman.errors import PymanError


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
        f"{os.path.join(package, *names)} is missing, which pyman was installed with",
        hint="install pyman again, with install.sh",
    )
