"""Which lock file a rebuild takes, and `pylock.toml` as a requirements file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from pyman.core.packages.compatibility import marker_environment
from pyman.core.packages.lock_file import choose_lock, requirements_of_pylock
from pyman.core.version import parse_version
from pyman.errors import PymanError
from stage.hostile import HUGE, damaged

MARKERS = marker_environment(parse_version("3.13.5"), sys_platform="linux", machine="x86_64")
A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("names", "installer", "kind"),
    [
        (["uv.lock", "pylock.toml"], "uv", "uv.lock"),
        (["uv.lock", "pylock.toml"], "pip", "pylock.toml"),
        (["pylock.toml", "poetry.lock"], "uv", "pylock.toml"),
        (["poetry.lock", "pdm.lock"], "uv", "foreign"),
        (["pdm.lock"], "pip", "foreign"),
    ],
)
def test_the_lock_file_that_the_installer_can_take_is_taken(names, installer, kind):
    lock = choose_lock("/p", names, installer, "/p/.venv/bin/python")
    assert lock.kind == kind
    assert lock.path == f"/p/{names[0] if kind != 'pylock.toml' else 'pylock.toml'}"
    assert bool(lock.commands) is (kind == "foreign")


def test_a_foreign_lock_file_comes_with_the_commands_to_run():
    commands = choose_lock("/p", ["poetry.lock"], "uv", "/new/python").commands
    assert commands == (("poetry", "env", "use", "/new/python"), ("poetry", "sync"))
    assert choose_lock("/p", ["pdm.lock"], "uv", "/new/python").commands[0] == ("pdm", "use", "-f", "/new/python")


@pytest.mark.parametrize(
    ("names", "code"), [(["uv.lock"], "no-installer"), ([], "no-lock"), (["pyproject.toml"], "no-lock")]
)
def test_none_that_can_be_taken_is_an_error(names, code):
    with pytest.raises(PymanError) as caught:
        choose_lock("/p", names, "pip", "/new/python")
    assert caught.value.code == code
    assert caught.value.hint


PYLOCK = f"""
lock-version = "1.0"
created-by = "a test"
default-groups = ["dev"]
[[packages]]
name = "spam"
version = "1.0"
wheels = [{{ url = "https://h/spam-1.0.whl", hashes = {{ sha256 = "{A}" }} }}]
sdist = {{ url = "https://h/spam-1.0.tar.gz", hashes = {{ sha256 = "{B}", md5 = "c" }} }}
[[packages]]
name = "elsewhere"
version = "1.0"
marker = "sys_platform == 'win32'"
[[packages]]
name = "grouped"
version = "2.0"
marker = "'dev' in dependency_groups"
wheels = [{{ path = "wheels/grouped-2.0.whl", hashes = {{ sha256 = "{B}" }} }}]
[[packages]]
name = "extra"
version = "2.0"
marker = "'fast' in extras"
"""


def test_versions_hashes_and_local_wheels_become_lines():
    told = requirements_of_pylock(PYLOCK.encode(), "/my project/pylock.toml", MARKERS)
    assert told == (
        ("", "--find-links file:///my%20project/wheels"),
        ("spam", f"spam==1.0 --hash=sha256:{A} --hash=sha256:{B}"),
        ("grouped", f"grouped==2.0 --hash=sha256:{B}"),
    )


SOURCES = f"""
lock-version = "1.0"
packages = [
  {{ name = "spam", version = "1.0", wheels = [{{ url = "https://h/s.whl", hashes = {{ sha256 = "{A}" }} }}] }},
  {{ name = "git", vcs = {{ type = "git", url = "https://h/x.git", commit-id = "abc", subdirectory = "sub" }} }},
  {{ name = "ed", directory = {{ path = ".", editable = true }} }},
  {{ name = "folder", directory = {{ path = "../lib", subdirectory = "py" }} }},
  {{ name = "zip", archive = {{ url = "https://h/z.zip", hashes = {{ sha256 = "{A}" }} }} }},
]
"""


def test_other_sources_have_no_hash_and_then_none_has():
    told = requirements_of_pylock(SOURCES.encode(), "/p/pylock.toml", MARKERS)
    assert dict(told) == {
        "spam": "spam==1.0",
        "git": "git @ git+https://h/x.git@abc#subdirectory=sub",
        "ed": "-e file:///p",
        "folder": "folder @ file:///lib/py",
        "zip": "zip @ https://h/z.zip",
    }
    for name, line in told:
        assert line.startswith("-e ") or Requirement(line).name == name


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[",
        b'lock-version = "2.0"\npackages = []',
        b'lock-version = "1.0"',
        b'lock-version = "1.0"\npackages = 5',
        b'lock-version = "1.0"\npackages = [5]',
        b'lock-version = "1.0"\npackages = [{ name = "x" }]',
        b'lock-version = "1.0"\npackages = [{ name = "-r", version = "1" }]',
        b'lock-version = "1.0"\npackages = [{ name = "x", version = "1 --index-url=http://evil" }]',
        b'lock-version = "1.0"\npackages = [{ name = "x", vcs = { type = "git" } }]',
        b'lock-version = "1.0"\npackages = [{ name = "x", archive = { url = "https://h/a\\n-r b" } }]',
        b'lock-version = "1.0"\npackages = [{ name = "x", version = "1", marker = "nonsense" }]',
    ],
)
def test_what_is_no_lock_file_is_an_error_that_names_it(content):
    with pytest.raises(PymanError) as caught:
        requirements_of_pylock(content, "/p/pylock.toml", MARKERS)
    assert caught.value.code == "bad-lock"
    assert "/p/pylock.toml" in caught.value.message


@given(st.binary(max_size=60), st.text(max_size=20))
@settings(max_examples=50)
def test_nothing_but_an_error_comes_of_nonsense(content, text):
    for raw in (
        content,
        f'lock-version = "1.0"\npackages = [{{ name = "x", version = {text!r} }}]'.encode("utf-8", "replace"),
    ):
        try:
            told = requirements_of_pylock(raw, "/p/pylock.toml", MARKERS)
        except PymanError:
            continue
        assert all(len(line.splitlines()) == 1 for _, line in told)


LOCK = b"""lock-version = "1.0"
default-groups = ["dev"]
[[packages]]
name = "a"
version = "1.0"
marker = "python_version >= '3.8' and 'dev' in dependency_groups"
wheels = [{ url = "https://h/a-1.0.whl", hashes = { sha256 = "aa" } }, { path = "w/a.whl" }]
[[packages]]
name = "b"
vcs = { type = "git", url = "https://h/b", commit-id = "abc", subdirectory = "s" }
[[packages]]
name = "c"
directory = { path = "../c", editable = true }
[[packages]]
name = "d"
archive = { url = "https://h/d.tar.gz", hashes = { sha256 = "bb" } }
"""


@given(damaged(LOCK))
@settings(max_examples=200)
def test_a_damaged_lock_file_gives_whole_lines_or_an_error(content):
    try:
        told = requirements_of_pylock(content, "/p/pylock.toml", MARKERS)
    except PymanError as error:
        assert error.code == "bad-lock"
        return
    for name, line in told:
        assert len(line.splitlines()) == 1
        assert line.startswith(("--find-links file:", "-e file:", f"{name}==", f"{name} @ "))


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_lock_file(kind):
    for content in (HUGE[kind], b'lock-version = "1.0"\nx = ' + HUGE[kind]):
        with pytest.raises(PymanError, match="cannot be understood"):
            requirements_of_pylock(content, "/p/pylock.toml", MARKERS)
