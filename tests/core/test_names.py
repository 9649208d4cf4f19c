"""What names of folders and interpreters tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.names import (
    homebrew_names,
    implementation_in_store,
    is_interpreter_name,
    is_minor_name,
    is_release_name,
    minor_of_alias,
    minor_of_executable,
    minor_sibling,
    other_in_name,
    policy_of_path,
    prefix_of,
    release_of_path,
    version_in_name,
    versions_in,
)
from pyman.core.version import Version


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("3.13.5", ((3, 13, 5), "", "default")),
        ("3.13.5+20261101", ((3, 13, 5), "", "default")),
        ("3.14.0rc2t", ((3, 14, 0), "rc2", "freethreaded")),
        ("3.14t", ((3, 14), "", "freethreaded")),
        ("3.14d", ((3, 14), "", "debug")),
        ("3", ((3,), "", "default")),
        ("cpython-3.13.5-linux-x86_64-gnu", ((3, 13, 5), "", "default")),
        ("cpython-3.13-linux-x86_64-gnu", ((3, 13), "", "default")),
        ("cpython-3.14.7+freethreaded-linux-x86_64-gnu", ((3, 14, 7), "", "freethreaded")),
        ("cpython-3.14+debug-linux-x86_64-gnu", ((3, 14), "", "debug")),
        ("cpython@3.13.5", ((3, 13, 5), "", "default")),
        ("python@3.12", ((3, 12), "", "default")),
        ("python3.12", ((3, 12), "", "default")),
        ("Python-3.9.1", ((3, 9, 1), "", "default")),
        ("3.12.4_1", ((3, 12, 4), "", "default")),
        ("3.15-dev", ((3, 15), "", "default")),
        ("2024.1.1", None),
        ("miniconda3-3.9", None),
        ("python", None),
        ("projects", None),
        ("3.13.5.1", None),
        ("", None),
    ],
)
def test_version_in_name(name, found):
    assert version_in_name(name) == found
    assert is_minor_name(name) is (found is not None and len(found[0]) < 3)
    assert is_release_name(name) is (found is not None and len(found[0]) == 3)


@pytest.mark.parametrize(
    ("path", "minor", "release"),
    [
        ("/s/runtimes/3.13.5", "3.13", "3.13.5"),
        ("/opt/homebrew/Cellar/python@3.12/3.12.4/Frameworks/Python.framework/Versions/3.12", "3.12", "3.12.4"),
        ("/p/versions/3.12.1/envs/x", "3.12", "3.12.1"),
        ("/p/3.11.2/old/3.13.5", "3.12", None),
        ("/usr", "3.11", None),
        ("/s/3.13", "3.13", None),
        ("/s/3.13.5", "", "3.13.5"),
    ],
)
def test_release_of_path(path, minor, release):
    found = release_of_path(path, minor)
    assert (str(found[0]) if found else None) == release


@pytest.mark.parametrize(
    ("name", "minor"),
    [
        ("python3.13", ("3.13", "default")),
        ("python3.14t", ("3.14", "freethreaded")),
        ("python3.14d", ("3.14", "debug")),
        ("python3", None),
        ("python", None),
        ("python3.13-config", None),
        ("python3.13.5", None),
        ("pypy3.11", ("3.11", "default")),
    ],
)
def test_minor_of_executable(name, minor):
    assert minor_of_executable(name) == minor


def test_interpreter_names():
    assert all(map(is_interpreter_name, ["python", "python3", "python3.13", "python3.14t"]))
    assert not any(
        map(is_interpreter_name, ["python3-config", "python3.13-config", "pythonw", "ipython", "python3.13.5"])
    )


@given(st.text(max_size=40))
def test_no_name_is_too_strange(name):
    version_in_name(name)
    release_of_path(name, "3.13")
    minor_of_executable("python" + name)
    is_interpreter_name("python" + name)


@pytest.mark.parametrize(
    ("name", "implementation", "minor", "own", "kind"),
    [
        ("pypy3.11-8.0.1", "pypy", "3.11", "8.0.1", "release"),
        ("pypy3.11-v7.3.19-linux64", "pypy", "3.11", "7.3.19", "release"),
        ("pypy3.10-7.3.12rc1", "pypy", "3.10", "7.3.12rc1", "release"),
        ("pypy-3.11.15-linux-x86_64-gnu", "pypy", "3.11", "", "release"),
        ("pypy3.11-7.3", "pypy", "3.11", "7.3", "minor"),
        ("pypy3.11", "pypy", "3.11", "", "minor"),
        ("graalpy3.12-25.2.4", "graalpy", "3.12", "25.2.4", "release"),
        ("graalpy-25.0.3", "graalpy", "", "25.0.3", "release"),
        ("graalpy3.12", "graalpy", "3.12", "", "minor"),
    ],
)
def test_other_in_name(name, implementation, minor, own, kind):
    found = other_in_name(name)
    assert (found.implementation, found.minor, found.own) == (implementation, minor, own)
    assert (is_release_name(name), is_minor_name(name)) == (kind == "release", kind == "minor")
    assert version_in_name(name) is None


@pytest.mark.parametrize("name", ["pypy", "pypy3", "pypyenv", "pypy2.7-7.3.11", "pypy3.11-c", "graalpy", "3.11", "x"])
def test_what_names_no_release_of_another_implementation(name):
    assert not is_release_name(name)
    assert not (is_minor_name(name) and name != "3.11")


@pytest.mark.parametrize(
    ("folder", "sibling"),
    [
        ("/s/3.12.1", "/s/3.12"),
        ("/s/pypy3.11-8.0.1", "/s/pypy3.11"),
        ("/s/graalpy3.12-25.2.4", "/s/graalpy3.12"),
        ("/s/graalpy-25.0.3", None),
        ("/s/pypy3.11", None),
        ("/s/3.12", None),
        ("/s/tools", None),
        ("/s/cpython-3.12.8-linux-x86_64-gnu", "/s/cpython-3.12-linux-x86_64-gnu"),
        ("/s/3.13.5+20261101", "/s/3.13"),
        ("/s/3.13.5+mine", "/s/3.13+mine"),
        ("/s/cpython-3.12.8-like-3.12.8", "/s/cpython-3.12-like-3.12.8"),
        ("/s/3.14.0rc2t", "/s/3.14t"),
        ("/opt/homebrew/Cellar/python@3.12/3.12.4_1", "/opt/homebrew/opt/python@3.12"),
    ],
)
def test_minor_sibling(folder, sibling):
    assert minor_sibling(folder) == sibling


def test_what_is_remembered_is_forgotten_in_time_and_stays_true():
    for number in range(2100):
        assert version_in_name(f"3.13.{number}") == ((3, 13, number), "", "default")
        assert other_in_name(f"pypy3.11-8.0.{number}").own == f"8.0.{number}"
        assert minor_of_executable(f"python3.{number}") == (f"3.{number}", "default")
    assert version_in_name("3.13.0") == ((3, 13, 0), "", "default")
    assert other_in_name("pypy3.11-8.0.0").own == "8.0.0"
    assert minor_of_executable("python3.0") == ("3.0", "default")


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/usr/bin/python3.13", "/usr"),
        (
            "/F/Python.framework/Versions/3.13/Resources/Python.app/Contents/MacOS/Python",
            "/F/Python.framework/Versions/3.13",
        ),
    ],
)
def test_the_prefix_of_an_interpreter(path, prefix):
    assert prefix_of(path) == prefix


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (
            "/b/Cellar/python@3.13/3.13.5/bin/python3.13",
            ("/b/opt/python@3.13/bin/python3.13",),
        ),
        (
            "/b/Cellar/python@3.13/3.13.5/Frameworks/x/bin/python3.13",
            ("/b/opt/python@3.13/bin/python3.13", "/b/opt/python@3.13/Frameworks/x/bin/python3.13"),
        ),
        ("/b/Cellar/python@3.13/3.13.5", ()),
        ("/b/Cellar/python@3/3.13.5/bin/python3", ()),
        ("/b/Cellar/python@x/3.13.5/bin/python3", ()),
        ("/usr/bin/python3", ()),
    ],
)
def test_what_homebrew_calls_it(path, names):
    assert homebrew_names(path) == names


@pytest.mark.parametrize(
    ("name", "minor", "implementation"),
    [
        ("3.14t", "3.14", "cpython"),
        ("3.13", "3.13", "cpython"),
        ("pypy3.11", "3.11", "pypy"),
        ("3.13d", "3.13", "cpython"),
    ],
)
def test_what_a_name_in_the_store_is_for(name, minor, implementation):
    assert (minor_of_alias(name), implementation_in_store(name)) == (minor, implementation)


@pytest.mark.parametrize(
    ("path", "version", "policy"),
    [
        ("/s/3.13.5/bin/python3", Version(3, 13, 5), "pin"),
        ("/s/cpython-3.13.5-linux/bin/python3", Version(3, 13, 5), "pin"),
        ("/s/3.13.5.1/bin/python3", Version(3, 13, 5), "pin"),
        ("/s/3.13/bin/python3", Version(3, 13, 5), "follow"),
        ("/s/3.13.50/bin/python3", Version(3, 13, 5), "follow"),
        # Only its own release counts.
        ("/srv/tool-1.2.3/python/3.13/bin/python3", Version(3, 13, 5), "follow"),
        ("/s/pypy3.11-8.0.1/bin/pypy3", Version(3, 11, 4, implementation="pypy", own="8.0.1"), "pin"),
        ("/s/pypy3.11/bin/pypy3", Version(3, 11, 4, implementation="pypy", own="8.0.1"), "follow"),
        ("/s/pypy3.11-7.3.9/bin/pypy3", Version(3, 11, 4, implementation="pypy", own="8.0.1"), "follow"),
    ],
)
def test_whether_a_path_pins(path, version, policy):
    assert policy_of_path(path, version) == policy


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("cpython-3.13.5-linux", [(3, 13, 5)]),
        ("python@3.12", [(3, 12)]),
        ("a-1.2-b-3.4.5.", [(1, 2), (3, 4, 5)]),
        ("3", []),
        ("3..5", []),
        (".5", []),
        ("3.²", []),
        ("", []),
    ],
)
def test_numbers_in_a_name(name, numbers):
    assert versions_in(name) == numbers
