"""What the files of a runtime say about how it was built, adapted to this machine.

A build is made for `/install`, with the compilers, SDK and libraries of another machine. What compiles with it reads
that from `_sysconfigdata*.py`, `_sysconfig_vars*.json`, the `Makefile`, `pythonX.Y-config` and `*.pc`, and is to use
what this machine has instead: `cc` and its like, and paths below the runtime.

Import-light.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


_MARK = "\n\n# pyman: this build was made for /install on another machine."

# The rule is a text because it also stands in `_sysconfigdata*.py`, where every Python 3 runs it.
_RULE = r'''
_LEFT_FROM_THE_BUILD = (
    r"""(?:(?<=[\s"'(=])|^)(?:-isysroot\s+[^\s"')]+|-isystem\s+/tools/[^\s"')]*|-[IL]/tools/[^\s"')]*"""
    r"""|-fdebug-default-version=\d+|-Werror=unguarded-availability-new)(?=[\s"')]|$)"""
)
_PROGRAMS = (
    ("cc", "gcc", "clang"),
    ("c++", "g++", "clang++"),
    ("ar", "llvm-ar"),
    ("ranlib", "llvm-ranlib"),
    ("readelf", "llvm-readelf"),
)
_NAMES_OF_PROGRAMS = (
    "AR BLDSHARED CC CPP CXX LDCXXSHARED LDSHARED LINKCC MAINCC RANLIB READELF".split()
)


def _adapt(name, value, prefix, first_there):
    """Return what a variable is on the machine of the user; `first_there` chooses among names of programs."""
    if value.startswith("/install"):
        words = [word.split(":") for word in value.split(" ")]
        if (words[0][0] + "/").startswith("/install/"):
            value = " ".join(
                ":".join(prefix + part[8:] if (part + "/").startswith("/install/") else part for part in word)
                for word in words
            )
    if name == "CONFIG_ARGS":
        return value
    if "-isysroot" in value or "/tools/" in value or "-fdebug-default" in value or "-Werror=unguarded" in value:
        import re

        value = re.sub(_LEFT_FROM_THE_BUILD, "", value)
    if name in _NAMES_OF_PROGRAMS:
        program, blank, rest = value.partition(" ")
        # /usr/bin/x86_64-linux-gnu-gcc-12, musl-clang, /tools/llvm/bin/llvm-ar
        called = program.rpartition("/")[2].rstrip("0123456789.").rstrip("-").rpartition("-")[2]
        for names in _PROGRAMS:
            if called in names:
                return first_there(names) + blank + rest
    return value
'''

# At import time, not when it is unpacked: through an alias `sys.base_prefix` is the alias, so an environment that
# follows it compiles against the alias, and a pinned one against its patch release. The text works on every Python 3,
# and also for tools that execute the file by themselves; the variables above it stay the literal that it was.
_AT_IMPORT = """

def _first_there(names):
    import os

    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    for name in names:
        for folder in folders:
            if folder and os.access(os.path.join(folder, name), os.X_OK):
                return name
    return names[0]


def _adapt_all(variables):
    import sys

    for name, value in variables.items():
        if isinstance(value, str):
            variables[name] = _adapt(name, value, sys.base_prefix, _first_there)


_adapt_all(build_time_vars)
"""


def _rule() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(_RULE, names)  # noqa: S102  # the text above, which every runtime runs
    return names


def _usual(names: Sequence[str]) -> str:
    """The name of a program that a file says which is read on whatever day."""
    return names[0]


EXTERNALLY_MANAGED = """\
[externally-managed]
Error=This Python is managed by pyman, which replaces it when a newer patch release
 is installed: packages that you install in it would be lost.

 Create a virtual environment and install into that:

   pyman venv
   . .venv/bin/activate
   python -m pip install PACKAGE

 To install an application, use pipx or uv tool: each application gets its own environment.
"""
"""The file that keeps pip out of a runtime (PEP 668). pip and uv show its text as it stands, empty lines too."""


def adapted_variables(source: bytes) -> bytes:
    """Return a `_sysconfigdata*.py` whose paths and programs are those of the running machine, once it is imported.

    A file that has been changed already, or that is something else, is returned as it is.
    """
    if b"build_time_vars" not in source:
        return source
    own = source.partition(_MARK.encode())[0]
    return own.rstrip(b"\n") + f"{_MARK}\n{_RULE}{_AT_IMPORT}".encode()


def adapted_json(source: bytes, prefix: str) -> bytes:
    """Return a `_sysconfig_vars*.json`, which no Python computes, with the paths below `prefix`.

    What is not an object in JSON is returned as it is.
    """
    import json

    adapt = _rule()["_adapt"]
    try:
        variables = json.loads(source)
    except (ValueError, RecursionError):
        return source
    if not isinstance(variables, dict):
        return source
    adapted = {
        name: adapt(name, value, prefix, _usual) if isinstance(value, str) else value
        for name, value in variables.items()
    }
    return source if adapted == variables else json.dumps(adapted, indent=2).encode()


def adapted_makefile(source: bytes, prefix: bytes) -> bytes:
    """Return a `Makefile` with the programs of any machine, and the paths below `prefix`."""
    import re

    adapt = _rule()["_adapt"]
    # make has no way to write a space in a path; it has one for these
    written = _text(prefix.replace(b"$", b"$$").replace(b"#", b"\\#"))

    def adapted(match: re.Match[str]) -> str:
        value: str = adapt(match["name"], match["value"], written, _usual)
        return match["head"] + value

    return _bytes(
        re.sub(
            r"^(?P<head>(?P<name>[\w.]+)[ \t]*[:?+]{0,2}=[ \t]*)(?P<value>\S.*)$",
            adapted,
            _text(source),
            flags=re.MULTILINE,
        )
    )


def adapted_script(source: bytes) -> bytes:
    """Return a `pythonX.Y-config`, which finds its place by itself, without the flags of the machine of the build."""
    import re

    return _bytes(re.sub(_rule()["_LEFT_FROM_THE_BUILD"], "", _text(source)))


def adapted_pkgconfig(source: bytes) -> bytes:
    """Return a file of `lib/pkgconfig` that names the runtime by its own place, as newer builds do."""
    import re

    return re.sub(rb"^prefix=/install$", b"prefix=${pcfiledir}/../..", source, flags=re.MULTILINE)


def _text(source: bytes) -> str:
    return source.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
