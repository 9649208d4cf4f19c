"""`pyman --help`: the command table on one page."""

from __future__ import annotations

from pyman.hot.speak import result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.cli.commands import Command

_HEAD = """\
pyman looks after Pythons and after every venv that runs on them.

Usage: pyman COMMAND [OPTIONS] …
"""
_FOOT = """\
Everywhere: --json  -q/--quiet  -v/--verbose  --root DIR  --offline  -h/--help; pyman --version

Examples:
  pyman install 3.13          the newest 3.13, and every venv that follows 3.13 runs it
  pyman venv                  a venv in .venv that follows its minor version
  pyman COMMAND --help        more about one command
"""


def overview(commands: tuple[Command, ...]) -> None:
    """Print every command with its summary, by group."""
    shown = [command for command in commands if not command.hidden]
    width = max(len(command.name) for command in shown)
    parts = [_HEAD]
    for group in dict.fromkeys(command.group for command in shown):
        rows = [f"  {c.name.ljust(width)}  {c.summary}\n" for c in shown if c.group == group]
        parts.append(f"{group}:\n" + "".join(rows))
    parts.append(_FOOT)
    for line in "\n".join(parts).rstrip("\n").split("\n"):
        result(line)
