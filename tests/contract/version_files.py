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
import sys
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
TOOLS = "project/.tool-versions"
PLATFORM = "macos" if sys.platform == "darwin" else "linux"

REQUESTS = [
    # word, what it runs, and who decides when the shim is called
    ("313", PYTHON_13, "shim"),
    ("314t", "3.14t/bin/python", "shim"),
    ("cp311", PYTHON_11, "shim"),
    ("cp-3.11", PYTHON_11, "shim"),
    ("cpython311", PYTHON_11, "shim"),
    ("v3.11.2", "3.11.2/bin/python", "shim"),
    ("3.11+gil", PYTHON_11, "pyman"),
    ("cpython-3.14+freethreaded", "3.14t/bin/python", "pyman"),
    ("cpython>=3.11,<3.12", PYTHON_11, "pyman"),
    ("any", PYTHON_13, "pyman"),
    ("cpython", PYTHON_13, "pyman"),
    ("cp", PYTHON_13, "pyman"),
    ("default", PYTHON_13, "pyman"),
    (">=3.14t", "3.14t/bin/python", "pyman"),
    (f"cpython-3.11.2-{PLATFORM}", "3.11.2/bin/python", "pyman"),
    (f"cpython-3.11-{PLATFORM}", PYTHON_11, "pyman"),
    (f"any-3.11-{PLATFORM}", PYTHON_11, "pyman"),
]
"""What uv and pyenv accept; `tests/contract/test_requests_of_uv.py` asks uv about the same words."""

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
    # --- as uv and pyenv write them: REQUESTS ---
    *(Case(f"{word} in a file", f"{word}\n".encode(), runs=runs, by=by) for word, runs, by in REQUESTS),
    *(Case(f"{word} in PYMAN_PYTHON", None, environment={"PYMAN_PYTHON": word}, runs=runs, by=by)
      for word, runs, by in REQUESTS),
    Case("a key of another platform", b"cpython-3.13-macos-riscv64-none\n", says=(FILE, "cpython-3.13-macos-riscv64-none"), by="pyman"),
    Case("a key of another platform, and another version", b"cpython-3.13-macos-riscv64-none\n3.11\n", runs=PYTHON_11,
         by="pyman"),
    Case("a variant that is not there", b"3.13+freethreaded\n", says=(FILE, "3.13+freethreaded"), by="pyman"),
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
    # --- further lines ---
    *(Case(f"{word} after what is installed", f"3.11.2\n{word}\n".encode(), runs="3.11.2/bin/python", by="pyman")
      for word in ("2.7.18", "3.5.10", "miniconda3-4.7.12", "pypy3.9-7.3.15", "myproject")),
    Case("2.7.18 before what is installed", b"2.7.18\n3.11\n", runs=PYTHON_11, by="pyman"),
    Case("another implementation before what is installed", b"jython-2.7.4\n3.11\n", runs=PYTHON_11, by="pyman"),
    Case("what nobody understands before what is installed", b"myproject\n3.11\n", says=(FILE, "line 1"), by="pyman"),
    Case("what nobody understands after what is not installed", b"3.9\nmyproject\n", says=(FILE, "line 2"), by="pyman"),
    Case("nothing but old ones", b"2.7.18\n3.5\n", says=(FILE, "line 1", "too old"), by="pyman"),
    # --- venvs of pyenv-virtualenv ---
    Case("a venv of pyenv", b"# mine\nblog\n", runs="pyenv/blog/bin/python", by="pyman"),
    Case("a venv of pyenv, by its Python", b"3.11.2/envs/blog\n", runs="pyenv/3.11.2/envs/blog/bin/python", by="pyman"),
    Case("a venv of pyenv: pip", b"blog\n", program="pip", runs="pyenv/blog/bin/pip", by="pyman"),
    Case("a venv of pyenv in .tool-versions", None, files={TOOLS: b"python blog\n"}, runs="pyenv/blog/bin/python",
         by="pyman"),
    Case("a program that a venv of pyenv lacks", b"blog\n", program="python3.9", says=("python3.9", "blog"), by="pyman"),
    Case("a venv that pyenv lacks", b"# mine\nmyproject\n", says=(FILE, "line 2", "myproject"), by="pyman"),
    Case("a venv that pyenv lacks, by its Python", b"3.9.9/envs/x\n", says=(FILE, "line 1", "pyenv has no venv"), by="pyman"),
    Case("a venv of pyenv, and a way out of it", b"3.11.2/envs/../../x\n", says=(FILE, "line 1"), by="pyman"),
    Case("a Python of pyenv is not a venv", b"miniconda3-4.7.12\n", says=("miniconda3-4.7.12",), by="pyman"),
    # --- .tool-versions ---
    Case("asdf", None, files={TOOLS: b"nodejs 18.19.1\npython 3.11.2\n"}, runs="3.11.2/bin/python"),
    Case("asdf: several, and a comment", None, files={TOOLS: b"# python 3.13\npython 3.9 3.11 # x\n"}, runs=PYTHON_11),
    Case("asdf: carriage returns", None, files={TOOLS: b"python 3.11\r\n"}, runs=PYTHON_11),
    Case("asdf: the first line counts", None, files={TOOLS: b"python 3.11\npython 3.12\n"}, runs=PYTHON_11),
    Case("asdf: other tools only", None, files={TOOLS: b"nodejs 18.19.1\nterraform 1.5\n"}, runs=PYTHON_13),
    Case("asdf: the words of other tools are their business", None, files={TOOLS: b"nodejs lts/$x\npython 3.11\n"},
         runs=PYTHON_11),
    Case("asdf: forms that name no release", None, files={TOOLS: b"python path:/x ref:main 3.11\n"}, runs=PYTHON_11),
    Case("asdf: nothing but such forms", None, files={TOOLS: b"python path:/x\n"}, runs=PYTHON_13),
    Case("mise: a prefix", None, files={TOOLS: b"python prefix:3.11\n"}, runs=PYTHON_11, by="pyman"),
    Case("mise: one below another", None, files={TOOLS: b"python sub-1:3.12 3.11\n"}, runs=PYTHON_11, by="pyman"),
    Case("asdf: system", None, files={TOOLS: b"python system\n"}, program="python3", runs="system/python3"),
    Case("asdf: a path", None, files={TOOLS: b"x 1\npython ../evil\n"}, says=(TOOLS, "line 2", "path"), by="pyman"),
    Case("asdf: not understood", None, files={TOOLS: b"python $(x)\n"}, says=(TOOLS, "line 1"), by="pyman"),
    Case("asdf: a byte order mark", None, files={TOOLS: b"\xef\xbb\xbfpython 3.11\n"}, runs=PYTHON_11, by="pyman"),
    Case("asdf above", None, files={".tool-versions": b"python 3.11\n"}, runs=PYTHON_11),
    Case(".python-version beside asdf's", b"3.12\n", files={TOOLS: b"python 3.11\n"}, runs=PYTHON_12),
    Case("asdf's before .python-version above", None, files={TOOLS: b"python 3.11\n", ".python-version": b"3.12\n"},
         runs=PYTHON_11),
    Case("a blank .python-version beside asdf's", b"# x\n", files={TOOLS: b"python 3.11\n"}, runs=PYTHON_11),
    Case("asdf's before requires-python in one folder", None, runs=PYTHON_11,
         files={TOOLS: b"python 3.11\n", "project/pyproject.toml": b'[project]\nrequires-python = ">=3.12"\n'}),
    Case("requires-python before asdf's above the project", None, runs=PYTHON_12, by="pyman",
         files={".tool-versions": b"python 3.11\n", "project/pyproject.toml": b'[project]\nrequires-python = "==3.12.*"\n'}),
    Case("asdf's above a project that requires nothing", None, runs=PYTHON_11,
         files={".tool-versions": b"python 3.11\n", "project/pyproject.toml": b"[tool.x]\n"}),
    Case(".python-version above a project, and asdf's beside it", None, runs=PYTHON_12,
         files={".tool-versions": b"python 3.11\n", ".python-version": b"3.12\n", "project/pyproject.toml": b"[tool.x]\n"}),
    Case("asdf's, for python3.X", None, program="python3.13", files={TOOLS: b"python 3.13.5\n"},
         runs="3.13.5/bin/python3.13"),
    Case("asdf's, not installed", None, files={TOOLS: b"python 3.9.1\n"}, says=(TOOLS, "pyman install 3.9.1")),
    # --- mise.toml ---
    Case("mise", None, files={"project/mise.toml": b'[env]\npython = "3.13"\n[tools]\nnode = "22"\npython = "3.11"\n'},
         runs=PYTHON_11, by="pyman"),
    Case("mise, hidden", None, files={"project/.mise.toml": b'[tools]\npython = "3.11"\n'}, runs=PYTHON_11, by="pyman"),
    Case("mise: a list", None, files={"project/mise.toml": b'[tools]\npython = ["3.9", "3.11"]\n'}, runs=PYTHON_11, by="pyman"),
    Case("mise: a table", None, files={"project/mise.toml": b'[tools]\npython = { version = "3.11", virtualenv = ".v" }\n'},
         runs=PYTHON_11, by="pyman"),
    Case("mise: a table of its own", None, files={"project/mise.toml": b'[tools.python]\nversion = "3.11"\n'},
         runs=PYTHON_11, by="pyman"),
    Case("mise: a template is never run", None, files={"project/mise.toml": b'[tools]\npython = "{{exec(command=\'touch pwned\')}}"\n'},
         runs=PYTHON_13, by="pyman"),
    Case("mise: the word elsewhere", None, files={"project/mise.toml": b'[tasks.x]\nrun = "python x.py"\n'},
         runs=PYTHON_13, by="pyman"),
    Case("mise: nothing of Python", None, files={"project/mise.toml": b'[tools]\nnode = "22"\n'}, runs=PYTHON_13),
    Case("mise: a path", None, files={"project/mise.toml": b'[tools]\npython = "../x"\n'},
         says=("project/mise.toml", "path"), by="pyman"),
    Case("mise: no TOML", None, files={"project/mise.toml": b"[tools]\npython = \n"},
         says=("project/mise.toml", "not valid TOML"), by="pyman"),
    Case("mise: a table with blanks in its brackets", None, files={"project/mise.toml": b'[ tools ]\npython = "3.11"\n'},
         runs=PYTHON_11, by="pyman"),
    Case("mise: a quoted table", None, files={"project/mise.toml": b'"tools" = { python = "3.11" }\n'},
         runs=PYTHON_11, by="pyman"),
    Case("mise: an escaped name", None, files={"project/mise.toml": b'["t\\u006fols"]\npython = "3.11"\n'},
         runs=PYTHON_11, by="pyman"),
    Case("mise: an empty text", None, files={"project/mise.toml": b'[tools]\npython = " "\n'}, runs=PYTHON_13, by="pyman"),
    Case("mise: nothing behind a prefix", None, files={"project/mise.toml": b'[tools]\npython = "prefix:"\n'},
         says=("project/mise.toml", "`prefix:` cannot be understood"), by="pyman"),
    Case("mise: not understood, in a list", None, files={"project/mise.toml": b'[tools]\npython = ["$x"]\n'},
         says=("project/mise.toml: `$x` cannot",), by="pyman"),
    Case("asdf: nothing behind a prefix", None, files={TOOLS: b"python prefix:\n"},
         says=(TOOLS, "`prefix:` cannot be understood"), by="pyman"),
    Case("asdf's before mise's", None, files={TOOLS: b"python 3.11\n", "project/mise.toml": b'[tools]\npython = "3.12"\n'},
         runs=PYTHON_11),
    # --- not understood ---
    Case("another implementation", b"jython-2.7.4\n", says=("jython-2.7.4",), by="pyman"),
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
    # --- poetry ---
    Case("poetry", None, files={"project/pyproject.toml": b'[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "~3.11"\n'},
         runs=PYTHON_11, by="pyman"),
    Case("poetry: a caret", None, files={"project/pyproject.toml": b'[tool.poetry.dependencies]\npython = "^3.11,<3.13"\n'},
         runs=PYTHON_12, by="pyman"),
    Case("poetry: alternatives", None, files={"project/pyproject.toml": b'[tool.poetry.dependencies]\npython = "~3.8 || ~3.11"\n'},
         runs=PYTHON_11, by="pyman"),
    Case("requires-python before poetry's", None, runs=PYTHON_12, by="pyman",
         files={"project/pyproject.toml": b'[project]\nrequires-python = "==3.12.*"\n[tool.poetry.dependencies]\npython = "~3.11"\n'}),
    Case("poetry says nothing of Python", None, files={"project/pyproject.toml": b'[build-system]\nrequires = ["poetry-core"]\n'},
         runs=PYTHON_13, by="pyman"),
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
    for name in ("blog", "3.11.2/envs/blog"):
        venv = os.path.join(folder, ".pyenv", "versions", name)
        for program in ("python", "pip"):
            write_python(os.path.join(venv, "bin", program))
        _write(os.path.join(venv, "pyvenv.cfg"), b"home = /nowhere\n")
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
    if case.runs.startswith("pyenv/"):
        return os.path.join(folder, ".pyenv", "versions", case.runs.removeprefix("pyenv/"))
    return os.path.join(folder, "root", "runtimes", case.runs)


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
