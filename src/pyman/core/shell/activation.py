"""Activation scripts: how a path and a prompt are written so that each shell reads back just them.

Import-light: imports nothing.

A template holds names between double at-signs; each stands for a whole word of its shell, quotes included:

    VENV  PROMPT  BIN                   the folder, the text, the name of the folder of programs
    SH_PROMPT  BASH_PROMPT  CSH_PROMPT  `(prompt) ` as that shell wants it in its prompt variable
    ZSH_PROMPT  ZSH_SUBST_PROMPT        the same for zsh, without and with its option `promptsubst`
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATES = ("activate", "activate.fish", "activate.csh", "Activate.ps1")
"""The names of the scripts, as `python -m venv` names them."""

# PowerShell ends a text in single quotes at any of these: the typographic single quotes count too.
_POWERSHELL_QUOTES = "'\u2018\u2019\u201a\u201b"

_FISH, _CSH, _SH, _POWERSHELL = ("fish",), ("csh", "tcsh"), ("sh", "dash", "ash", "ksh", "busybox"), ("pwsh",)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@")


def quote_sh(text: str) -> str:
    """Return `text` as one word of a POSIX shell, always between single quotes.

    A single quote is written `'"'"'`, as `shlex.quote` does; that also holds inside the script header that
    Python reads as a string in triple quotes.
    """
    return "'" + text.replace("'", "'\"'\"'") + "'"


def quote_fish(text: str) -> str:
    """Return `text` as one word of fish, where a backslash counts inside single quotes too."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_csh(text: str) -> str:
    """Return `text` as one word of csh, which looks for history and line ends even inside single quotes."""
    return quote_sh(text).replace("!", "\\!").replace("\n", "\\\n")


def quote_powershell(text: str) -> str:
    """Return `text` as one text of PowerShell, which takes typographic quotes for quotes."""
    return "'" + "".join(letter * 2 if letter in _POWERSHELL_QUOTES else letter for letter in text) + "'"


def _escape(text: str, letters: dict[str, str]) -> str:
    return "".join(letters.get(letter, letter) for letter in text)


# What a shell would run or replace each time it draws the prompt. Only the default settings of each shell show the
# text exactly; under any other it may show a backslash too many, and still runs nothing.
_SH_PROMPT = {"\\": "\\\\", "$": "\\$", "`": "\\`"}
# bash decodes backslashes first, and expands what comes out of that.
_BASH_PROMPT = {"\\": "\\\\\\\\", "$": "\\\\$", "`": "\\\\`"}
# `%{%}` shows nothing, and parts what zsh would otherwise expand, whether or not the option is set when it draws.
_ZSH_PROMPT = {"%": "%%", "$": "$%{%}", "\\": "\\%{%}"}
_ZSH_SUBST_PROMPT = {**_ZSH_PROMPT, "`": "\\`"}
_CSH_PROMPT = {"%": "%%", "!": "\\!", "\\": "\\\\", "^": "\\^"}


def render(template_name: str, template_text: str, venv: str, prompt: str, bin_name: str = "bin") -> str:
    """Return the activation script of the venv at the absolute path `venv`, whose prompt shows `(prompt) `.

    `template_name` is one of TEMPLATES. Encode the result as file names are (`os.fsencode`): a path need not be UTF-8.
    Raises KeyError for a name that no template may hold.
    """
    quotes: dict[str, Callable[[str], str]] = {
        "activate": quote_sh,
        "activate.fish": quote_fish,
        "activate.csh": quote_csh,
        "Activate.ps1": quote_powershell,
    }
    quote = quotes[template_name]
    shown = f"({prompt}) "
    words = {
        "VENV": quote(venv),
        "PROMPT": quote(prompt),
        "BIN": quote(bin_name),
        "SH_PROMPT": quote(_escape(shown, _SH_PROMPT)),
        "BASH_PROMPT": quote(_escape(shown, _BASH_PROMPT)),
        "ZSH_PROMPT": quote(_escape(shown, _ZSH_PROMPT)),
        "ZSH_SUBST_PROMPT": quote(_escape(shown, _ZSH_SUBST_PROMPT)),
        "CSH_PROMPT": quote(_escape(shown, _CSH_PROMPT)),
    }
    # In one pass: a path may hold what looks like a name of the template.
    pieces = template_text.split("@@")
    pieces[1::2] = [words[name] for name in pieces[1::2]]
    return "".join(pieces)


def read_virtual_env(text: str) -> str | None:
    """Return the absolute path that an `activate` script for sh gives to `VIRTUAL_ENV`, None where it computes it.

    Understands what pyman, the venv module (3.6 to 3.15), virtualenv and uv write: a word in single quotes, bare, or
    (venv before 3.13.1 and 3.12.8, older virtualenv) the path as it is between double quotes, escaped or not.
    """
    start = 0
    while (found := text.find("VIRTUAL_ENV=", start)) >= 0:
        start = found + len("VIRTUAL_ENV=")
        line = text[text.rfind("\n", 0, found) + 1 : found].strip()
        if line not in ("", "export"):
            continue
        path = _read_raw(text, start) if text[start : start + 1] == '"' else _read_word(text, start)
        if path is not None and path.startswith("/") and "\0" not in path:
            return path
    return None


def _read_raw(text: str, start: int) -> str | None:
    """Return what stands between the double quote at `start` and the last one of its statement.

    The creators that use this form put the path there as it is: what a shell would make of it is not its name. The
    statement ends where a double quote ends a line; a path may hold line ends of its own.
    """
    end = text.find('"\n', start + 1)
    return text[start + 1 : end] if end > 0 else None


def _read_word(text: str, start: int) -> str | None:
    """Return the word of a POSIX shell at `start`, None where it is computed or does not end."""
    word = ""
    quote = ""
    position = start
    while position < len(text):
        letter = text[position]
        position += 1
        if letter == quote:
            quote = ""
        elif letter in "$`":
            return None
        elif letter == "\\":
            following = text[position : position + 1]
            position += 1
            if following != "\n":
                word += following if not quote or following in '$`"\\' else letter + following
        elif quote:
            word += letter
        elif letter == "'":
            # All of it at once: this is how most scripts are written.
            end = text.find("'", position)
            if end < 0:
                return None
            word += text[position:end]
            position = end + 1
        elif letter == '"':
            quote = letter
        elif letter in " \t\n;&|<>()":
            return word
        else:
            word += letter
    return None if quote else word


def activation_line(venv: str, shell: str) -> str:
    """The line that activates a venv in a shell of this name: `source .venv/bin/activate`."""
    word, ending, quote = "source", "", quote_sh
    if shell in _FISH:
        ending, quote = ".fish", quote_fish
    elif shell in _CSH:
        ending, quote = ".csh", quote_csh
    elif shell in _POWERSHELL:
        return f". {quote_sh(f'{venv}/bin/Activate.ps1')}"
    elif shell in _SH:
        word = "."
    script = f"{venv}/bin/activate{ending}"
    return f"{word} {script if _PLAIN.issuperset(script) else quote(script)}"
