"""What decides which Python runs, case by case: one table for the program and for the shim.

The store of every case (`make_store`):

    3.11.2 3.13.5 3.13.15 3.14.2t   managed, with aliases 3.11 3.13 3.14t
    3.12.1                          adopted, a prefix of its own, with alias 3.12
    3.10.12                         adopted, in a prefix that others share, where `python3` and `pip` are not its own
    3 -> 3.13

and `system/` on PATH with `python3`, `python3.9` and `pip3`, but no `python`.

`runs` is the program that is started, below `runtimes/` or as `system/NAME`; None where nothing may be started, and
`says` then are words of the message: the file and the line, or the command that helps. `by` is who decides when the
shim is called: `shim`, or `pyman` where versions must be compared, or something is odd enough for a good message.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from stage.fake_store import FakeStore, write_python

MANY = b"3.12\n"


@dataclass(frozen=True)
class Case:
    name: str
    file: bytes | None = None
    """`.python-version` in the working directory `work/project`."""
    program: str = "python"
    runs: str | None = None
    says: tuple[str, ...] = ()
    by: str = "shim"
    files: dict[str, bytes] = field(default_factory=dict)
    """Others, below `work`."""
    environment: dict[str, str] = field(default_factory=dict)
    default: bytes | None = None
    without: tuple[str, ...] = ()
    """Names taken out of `runtimes/`, or `system`."""
    also: tuple[str, ...] = ()
    """Managed runtimes put in beside the usual ones."""


PYTHON_11 = "3.11/bin/python"
PYTHON_12 = "3.12/bin/python3.12"  # adopted: always by a name that carries the version
PYTHON_13 = "3.13/bin/python"
FILE = "project/.python-version"

CASES = [
    # --- one word ---
    Case("a minor", b"3.11\n", runs=PYTHON_11),
    Case("no newline at the end", b"3.11", runs=PYTHON_11),
    Case("a patch release", b"3.13.5\n", runs="3.13.5/bin/python"),
    Case("the patch release that the alias leads to pins all the same", b"3.13.15\n", runs="3.13.15/bin/python"),
    Case("an adopted minor", b"3.12\n", runs=PYTHON_12),
    Case("an adopted patch release", b"3.12.1\n", runs="3.12.1/bin/python3.12"),
    Case("major means the default minor, through its alias", b"3\n", runs=PYTHON_13),
    Case("a variant", b"3.14t\n", runs="3.14t/bin/python"),
    Case("a patch release of a variant", b"3.14.2t\n", runs="3.14.2t/bin/python"),
    Case("cpython- before it", b"cpython-3.11\n", runs=PYTHON_11),
    Case("python- before it", b"python-3.13.5\n", runs="3.13.5/bin/python"),
    Case("uv's at sign", b"cpython@3.11\n", runs=PYTHON_11),
    Case("nothing between", b"python3.11\n", runs=PYTHON_11),
    Case("capitals", b"CPython-3.11\n", runs=PYTHON_11, by="pyman"),
    Case("latest", b"latest\n", runs=PYTHON_13, by="pyman"),
    Case("uv's word for the variant", b"3.14+freethreaded\n", runs="3.14t/bin/python", by="pyman"),
    # --- blanks, comments, line ends ---
    Case("blanks around", b"  \t3.11 \t \n", runs=PYTHON_11),
    Case("blank lines and comments before", b"\n   \n# why\n  # more\n3.11\n", runs=PYTHON_11),
    Case("a trailing comment", b"3.11  # pinned\n", runs=PYTHON_11),
    Case("a comment without a blank", b"3.11#pinned\n", runs=PYTHON_11),
    Case("a comment with anything in it", "3.11 # é $(x) `y` \\ ../ \x07\n".encode(), runs=PYTHON_11),
    Case("carriage returns", b"# why\r\n\r\n3.11\r\n3.12\r\n", runs=PYTHON_11),
    Case("a carriage return after a blank", b"3.11 \r\n", runs=PYTHON_11),
    Case("a byte order mark", b"\xef\xbb\xbf3.11\r\n", runs=PYTHON_11, by="pyman"),
    # --- several ---
    Case("several lines: the first", b"3.11\n3.12\n", runs=PYTHON_11),
    Case("several in one line: the first", b"3.11 3.12", runs=PYTHON_11),
    Case("the first that is installed", b"3.9\n3.8.1 3.12\n3.11\n", runs=PYTHON_12),
    Case("several, for python3.X", b"3.11\n3.12.1\n", program="python3.12", runs="3.12.1/bin/python3.12"),
    Case("several, for pip3.X", b"3.13 3.11.2", program="pip3.11", runs="3.11.2/bin/pip3.11"),
    Case("several, for pip: the first", b"3.11\n3.13\n", program="pip", runs="3.11/bin/pip"),
    Case("none is installed", b"3.9\n3.8\n", says=(FILE, "3.9", "pyman install 3.9")),
    Case("all are read: a later path is an error too", b"3.11\n../evil\n", says=(FILE, "line 2", "path"), by="pyman"),
    # --- python3.X ---
    Case("python3.X that the file does not name: its alias", b"3.11\n", program="python3.13", runs="3.13/bin/python3.13"),
    Case("python3.X that the file names, but is not there", b"3.13.1\n", program="python3.13",
         says=(FILE, "3.13.1", "pyman install 3.13.1")),
    Case("python3.X through major", b"3\n", program="python3.11", runs="3.11/bin/python3.11"),
    Case("python3.X of a variant", b"3.11\n", program="python3.14t", runs="3.14t/bin/python3.14t"),
    Case("a variant is not python3.X without it", b"3.14t\n", program="python3.14", says=("3.14", "pyman install 3.14"),
         by="pyman"),
    Case("python3.X that is nowhere", None, program="python3.9", without=("system",), says=("pyman install 3.9",)),
    Case("python3.X and no file", None, program="python3.11", runs="3.11/bin/python3.11"),
    Case("python3.X-config", b"3.13\n", program="python3.11-config", runs="3.11/bin/python3.11-config"),
    # --- other programs ---
    Case("python3", b"3.11\n", program="python3", runs="3.11/bin/python3"),
    Case("pip", b"3.11\n", program="pip", runs="3.11/bin/pip"),
    Case("pydoc3", b"3.11\n", program="pydoc3", runs="3.11/bin/pydoc3"),
    Case("idle3 of an adopted one", b"3.12\n", program="idle3", runs="3.12/bin/idle3.12"),
    Case("python3-config of an adopted one", b"3.12\n", program="python3-config", runs="3.12/bin/python3.12-config"),
    Case("a shared prefix: only its own python3", b"3.10\n", program="python3", runs="3.10/bin/python3.10"),
    Case("a shared prefix: only its own pip", b"3.10.12\n", program="pip", runs="3.10.12/bin/pip3.10"),
    Case("a shared prefix: nobody else's programs", b"3.10\n", program="git", says=("git",)),
    Case("a program that it lacks", b"3.11\n", program="pip2", says=("3.11", "pip2")),
    # --- system ---
    Case("system, by the nearest name", b"system\n", runs="system/python3"),
    Case("system python3", b"system\n", program="python3", runs="system/python3"),
    Case("system, another program", b"system\n", program="pip3", runs="system/pip3"),
    Case("system has python3.X", b"system\n", program="python3.9", runs="system/python3.9"),
    Case("system lacks python3.X: its alias", b"system\n", program="python3.11", runs="3.11/bin/python3.11"),
    Case("system after what is missing", b"3.9\nsystem\n", program="python3", runs="system/python3"),
    Case("system before what is installed", b"system 3.11", program="python3", runs="system/python3"),
    Case("no system Python: the next", b"system 3.11", without=("system",), runs=PYTHON_11),
    Case("no system Python", b"system", without=("system",), says=(FILE, "system")),
    # --- ranges ---
    Case("a specifier follows the best minor", b">=3.11,<3.13\n", runs="3.12/bin/python3.12", by="pyman"),
    Case("blanks behind the comma", b">=3.11, <3.13 # range\n", runs="3.12/bin/python3.12", by="pyman"),
    Case("an exact one pins", b"==3.13.5\n", runs="3.13.5/bin/python", by="pyman"),
    Case("a compatible one", b"~=3.11.0\n", runs=PYTHON_11, by="pyman"),
    Case("two conditions without a comma", b">=3.11 <3.13\n", says=(FILE, "line 1"), by="pyman"),
    Case("a range that nothing satisfies", b">=3.15\n", says=(FILE, "3.15"), by="pyman"),
    # --- not installed ---
    Case("a minor that is not there", b"3.9\n", says=(FILE, "3.9", "pyman install 3.9")),
    Case("a patch release that is not there", b"3.13.4\n", says=(FILE, "3.13.4", "pyman install 3.13.4")),
    Case("a pre-release that is not there", b"3.14.0rc2\n", says=(FILE, "3.14.0rc2", "pyman install 3.14.0rc2")),
    Case("an alias that dangles", b"3.11\n", without=("3.11.2",), says=(FILE, "3.11", "pyman install 3.11")),
    Case("an alias that is missing: the release it would lead to", b"3.11\n", without=("3.11",),
         runs="3.11.2/bin/python", by="pyman"),
    Case("a newer build of one release", b"3.13.15\n", also=("3.13.15+20261101",),
         runs="3.13.15+20261101/bin/python", by="pyman"),
    # --- not understood ---
    Case("a virtualenv of pyenv", b"# mine\nmyproject\n", says=(FILE, "line 2", "myproject"), by="pyman"),
    Case("another implementation", b"pypy3.10-7.3.12\n", says=("pypy3.10-7.3.12",), by="pyman"),
    Case("too old", b"2.7.18\n", says=(FILE, "line 1", "2.7.18"), by="pyman"),
    Case("a path", b"/usr/bin/python3\n", says=(FILE, "line 1", "path"), by="pyman"),
    Case("a path upward", b"../../evil\n", says=(FILE, "line 1", "path"), by="pyman"),
    Case("somebody's home folder", b"~evil\n", says=(FILE, "line 1", "cannot be understood"), by="pyman"),
    Case("dots", b"..\n", says=(FILE, "line 1"), by="pyman"),
    Case("a hidden name", b".incoming\n", says=(FILE, "line 1"), by="pyman"),
    Case("an option", b"-c\n", says=(FILE, "line 1"), by="pyman"),
    Case("a glob", b"3.*\n", says=(FILE, "line 1"), by="pyman"),
    Case("a question mark", b"3.1?\n", says=(FILE, "line 1"), by="pyman"),
    Case("shell syntax", b"$(touch pwned);`touch pwned`\n", says=(FILE, "line 1"), by="pyman"),
    Case("quotes", b'"3.11"\n', says=(FILE, "line 1"), by="pyman"),
    Case("a backslash", b"3.1\\\n1\n", says=(FILE, "line 1"), by="pyman"),
    Case("a control character", b"3.11\x1b[0m\n", says=(FILE, "line 1"), by="pyman"),
    Case("a carriage return inside", b"3.11\r3.12\n", says=(FILE, "line 1"), by="pyman"),
    Case("wide digits", "\uff13.11\n".encode(), says=(FILE, "line 1"), by="pyman"),
    Case("bytes that are no text", b"3.11\xff\xfe\n", says=(FILE, "line 1"), by="pyman"),
    Case("UTF-16", "3.11\n".encode("utf-16"), says=(FILE, "line 1"), by="pyman"),
    Case("almost a version", b"3..11\n", says=(FILE, "line 1"), by="pyman"),
    Case("four numbers", b"3.11.2.1\n", says=(FILE, "line 1"), by="pyman"),
    Case("a leading zero", b"3.011\n", says=(FILE, "line 1"), by="pyman"),
    Case("a long line", b"3.11 #" + b"x" * 2000, says=(FILE, "line 1"), by="pyman"),
    Case("half a megabyte of one line", b"3" * 500_000, says=(FILE,), by="pyman"),
    Case("ten megabytes of lines", MANY * 2_000_000, says=(FILE,), by="pyman"),
    Case("ten megabytes of nothing", b"\n" * 10_000_000, says=(FILE,), by="pyman"),
    # --- the search upward ---
    Case("no file: the newest, through its minor's alias", None, runs=PYTHON_13),
    Case("a file above", None, files={".python-version": b"3.11\n"}, runs=PYTHON_11),
    Case("the nearer file wins", b"3.12\n", files={".python-version": b"3.11\n"}, runs=PYTHON_12),
    Case("a blank file is as none", b"\n# nothing\n", files={".python-version": b"3.11\n"}, runs=PYTHON_11),
    Case("an empty file is as none", b"", files={".python-version": b"3.11\n"}, runs=PYTHON_11),
    Case("nothing but blank files: the default", b"\n", default=b"3.12\n", runs=PYTHON_12),
    # --- pyproject.toml ---
    Case("requires-python", None, files={"project/pyproject.toml": b'[project]\nrequires-python = ">=3.11,<3.13"\n'},
         runs=PYTHON_12, by="pyman"),
    Case("requires-python above", None, files={"pyproject.toml": b'[project]\nrequires-python = ">=3.11,<3.13"\n'},
         runs=PYTHON_12, by="pyman"),
    Case("a version file above outranks it",
         None, files={"project/pyproject.toml": b'[project]\nrequires-python = ">=3.13"\n', ".python-version": b"3.11"},
         runs=PYTHON_11),
    Case("a project that requires nothing", None, files={"project/pyproject.toml": b'[project]\nname = "x"\n'},
         runs=PYTHON_13),
    Case("one that requires nothing, and one above that does",
         None, files={"project/pyproject.toml": b"[tool.x]\n",
                      "pyproject.toml": b'[project]\nrequires-python = "<3.12"\n'},
         runs=PYTHON_11, by="pyman"),
    Case("words in a comment only", None, files={"project/pyproject.toml": b"# no requires-python\n"},
         runs=PYTHON_13, by="pyman"),
    Case("a long project file", None, files={"project/pyproject.toml": b"# x\n" * 1000}, runs=PYTHON_13, by="pyman"),
    Case("requires-python before the default", None, default=b"3.12\n",
         files={"project/pyproject.toml": b'[project]\nrequires-python = "~=3.11.0"\n'}, runs=PYTHON_11, by="pyman"),
    # --- PYMAN_PYTHON and the default ---
    Case("PYMAN_PYTHON outranks the file", b"3.11\n", environment={"PYMAN_PYTHON": "3.12"}, runs=PYTHON_12),
    Case("PYMAN_PYTHON hides what the file says wrongly", b"../x\n", environment={"PYMAN_PYTHON": "3.12"}, runs=PYTHON_12),
    Case("an empty PYMAN_PYTHON asks for nothing", b"3.11\n", environment={"PYMAN_PYTHON": ""}, runs=PYTHON_11),
    Case("PYMAN_PYTHON, not installed", b"3.11\n", environment={"PYMAN_PYTHON": "3.9"},
         says=("PYMAN_PYTHON", "pyman install 3.9")),
    Case("PYMAN_PYTHON with a range", None, environment={"PYMAN_PYTHON": ">=3.11, <3.13"}, runs=PYTHON_12, by="pyman"),
    Case("PYMAN_PYTHON and python3.X", None, environment={"PYMAN_PYTHON": "3.12"}, program="python3.11",
         runs="3.11/bin/python3.11"),
    Case("PYMAN_PYTHON that names nothing", None, environment={"PYMAN_PYTHON": "x y"}, says=("PYMAN_PYTHON",), by="pyman"),
    Case("the default", None, default=b"3.12\n", runs=PYTHON_12),
    Case("the default, not installed", None, default=b"3.9\n", says=("default", "pyman install 3.9")),
    Case("the file before the default", b"3.11\n", default=b"3.12\n", runs=PYTHON_11),
    Case("a blank default", None, default=b"\n", runs=PYTHON_13),
    Case("a range as default", None, default=b">=3.11,<3.13\n", runs=PYTHON_12, by="pyman"),
    Case("an empty store", None, says=("pyman install",),
         without=("3", "3.10", "3.10.12", "3.11", "3.11.2", "3.12", "3.12.1", "3.13", "3.13.5", "3.13.15", "3.14t", "3.14.2t")),
]  # fmt: skip


def make_store(folder: str, case: Case) -> FakeStore:
    """Make the store of a case at `<folder>/root`, its project at `<folder>/work/project`, and `<folder>/system`."""
    store = FakeStore(os.path.join(folder, "root"))
    for name in ("3.11.2", "3.13.5", "3.13.15", "3.14.2t", *case.also):
        store.managed(name)
    store.adopted("3.12.1", make_prefix(folder, "own", ("3.12",), plain="3.12"))
    store.adopted("3.10.12", make_prefix(folder, "shared", ("3.10", "3.9"), plain="3.9"))
    for alias, target in {
        "3.10": "3.10.12",
        "3.11": "3.11.2",
        "3.12": "3.12.1",
        "3.13": "3.13.15",
        "3.14t": "3.14.2t",
    }.items():
        store.alias(alias, target)
    store.alias("3", "3.13")
    for name in case.without:
        if name != "system":
            path = os.path.join(store.runtimes, name)
            os.unlink(path) if os.path.islink(path) else os.rename(path, os.path.join(folder, f"gone-{name}"))
    if "system" not in case.without:
        for name in ("python3", "python3.9", "pip3"):
            write_python(os.path.join(folder, "system", name))
    if case.default is not None:
        _write(os.path.join(store.root, "default"), case.default)
    _write(os.path.join(folder, "work", "project", "main.py"), b"")
    for name, content in case.files.items():
        _write(os.path.join(folder, "work", name), content)
    if case.file is not None:
        _write(os.path.join(folder, "work", "project", ".python-version"), case.file)
    return store


def make_prefix(folder: str, name: str, minors: tuple[str, ...], plain: str) -> str:
    """Make a prefix that pyman did not make; `python3` and `pip` in it belong to the minor `plain`."""
    prefix = os.path.join(folder, name)
    for minor in minors:
        for program in ("python{}", "python{}-config", "pip{}", "pydoc{}", "idle{}"):
            write_python(os.path.join(prefix, "bin", program.format(minor)))
        _write(os.path.join(prefix, "lib", f"python{minor}", "os.py"), b"# the landmark\n")
    for program in ("python", "pip", "pydoc", "idle"):
        os.symlink(f"{program}{plain}", os.path.join(prefix, "bin", f"{program}3"))
    write_python(os.path.join(prefix, "bin", "git"))
    return prefix


def started(case: Case, folder: str) -> str | None:
    """The whole path of the program that a case runs."""
    if case.runs is None:
        return None
    if case.runs.startswith("system/"):
        return os.path.join(folder, case.runs)
    return os.path.join(folder, "root", "runtimes", case.runs)


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
