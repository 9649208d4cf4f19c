"""Where tools keep their Pythons, as variables and defaults say."""

import pytest

from pyman.core.pythons_of_tools import tool_roots

DEFAULTS = {
    "pyenv": "/home/me/.pyenv/versions",
    "uv": "/home/me/.local/share/uv/python",
    "mise": "/home/me/.local/share/mise/installs/python",
    "asdf": "/home/me/.asdf/installs/python",
    "rye": "/home/me/.rye/py",
    "pystand": "/home/me/.local/share/pystand",
    "pdm": "/home/me/.local/share/pdm/python",
    "hatch": "/home/me/.local/share/hatch/env/virtual/.pythons",
}


def first_of_each(environ):
    places = {}
    for root in tool_roots(environ, "/home/me"):
        places.setdefault(root.tool, root.pythons)
    return {tool: places[tool] for tool in DEFAULTS}


@pytest.mark.parametrize(
    ("environ", "moved"),
    [
        ({}, {}),
        ({"PYENV_ROOT": "/opt/pyenv/"}, {"pyenv": "/opt/pyenv/versions"}),
        ({"UV_PYTHON_INSTALL_DIR": "/opt/../uv"}, {"uv": "/uv"}),
        ({"MISE_DATA_DIR": "/opt/mise"}, {"mise": "/opt/mise/installs/python"}),
        ({"ASDF_DATA_DIR": "/opt/asdf"}, {"asdf": "/opt/asdf/installs/python"}),
        ({"RYE_HOME": "/opt/rye"}, {"rye": "/opt/rye/py"}),
        (
            {"XDG_DATA_HOME": "/data"},
            {
                "uv": "/data/uv/python",
                "mise": "/data/mise/installs/python",
                "pystand": "/data/pystand",
                "pdm": "/data/pdm/python",
                "hatch": "/data/hatch/env/virtual/.pythons",
            },
        ),
        # A relative path would mean something else in every folder; one with a NUL means nothing.
        ({"PYENV_ROOT": "pyenv", "RYE_HOME": "/a\0b", "XDG_DATA_HOME": ""}, {}),
    ],
)
def test_variables_say_where(environ, moved):
    assert first_of_each(environ) == {**DEFAULTS, **moved}


def test_the_places_of_a_mac_are_looked_at_too():
    roots = tool_roots({}, "/Users/me")
    places = {(root.tool, root.pythons) for root in roots}
    support = "/Users/me/Library/Application Support"
    assert {
        ("pystand", f"{support}/pystand"),
        ("pdm", f"{support}/pdm/python"),
        ("uv", f"{support}/uv/python"),
    } <= places
    assert ("python.org", "/Library/Frameworks/Python.framework/Versions") in places
    brews = [root for root in roots if root.tool == "homebrew"]
    # The links come before the folders that the next upgrade removes.
    assert [root.links for root in brews] == [True, False] * 3
    assert {root.starts for root in brews} == {("python@3.",)}
    # No folder is looked at twice where the variable names the one of a Mac.
    again = tool_roots({"XDG_DATA_HOME": support}, "/Users/me")
    assert [root.tool for root in again].count("pdm") == 1
