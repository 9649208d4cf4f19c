"""The first lines of a script that an installer made: how they name the interpreter of a venv. Import-light.

#!/srv/app/.venv/bin/python         where the kernel takes it
#!/bin/sh                           where the path is too long for that, or has a space
'''exec' '/srv/my app/.venv/bin/python' "$0" "$@"
' '''
"""

from __future__ import annotations

from posixpath import basename

from pyman.core.shell.activation import quote_sh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SHEBANG_LIMITS = {"linux": 127, "darwin": 512}
"""Bytes, with `#!` and the end of the line: beyond them pip and its vendored distlib go by way of `/bin/sh`."""
# Linux read no longer first lines before 5.1; pip and installer go by the same number everywhere.
_LONGEST_SHEBANG = SHEBANG_LIMITS["linux"]

# Letters that mean the same to every shell, quoted or not.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+/@:,")
# Characters: more than two of the longest paths, and few enough for `shlex`, whose time grows with the square of them.
_LONGEST_LINE = 10_000
_SH = "#!/bin/sh\n'''exec' "
_SH_END = " \"$0\" \"$@\"\n' '''\n"


def is_plain(path: str) -> bool:
    """True for a path that no shell needs quoted."""
    return all(letter in _PLAIN for letter in path)


def read_header(text: str) -> tuple[str, str, str] | None:
    """Take a script apart: the interpreter's path, its arguments, and what follows the header; None without one."""
    if text.startswith(_SH):
        import shlex

        line, _, rest = text[len(_SH) :].partition("\n")
        after = "' '''\n"
        if len(line) > _LONGEST_LINE:
            return None
        try:
            words = shlex.split(line)
        except ValueError:
            return None
        if words[-2:] != ["$0", "$@"] or not rest.startswith(after):
            return None
        return words[0], " ".join(words[1:-2]), rest[len(after) :]
    line, end, rest = text.partition("\n")
    if not line.startswith("#!/") or not end:
        return None
    executable, _, arguments = line[2:].rstrip("\r").partition(" ")
    return executable, arguments, rest


def header_for(executable: str, arguments: str = "", limit: int = _LONGEST_SHEBANG) -> str:
    """The first lines of a script that the interpreter at this absolute path runs, in the form that the path allows.

    A path that is longer than `limit` bytes with what is around it, or that the kernel would split, goes through
    `/bin/sh` as pip's scripts do: Python reads those lines as a string. What would not survive in a string of Python's
    is found beside the script instead.
    """
    more = f" {arguments}" if arguments else ""
    if "\\" in executable or not _is_unicode(executable):
        return header_beside(basename(executable), arguments)
    simple = f"#!{executable}{more}\n"
    if len(simple.encode("utf-8", "surrogateescape")) <= limit and not any(
        letter in executable for letter in " \t\r\n"
    ):
        return simple
    quoted = executable if is_plain(executable) else quote_sh(executable)
    return f"{_SH}{quoted}{more}{_SH_END}"


def with_interpreter(text: str, interpreters: Mapping[str, str]) -> str:
    """A script that is run by one of these interpreters, run by the one that stands for it; any other as it is."""
    header = read_header(text)
    if header is None or header[0] not in interpreters:
        return text
    executable, arguments, rest = header
    return header_for(interpreters[executable], arguments) + rest


def header_beside(name: str, arguments: str = "") -> str:
    """The first lines of a script that is run by the interpreter of this name beside it, wherever they lie."""
    more = f" {arguments}" if arguments else ""
    return f'{_SH}"$(dirname -- "$(realpath -- "$0")")"/{quote_sh(name)}{more}{_SH_END}'


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
