"""Releases of pyman itself."""

from __future__ import annotations

import pytest

from pyman.core import project
from pyman.core.own_release import installer_commands, is_safe_address, newest_release, python_command

SUM = "0123456789abcdef" * 4


def sums(*names):
    return "".join(f"{SUM}  {name}\n" for name in names)


@pytest.mark.parametrize(
    ("current", "names", "newest"),
    [
        ("1.0", ["pyman-1.0.pyz"], None),
        ("1.0", ["pyman-1.9.pyz", "pyman-1.10.pyz", "pyman-1.2.pyz"], "1.10"),
        ("1.0", ["pyman-2.0rc1.pyz", "pyman-1.1.pyz"], "1.1"),
        ("1.0rc1", ["pyman-1.0rc2.pyz"], "1.0rc2"),
        ("1.0rc1", ["pyman-1.0.pyz"], "1.0"),
        ("2.0", ["pyman-1.9.pyz"], None),
        ("1.0", ["pyman_cli-3.0-py3-none-any.whl", "pyman-cli-3.0.tar.gz", "../pyman-3.0.pyz", "pyman-x.pyz"], None),
        ("1.0", ["*pyman-1.1.pyz"], "1.1"),
        ("1.0", [], None),
    ],
)
def test_the_newest_release(current, names, newest):
    found = newest_release(sums(*names), current)
    assert (found.version if found else None) == newest
    if found:
        assert found.name == f"pyman-{newest}.pyz"
        assert found.sha256 == SUM


@pytest.mark.parametrize(
    "line", ["", "pyman-9.0.pyz", f"{SUM[1:]}  pyman-9.0.pyz", f"{SUM.upper()}  pyman-9.0.pyz", "é \0"]
)
def test_lines_that_are_none(line):
    assert newest_release(line, "1.0") is None


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://example.com/pyman", True),
        ("http://127.0.0.1:8000", True),
        ("http://localhost/x", True),
        ("http://[::1]:80", True),
        ("http://example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("file:///etc", False),
        ("https://", False),
        ("https://[", False),
        ("/folder", False),
    ],
)
def test_where_releases_may_come_from(address, safe):
    assert is_safe_address(address) is safe


def test_who_else_updates_it():
    assert installer_commands("pipx", "/p")[0] == "pipx upgrade pyman-cli"
    assert installer_commands("uv tool", "/p")[1] == "uv tool uninstall pyman-cli"
    assert installer_commands("pip", "/a b/python")[0] == "'/a b/python' -m pip install --upgrade pyman-cli"
    assert installer_commands("debian", "/p") is None


def test_only_a_python_that_pyman_has_alone_is_replaced_by_an_update():
    assert python_command("install.sh", "3.13", is_fetched=True) == "`pyman self update`"
    assert "install.sh --python" in python_command("install.sh", "3.13")
    assert python_command("uv tool", "3") == "`uv tool upgrade pyman-cli --python 3`"


def test_where_the_project_lives_is_an_address_or_nothing_yet():
    assert project.CONTACT is None or project.CONTACT.startswith(("https://", "mailto:"))
    for address in (project.ADDRESS, project.DOWNLOADS):
        assert address is None or (address.startswith("https://") and not address.endswith("/"))
