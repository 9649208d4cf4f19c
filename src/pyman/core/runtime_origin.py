"""Whose a runtime is, told from where it lies. Hot: imports nothing."""

from __future__ import annotations

_ORIGINS = (
    # What a folder above the runtime is called, and the tool that calls it so.
    ("/.pyenv/versions/", "pyenv"),
    ("/pyenv/versions/", "pyenv"),
    ("/uv/python/", "uv"),
    ("/mise/installs/python/", "mise"),
    ("/.asdf/installs/python/", "asdf"),
    ("/asdf/installs/python/", "asdf"),
    ("/.rye/py/", "rye"),
    ("/pystand/", "pystand"),
    ("/hatch/env/virtual/.pythons/", "hatch"),
    ("/hatch/pythons/", "hatch"),
    ("/pdm/python/", "pdm"),
    ("/Cellar/python@", "homebrew"),
    ("/opt/python@", "homebrew"),
    ("/Python.framework/", "python.org"),
)
SHARED_PREFIXES = ("/usr", "/usr/local", "/opt/homebrew", "/home/linuxbrew/.linuxbrew", "/opt/local", "/")
"""Prefixes whose `bin` holds far more than a Python: never put on PATH (DESIGN 3)."""


def origin_of(target: str | None) -> str:
    """Who owns a runtime: `managed`, `pyenv`, `uv`, `mise`, …, `system`, or `path` where nothing tells."""
    if target is None:
        return "managed"
    if target in SHARED_PREFIXES:
        return "homebrew" if "brew" in target else "system"
    return next((owner for part, owner in _ORIGINS if part in target + "/"), "path")


def is_shared(target: str | None) -> bool:
    """True where a runtime's `bin` is not its own."""
    return target is not None and target in SHARED_PREFIXES
