"""The completion scripts of all shells, by their file names."""

from __future__ import annotations

from pyman.core.shell.completion_bash import bash_script
from pyman.core.shell.completion_fish import fish_script
from pyman.core.shell.completion_zsh import zsh_script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.shell.completion_words import CommandTable


def completion_scripts(table: CommandTable) -> dict[str, str]:
    """Return the scripts by their file names: `pyman.bash`, `_pyman` for zsh, `pyman.fish`."""
    return {"pyman.bash": bash_script(table), "_pyman": zsh_script(table), "pyman.fish": fish_script(table)}
