"""Names and words that stand in sentences, files and command lines: small rules that many others use."""

import pytest

from pyman.core.escape import visible
from pyman.core.implementation import (
    abi_tag,
    is_own_library,
    marker_name,
    names_in_venv,
    names_own_library,
    program_name,
    reads_home,
    refuse_to_cross,
    refuse_to_make,
    shim_programs,
    why_not_repaired,
)
from pyman.core.own_release import installer_commands
from pyman.core.packages.lent import package_folders
from pyman.core.script_header import header_for, with_interpreter
from pyman.core.shell.activation import activation_line
from pyman.core.version import UNKNOWN_PATCH, Version, python_name, shown_release, version_data
from pyman.errors import Refused
from stage.facts import following


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain é", "plain é"), ("a\x1b[31m", "a\\x1b[31m"), ("a\nb", "a\\nb"), ("\udcff", "\\udcff"), ("", "")],
)
def test_what_a_terminal_would_obey_is_shown(text, shown):
    assert visible(text) == shown


PYPY = Version(3, 11, UNKNOWN_PATCH, implementation="pypy", own="8.0.1")


def test_releases_in_sentences():
    assert (shown_release(Version(3, 13, 5), "default"), shown_release(PYPY, "default")) == (
        "Python 3.13.5",
        "PyPy 8.0.1 (Python 3.11)",
    )
    assert [python_name(name) for name in ("3.13", "pypy3.11", "latest", "system")] == [
        *("Python 3.13", "pypy3.11", "Python latest"),
        "Python system",
    ]
    assert version_data(Version(3, 13, 5)) == {"version": "3.13.5"}
    assert version_data(PYPY, "python") == {"python": "3.11", "implementation_version": "8.0.1"}
    assert version_data(None) == {"version": None}


def test_names_of_implementations():
    assert [marker_name(name) for name in ("cpython", "pypy", "odd")] == ["CPython", "PyPy", "odd"]
    assert [reads_home(name) for name in ("cpython", "pypy", "odd", None)] == [True, False, True, True]
    assert [program_name(name, "3.11") for name in ("cpython", "pypy", "graalpy", "odd")] == [
        *("python3.11", "pypy3.11", "graalpy"),
        "python3.11",
    ]
    assert shim_programs("pypy", "3.11") == ("pypy3.11", "pypy3", "pypy")
    assert names_in_venv("cpython", "3.11") == ("python3", "python3.11")
    assert names_in_venv("pypy", "3.11") == ("python3", "python3.11", "pypy", "pypy3", "pypy3.11")
    assert (abi_tag("pypy", "3.11", "7.3.19"), abi_tag("cpython", "3.11", "")) == ("pypy311-pp73", None)
    assert is_own_library("libx.so.1") and is_own_library("libx.dylib") and not is_own_library("x.so")
    assert names_own_library("libpypy3.11-c.so") and not names_own_library("libssl.so")


def test_implementations_that_are_left_alone():
    assert (why_not_repaired("pypy"), why_not_repaired("graalpy")) == ("", "pyman does not change venvs of GraalPy")
    refuse_to_make("pypy", "/x/pypy", "/v")
    with pytest.raises(Refused, match="does not create venvs of GraalPy") as told:
        refuse_to_make("graalpy", "/x/graal py", "/v")
    assert told.value.hint == "run `'/x/graal py' -m venv /v`: it follows the same link"
    refuse_to_cross(following(), "cpython")
    refuse_to_cross(following(implementation=None), "cpython")
    with pytest.raises(Refused, match="is a PyPy venv, and pyman does not rebuild it with CPython") as crossed:
        refuse_to_cross(following(implementation="pypy"), "cpython")
    assert crossed.value.hint == "create another venv for CPython"


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "source /v/bin/activate"),
        ("fish", "source /v/bin/activate.fish"),
        ("tcsh", "source /v/bin/activate.csh"),
        ("sh", ". /v/bin/activate"),
        ("pwsh", ". '/v/bin/Activate.ps1'"),
    ],
)
def test_the_line_that_activates(shell, line):
    assert activation_line("/v", shell) == line
    assert activation_line("/a b", "bash") == "source '/a b/bin/activate'"


def test_a_script_gets_the_interpreter_that_stands_for_its_own():
    text = header_for("/old/python", "-I") + "print()\n"
    moved = with_interpreter(text, {"/old/python": "/new/python"})
    assert moved == "#!/new/python -I\nprint()\n"
    assert with_interpreter(text, {"/other": "/new"}) == text
    assert with_interpreter("print()\n", {"/old/python": "/new"}) == "print()\n"


def test_how_pyman_is_updated_by_what_installed_it():
    pip = installer_commands("pip", "/my python/bin/python")
    assert pip[0].startswith("'/my python/bin/python' -m pip install --upgrade ")
    assert pip[1].startswith("'/my python/bin/python' -m pip uninstall ")
    uv = installer_commands("uv", "/p")
    assert uv[0].startswith("uv pip install --python /p --upgrade ")
    assert uv[1].startswith("uv pip uninstall --python /p ")
    assert installer_commands("nobody", "/p") is None


def test_where_a_base_has_packages():
    folders = package_folders("/usr", "python3.13")
    assert {"/usr/lib/python3.13/site-packages", "/usr/lib/python3/dist-packages"} <= set(folders)
    assert all(folder.startswith("/usr/") for folder in folders)
