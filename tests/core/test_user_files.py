"""Whose a file in a venv's folder is."""

from __future__ import annotations

import pytest

from pyman.core.user_files import (
    inside,
    is_bookkeeping,
    is_born_with,
    is_runtime_folder,
    is_written_by_a_tool,
    made_by_nobody,
    may_be_a_packages,
    of_the_user,
    package_of_program,
    with_parents,
)


@pytest.mark.parametrize("name", ["python", "python3", "python3.14t", "pypy3.11", "𝜋thon", "pip3.13", "Activate.ps1"])
def test_what_every_maker_puts_into_bin_is_nobodys(name):
    assert is_born_with(name)
    assert not is_born_with(f"my-{name}")


@pytest.mark.parametrize(
    ("path", "inside_of"),
    [
        ("a.py", "lib/site/a.py"),
        ("../../bin/pip", "bin/pip"),
        ("/v/bin/pip", "bin/pip"),
        ("/other/bin/pip", None),
        ("/vv/x", None),
        ("../../../x", None),
        ("../..", None),
        ("../../..", None),
        ("a\0b", None),
    ],
)
def test_no_path_of_record_leads_out_of_the_venv(path, inside_of):
    assert inside("/v", "lib/site", path) == inside_of


def test_whose_a_name_at_the_top_is():
    names = [
        *("bin", "lib", "pyvenv.cfg", ".gitignore", ".lock", "__pycache__", "CACHEDIR.TAG", ".project"),
        *(".pyman-unfinished", ".pyvenv.cfg.pyman-123-0123abcd", ".git", "src"),
    ]
    assert of_the_user(names) == (".git", ".project", "CACHEDIR.TAG", "src")
    assert made_by_nobody(names) == (".git", "src")
    assert [name for name in ("src", ".git") if may_be_a_packages(name)] == ["src"]


def test_what_is_whose_in_a_venv():
    assert all(map(is_runtime_folder, ("python3.13", "python3.14t", "pypy3.11", "site")))
    assert not any(map(is_runtime_folder, ("python", "sites", "mine")))
    assert all(map(is_written_by_a_tool, ("*", "# by uv\n*\n", "")))
    assert not any(map(is_written_by_a_tool, ("*.pyc", "*\n!x")))
    names = ("pip", "pip3.13", "wheel", "easy_install-3.13", "black")
    assert [package_of_program(name) for name in names] == ["pip", "pip", "wheel", "setuptools", None]
    assert all(map(is_bookkeeping, ("a-1.dist-info", "~ip", "_virtualenv.pth", "easy-install.pth", ".pyman-x")))
    assert not any(map(is_bookkeeping, ("a.pth", "a", "pip")))
    assert with_parents(["a/b/c", "a/d", "e"]) == {"a", "a/b", "a/b/c", "a/d", "e"}
