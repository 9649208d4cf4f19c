"""Activation scripts of a venv that is recreated: what its user added to them stays (design.md 7)."""

from __future__ import annotations

import re
import shlex

from pyman.core.immutable import record
from pyman.core.relocation import replace_place
from pyman.core.script_header import is_plain
from pyman.core.shell.activation import quote_powershell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_SCRIPT = re.compile(r"(?:de)?activate(?:\.[a-z0-9]+)?|activate_this\.py|pydoc(?:\.bat)?", re.IGNORECASE)
_ENDS_A_PATH = frozenset(" \t\n'\"`:;=,()[]<>|&")


def is_makers_script(name: str) -> bool:
    """True for a script that makers of venvs put into `bin`: `activate.nu`, `activate_this.py`, `deactivate.bat`."""
    return _SCRIPT.fullmatch(name) is not None and not name.endswith(".pyc")


def filled_templates(name: str, template: str, place: str, prompt: str) -> tuple[str, ...]:
    """What the venv module makes of one of its templates; its releases differ in how they quote, and in the prompt."""
    quote = quote_powershell if name.endswith(".ps1") else shlex.quote
    found = []
    for shown in (prompt, f"({prompt}) "):
        values = {"DIR": place, "NAME": place.rpartition("/")[2], "PROMPT": shown, "BIN_NAME": "bin"}
        for write in (quote, str):
            text = template
            for key, value in values.items():
                text = text.replace(f"__VENV_{key}__", write(value))
            found.append(text)
    return tuple(dict.fromkeys(found))


@record
class Rebuilding:
    """What changes around a script: the place of the venv, and the name of its library folder."""

    old_place: str
    place: str
    old_library: str
    """`python3.13`"""
    library: str

    @property
    def can_be_moved(self) -> bool:
        """False where a place needs to be quoted, which every shell does in its own way."""
        return self.old_place == self.place or (is_plain(self.old_place) and is_plain(self.place))

    def adapted(self, text: str) -> str:
        """A text of the old venv that names the new place and library."""
        if self.old_place != self.place and self.can_be_moved:
            text = replace_place(text, self.old_place, self.place)
        return rename_library(text, self.place, self.old_library, self.library)


def rename_library(text: str, place: str, old: str, new: str) -> str:
    """Name another library folder wherever a text names that of the venv: `../lib/python3.11`, `$VIRTUAL_ENV/lib/…`.

    What begins with the path of something else stays: `/usr/lib/python3.11`.
    """
    wanted = f"lib/{old}"
    pieces: list[str] = []
    done = 0
    while old != new and (found := text.find(wanted, done)) >= 0:
        end = found + len(wanted)
        start = found
        while start > done and text[start - 1] not in _ENDS_A_PATH:
            start -= 1
        before, after = text[start:found], text[end : end + 1]
        is_whole = (not before or before.endswith("/")) and (not after or after == "/" or after in _ENDS_A_PATH)
        is_own = not before.startswith("/") or before.startswith(f"{place}/")
        pieces += [text[done:found], f"lib/{new}" if is_whole and is_own else wanted]
        done = end
    return "".join([*pieces, text[done:]])


def kept_script(old: str, made: Iterable[str], new: str | None, change: Rebuilding) -> str | None:
    """The script that a recreated venv gets in the place of `old`; None where the new one is all that is needed.

    `made` is what its maker may have written, `new` what the new venv has. Lines before and after the maker's own are
    carried over. Where these cannot be told apart the old script stays, for the new library.
    """
    if new is None:
        return change.adapted(old)
    for text in sorted(made, key=len, reverse=True):
        before, found, after = old.partition(text) if text else ("", "", "")
        if found:
            return change.adapted(before) + new + change.adapted(after) if before or after else None
    return change.adapted(old)
