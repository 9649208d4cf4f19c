"""The activation scripts of a venv, from the templates that the package carries.

Hot: imports nothing that start-up has not loaded.
"""

from __future__ import annotations

import os

from pyman.core.shell.activation import TEMPLATES, render
from pyman.effects.files import read_text
from pyman.effects.places import shipped


def template(name: str) -> str:
    """Return the text of one of TEMPLATES."""
    return read_text(shipped("activation", name))


def activation_scripts(venv: str, prompt: str, bin_name: str = "bin") -> dict[str, bytes]:
    """Return the content of every activation script of the venv at the absolute path `venv`, by its name in `bin`."""
    return {name: os.fsencode(render(name, template(name), venv, prompt, bin_name)) for name in TEMPLATES}
