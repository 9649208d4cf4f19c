"""What the owner of a venv offers to mend it: doctor names that command instead of touching the venv (DESIGN 7)."""

from __future__ import annotations

from posixpath import basename

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.venv import VenvFacts


def owner_command(facts: VenvFacts) -> str:
    """The command that makes a foreign venv anew."""
    name = basename(facts.folder)
    if facts.creator == "pipx" and "pipx_metadata.json" not in facts.names:
        return "pipx upgrade-shared"
    commands = {
        "uv": f"uv tool upgrade --reinstall {name}",
        "pipx": f"pipx reinstall {name}",
        "poetry": f"poetry env remove {name}",
        "pdm": f"pdm venv remove {name}",
        "hatch": f"hatch env remove {name}",
        "tox": f"tox run --recreate -e {name}",
        "nox": f"nox --reuse-venv=never -s {name}",
        "pre-commit": "pre-commit clean",
    }
    return commands[facts.creator]
