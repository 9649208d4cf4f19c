"""The activation scripts of a venv, from the templates that the package carries.

Hot: imports nothing that start-up has not loaded.
"""

from __future__ import annotations

import os

from pyman.core.shell.activation import TEMPLATES, render
from pyman.effects.files import read_text, write_all
from pyman.effects.shipped import shipped


def template(name: str) -> str:
    """Return the text of one of TEMPLATES."""
    return read_text(shipped("activation", name))


def activation_scripts(venv: str, prompt: str, bin_name: str = "bin") -> dict[str, bytes]:
    """Return the content of every activation script of the venv at the absolute path `venv`, by its name in `bin`."""
    return {name: os.fsencode(render(name, template(name), venv, prompt, bin_name)) for name in TEMPLATES}


def write_activation(venv: str, prompt: str, bin_name: str = "bin") -> None:
    """Write the activation scripts into the folder `bin` of a new venv.

    Raises FileExistsError where one of them is there already, and OSError as the system says it.
    """
    for name, content in activation_scripts(venv, prompt, bin_name).items():
        path = os.path.join(venv, bin_name, name)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            write_all(descriptor, content)
        finally:
            os.close(descriptor)
