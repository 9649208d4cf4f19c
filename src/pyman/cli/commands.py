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
    changes: bool = False
    """True for a verb that may change something: it takes `--dry-run`."""

    @property
    def place(self) -> tuple[str, str]:
        """Module and function."""
        return f"pyman.cli.{self.module or self.name}", self.function or self.name


PYTHONS = "Pythons"
VENVS = "Virtual environments"
CHOOSING = "Choosing"
SHELL = "Shell and machine"

COMMANDS = (
    Command("install", "Install Pythons, and move their aliases.", PYTHONS, changes=True),
    Command("upgrade", "Bring every minor to its newest patch release.", PYTHONS, changes=True),
    Command("hold", "Keep an alias at one patch release.", PYTHONS, changes=True),
    Command("unhold", "Let an alias go to the newest release again.", PYTHONS, module="hold", changes=True),
    Command(
        "rollback", "Point an alias at the release before, and hold it there.", PYTHONS, module="hold", changes=True
    ),
    Command("prune", "Remove the releases that nothing uses.", PYTHONS, changes=True),
    Command("uninstall", "Remove a Python that nothing needs.", PYTHONS, changes=True),
    Command("adopt", "Use Pythons of pyenv, uv, the system… through the store.", PYTHONS, changes=True),
    Command("forget", "Drop the link to an adopted Python, or the record of a venv.", PYTHONS, changes=True),
    Command("list", "Show what is installed, or what could be.", PYTHONS, function="list_pythons"),
    Command("info", "Explain one Python or one venv.", PYTHONS),
    Command("venv", "Make a venv that follows its minor version.", VENVS, changes=True),
    Command("venvs", "Show every venv of this machine.", VENVS, changes=True),
    Command("doctor", "Say what is wrong with venvs, and mend it.", VENVS, changes=True),
    Command("report", "Tell all that is known, of one machine or many.", VENVS, changes=True),
    Command("rebuild", "Make a venv anew with its packages.", VENVS, changes=True),
    Command("register", "Make venvs known that pyman did not make.", VENVS, module="venvs", changes=True),
    Command("pin", "Keep a venv on one patch release.", VENVS, changes=True),
    Command("follow", "Let a venv follow its minor version.", VENVS, module="pin", changes=True),
    Command("use", "Choose the Python of this folder, or the default.", CHOOSING, changes=True),
    Command("find", "Print the path of an interpreter.", CHOOSING),
    Command("which", "Print the program that a name runs here.", CHOOSING, module="find"),
    Command("run", "Run a command with a Python first on PATH.", CHOOSING),
    Command("init", "Print what a shell's start-up file needs.", SHELL, module="shell"),
    Command("completions", "Print a completion script.", SHELL, module="shell"),
    Command("shims", "Put the shims in place.", SHELL, module="shell", changes=True),
    Command("mirror", "Make a mirror for machines without a network.", SHELL, changes=True),
    Command("cache", "Show or clean what pyman keeps for later.", SHELL, changes=True),
    Command("self", "Show, update or uninstall pyman itself.", SHELL, function="own", module="own", changes=True),
    Command("rehash", "pyenv's word for `shims`.", SHELL, module="shell", hidden=True, changes=True),
    Command("local", "pyenv's word for `use`.", CHOOSING, module="use", hidden=True, changes=True),
    Command(
        "global",
        "pyenv's word for `use --global`.",
        CHOOSING,
        function="global_",
        module="use",
        hidden=True,
        changes=True,
    ),
    Command("versions", "pyenv's word for `list`.", PYTHONS, module="list", hidden=True),
)


def command_named(name: str) -> Command | None:
    """The command with this name."""
    return next((command for command in COMMANDS if command.name == name), None)
