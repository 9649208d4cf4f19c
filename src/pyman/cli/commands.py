"""The command table: every verb, the module that is imported when it runs, and what it does in one line."""

from __future__ import annotations

from pyman.core.record import record


@record
class Command:
    """One verb."""

    name: str
    summary: str
    group: str
    function: str = ""
    """The function's name in the module `pyman.cli.<module>`, where it is not the verb's."""
    module: str = ""
    hidden: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """Module and function."""
        return f"pyman.cli.{self.module or self.name}", self.function or self.name


PYTHONS = "Pythons"
VENVS = "Virtual environments"
CHOOSING = "Choosing"
SHELL = "Shell and machine"

COMMANDS = (
    Command("install", "Install Pythons, and move their aliases.", PYTHONS),
    Command("list", "Show what is installed, or what could be.", PYTHONS, function="list_pythons"),
    Command("info", "Explain one Python or one venv.", PYTHONS),
    Command("uninstall", "Remove a Python that nothing needs.", PYTHONS),
    Command("venv", "Make a venv that follows its minor version.", VENVS),
    Command("find", "Print the path of an interpreter.", CHOOSING),
    Command("which", "Print the program that a name runs here.", CHOOSING),
)


def command_named(name: str) -> Command | None:
    """The command with this name."""
    return next((command for command in COMMANDS if command.name == name), None)
