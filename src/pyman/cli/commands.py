"""The command table: every verb, the module that is imported when it runs, and what it does in one line."""

from __future__ import annotations

from pyman.core.immutable import record


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
    Command("install", "Install Pythons and update their aliases.", PYTHONS, changes=True),
    Command("upgrade", "Upgrade every minor version to its newest patch release.", PYTHONS, changes=True),
    Command("hold", "Keep an alias at one patch release.", PYTHONS, changes=True),
    Command(
        "unhold",
        "Remove a hold; the alias moves to the newest installed release.",
        PYTHONS,
        module="hold",
        changes=True,
    ),
    Command(
        "rollback",
        "Move an alias back to the previous release and hold it there.",
        PYTHONS,
        module="hold",
        changes=True,
    ),
    Command("prune", "Remove releases that nothing uses.", PYTHONS, changes=True),
    Command("uninstall", "Remove a Python that nothing needs.", PYTHONS, changes=True),
    Command("adopt", "Use Pythons installed by pyenv, uv, the system or other tools.", PYTHONS, changes=True),
    Command("forget", "Remove the link to an adopted Python or the record of a venv.", PYTHONS, changes=True),
    Command("list", "List installed and available Pythons.", PYTHONS, function="list_pythons"),
    Command("info", "Explain a Python or a venv.", PYTHONS),
    Command("venv", "Create a venv tied to a minor version.", VENVS, changes=True),
    Command("venvs", "List every venv on this machine.", VENVS, changes=True),
    Command("doctor", "Check venvs, the store and the machine, and repair them.", VENVS, changes=True),
    Command("report", "Report everything known about one machine or many.", VENVS, changes=True),
    Command("rebuild", "Recreate a venv with the same packages.", VENVS, changes=True),
    Command("register", "Register venvs that pyman did not create.", VENVS, module="venvs", changes=True),
    Command("pin", "Keep a venv on one patch release.", VENVS, changes=True),
    Command("follow", "Make a venv follow its minor version.", VENVS, module="pin", changes=True),
    Command("schedule", "Upgrade Pythons and check venvs regularly.", VENVS, changes=True),
    Command("use", "Choose the Python for this folder, or the default.", CHOOSING, changes=True),
    Command("find", "Print the path of an interpreter.", CHOOSING),
    Command("which", "Print which program a command runs here.", CHOOSING, module="find"),
    Command("run", "Run a command with a Python first on PATH.", CHOOSING),
    Command("init", "Print the lines for a shell's start-up file.", SHELL, module="shell"),
    Command("completions", "Print a completion script.", SHELL, module="shell"),
    Command("shims", "Create or update the shims.", SHELL, module="shell", changes=True),
    Command("mirror", "Create a mirror for machines without a network.", SHELL, changes=True),
    Command("cache", "Show or clean the download and seed cache.", SHELL, changes=True),
    Command("self", "Show, update or uninstall pyman itself.", SHELL, function="own", module="own", changes=True),
    Command("rehash", "pyenv's name for `shims`.", SHELL, module="shell", hidden=True, changes=True),
    Command("local", "pyenv's name for `use`.", CHOOSING, module="use", hidden=True, changes=True),
    Command(
        "global",
        "pyenv's name for `use --global`.",
        CHOOSING,
        function="global_",
        module="use",
        hidden=True,
        changes=True,
    ),
    Command("versions", "pyenv's name for `list`.", PYTHONS, module="list", hidden=True),
)


def command_named(name: str) -> Command | None:
    """The command with this name."""
    return next((command for command in COMMANDS if command.name == name), None)
