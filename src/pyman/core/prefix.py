"""What a runtime's files say about where it lies: upstream builds for `/install`, and it lies somewhere else.

Only two files are changed, and in them only values that begin with `/install`. Everything else that upstream bakes in,
names of compilers for one, is left alone: what compiles with a runtime asks the user's environment for those.
"""

from __future__ import annotations

# At import time, not when it is unpacked: through an alias `sys.base_prefix` is the alias, so an environment that
# follows it compiles against the alias, and a pinned one against its patch release. The text works on every Python 3,
# and also for tools that execute the file by themselves; the variables above it stay the literal that it was.
_RELOCATION = """

# pyman: this build was made for /install, and runs from wherever it lies. What is compiled with it looks there too.
def _relocate(variables):
    import sys

    for name, value in variables.items():
        words = value.split(" ") if isinstance(value, str) else [""]
        if (words[0] + "/").startswith("/install/"):
            moved = [sys.base_prefix + word[8:] if (word + "/").startswith("/install/") else word for word in words]
            variables[name] = " ".join(moved)


_relocate(build_time_vars)
"""

EXTERNALLY_MANAGED = """\
[externally-managed]
Error=This Python belongs to pyman, which replaces it as a whole when a newer patch
 release is installed: packages in it would be gone.

 Make an environment and install into that:

   pyman venv
   . .venv/bin/activate
   python -m pip install PACKAGE

 An application is best installed by pipx or uv tool, each in an environment of its own.
"""
"""The file that keeps pip out of a runtime (PEP 668). pip and uv show its text as it stands, empty lines too."""


def relocated_variables(source: bytes) -> bytes:
    """Return a `_sysconfigdata*.py` whose paths are those of the running interpreter, once it is imported.

    A file that has been changed already, or that is something else, is returned as it is.
    """
    addition = _RELOCATION.encode()
    if b"build_time_vars" not in source or source.endswith(addition):
        return source
    return source.rstrip(b"\n") + b"\n" + addition


def relocated_makefile(source: bytes, prefix: bytes) -> bytes:
    """Return a `Makefile` in which every variable that is set to a path below `/install` has one below `prefix`."""
    import re

    # make has no way to write a space in a path; it has one for these
    written = prefix.replace(b"$", b"$$").replace(b"#", b"\\#")

    def moved(match: re.Match[bytes]) -> bytes:
        words = re.sub(rb"(?<!\S)/install(?=[/\s]|$)", lambda _: written, match["value"])
        return match["name"] + words

    return re.sub(
        rb"^(?P<name>[\w.]+[ \t]*[:?+]{0,2}=[ \t]*)(?P<value>/install(?:[/ \t].*)?)$", moved, source, flags=re.MULTILINE
    )
