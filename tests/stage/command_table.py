"""The command table as DESIGN 11 has it, for the completions: a stand-in until the command line describes itself.

`python -m stage.command_table` (with `src` and `tests` on PYTHONPATH) writes `completions/` anew.
"""

from __future__ import annotations

import os

from pyman.core.completion_scripts import ArgumentWords, CommandTable, CommandWords, OptionWords, completion_scripts

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "completions")

PYTHON = OptionWords(("-p", "--python"), "Use this Python.", "request")
NO_CHECK = OptionWords(("--no-check",), "Move aliases without checking the venvs that follow.")
FORCE = OptionWords(("--force",), "Go ahead all the same.")
DRY_RUN = OptionWords(("--dry-run",), "Show what would be done.")
YES = OptionWords(("--yes",), "Answer every question with yes.")
ALL = OptionWords(("--all",), "Take all there are.")


def _command(name, summary, *options, arguments=()):
    return CommandWords(name, summary, tuple(options), tuple(arguments))


REQUESTS = (ArgumentWords("request", many=True),)
VENVS = (ArgumentWords("venv", many=True),)
FOLDERS = (ArgumentWords("folder", many=True),)

TABLE = CommandTable(
    shared=(
        OptionWords(("--json",), "Print one JSON object instead of text."),
        OptionWords(("-q", "--quiet"), "Print results and errors only."),
        OptionWords(("-v", "--verbose"), "Say more about what is done."),
        OptionWords(("--root",), "Use the store in this folder.", "folder"),
        OptionWords(("--offline",), "Use no network at all."),
        OptionWords(("-h", "--help"), "Explain this command."),
    ),
    alone=(OptionWords(("--version",), "Print pyman's own version."),),
    commands=(
        _command(
            "install",
            "Install Pythons, and move their aliases.",
            OptionWords(("--from",), "Install a local archive.", "file"),
            OptionWords(("--mirror",), "Get it from this folder or URL.", "folder"),
            FORCE,
            OptionWords(("--no-adopt",), "Never fall back on a Python of the machine."),
            NO_CHECK,
            OptionWords(("--default",), "Make it the default."),
            arguments=REQUESTS,
        ),
        _command(
            "upgrade",
            "Install the newest patch releases, and move the venvs that follow.",
            DRY_RUN,
            NO_CHECK,
            FORCE,
            OptionWords(("--prune",), "Remove what nothing needs any more."),
            arguments=(ArgumentWords("alias", many=True),),
        ),
        _command(
            "uninstall",
            "Remove Pythons that nothing needs.",
            OptionWords(("--relink",), "Move the venvs first."),
            FORCE,
            arguments=(ArgumentWords("installed|alias", many=True),),
        ),
        _command("prune", "Remove all Pythons that nothing needs.", DRY_RUN, FORCE),
        _command("hold", "Keep an alias at a release.", arguments=(ArgumentWords("alias"), ArgumentWords("installed"))),
        _command("unhold", "Let an alias move again.", arguments=(ArgumentWords("alias"),)),
        _command("rollback", "Go back to the release before.", arguments=(ArgumentWords("alias"),)),
        _command("adopt", "Use Pythons of pyenv, uv, the system… through the store.", ALL, arguments=FOLDERS),
        _command(
            "forget",
            "Drop the link to an adopted Python, or the record of a venv.",
            arguments=(ArgumentWords("installed|venv", many=True),),
        ),
        _command(
            "list",
            "Show what is installed, or what could be.",
            OptionWords(("--available",), "Show what can be installed."),
            OptionWords(("--outdated",), "Show what has a newer patch release."),
            ALL,
        ),
        _command("info", "Explain one Python or one venv.", arguments=(ArgumentWords("installed|alias|venv"),)),
        _command(
            "venv",
            "Make a venv that follows its minor version.",
            PYTHON,
            OptionWords(("--pin",), "Pin it to the patch release."),
            OptionWords(("--clear",), "Make an existing venv anew."),
            OptionWords(("--without-pip",), "Leave pip out."),
            OptionWords(("--no-install",), "Never install a Python that is missing."),
            OptionWords(("--system-site-packages",), "Let it see the packages of its Python."),
            OptionWords(("--prompt",), "Show this text while it is active.", "text"),
            OptionWords(("-r",), "Install the requirements in this file.", "file"),
            arguments=(ArgumentWords("folder"),),
        ),
        _command(
            "venvs",
            "List every known venv, or search folders for them.",
            OptionWords(("--size",), "Count their bytes."),
            OptionWords(("--python",), "Only those of this Python.", "request"),
            OptionWords(("--remove",), "Delete a venv.", "venv"),
            arguments=FOLDERS,
        ),
        _command("register", "Remember venvs that another tool made.", arguments=FOLDERS),
        _command(
            "pin", "Pin a venv to a patch release.", arguments=(ArgumentWords("venv"), ArgumentWords("installed"))
        ),
        _command("follow", "Let a venv follow its minor version.", arguments=(ArgumentWords("venv"),)),
        _command(
            "doctor",
            "Find what is wrong, and mend it.",
            OptionWords(("--fix",), "Repair what can be repaired."),
            DRY_RUN,
            OptionWords(("--foreign",), "Also those of pipx, poetry and others."),
            YES,
            arguments=FOLDERS,
        ),
        _command(
            "rebuild",
            "Make venvs anew, with their packages.",
            ALL,
            PYTHON,
            OptionWords(("--from",), "Install what this lock or file says.", "file"),
            OptionWords(("--allow-newer",), "Take newer versions where the old cannot be had."),
            FORCE,
            DRY_RUN,
            OptionWords(("--installer",), "Use this installer.", "choice", ("auto", "uv", "pip")),
            arguments=VENVS,
        ),
        _command(
            "use",
            "Choose the Python of this folder, or the default.",
            OptionWords(("--global",), "Choose the default."),
            arguments=(ArgumentWords("request"),),
        ),
        _command(
            "find",
            "Print the path of an interpreter.",
            OptionWords(("--resolve",), "Follow every link."),
            arguments=(ArgumentWords("request"),),
        ),
        _command(
            "which",
            "Print the program that a name runs here.",
            OptionWords(("--explain",), "Say why, step by step."),
            arguments=(ArgumentWords("program"),),
        ),
        _command(
            "run",
            "Run a command with a Python first on PATH.",
            PYTHON,
            arguments=(ArgumentWords("command"), ArgumentWords("file", many=True)),
        ),
        _command("init", "Print the lines for a shell's start-up file.", arguments=(ArgumentWords("shell"),)),
        _command("completions", "Print the completion script of a shell.", arguments=(ArgumentWords("shell"),)),
        _command("shims", "Put the shims in place again."),
        _command(
            "mirror",
            "Make a mirror for machines without a network.",
            OptionWords(("--platform",), "For this platform too.", "text"),
            arguments=(ArgumentWords("folder"), ArgumentWords("available", many=True)),
        ),
        _command("cache", "Show or clean the cache.", arguments=(ArgumentWords("choice", choices=("dir", "clean")),)),
    ),
)


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    for name, text in completion_scripts(TABLE).items():
        with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as file:
            file.write(text)
