"""What package folders hold by their names, and what a venv would miss on another base."""

from __future__ import annotations

import pytest

from pyman.core.packages.lent import DonorPackages, missing, paths_in_pth, read_names, together, told


def lent(*names, modules=()):
    return DonorPackages({name.lower(): f"{name} 1" for name in names}, frozenset(modules))


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("numpy-1.26.4.dist-info", {"numpy": "numpy 1.26.4"}),
        ("ruamel.yaml-0.18.dist-info", {"ruamel-yaml": "ruamel.yaml 0.18"}),
        ("PyYAML-6.0.egg-info", {"pyyaml": "PyYAML 6.0"}),
        ("distro_info-1.5+deb12u1.egg-info", {"distro-info": "distro_info 1.5+deb12u1"}),
        ("old-1.0-py3.11.egg-info", {"old": "old 1.0"}),
        ("zipped-2.0-py3.11.egg", {"zipped": "zipped 2.0"}),
        ("my-tool.egg-link", {"my-tool": "my-tool"}),
        ("nameless.egg-info", {"nameless": "nameless"}),
        ("~umpy-1.26.4.dist-info", {}),
        ("README.txt", {}),
    ],
)
def test_distributions(name, distribution):
    assert read_names([name], []).distributions == distribution
    assert read_names([], [name]).distributions == distribution


def test_modules():
    read = read_names(
        ["a.py", "b.cpython-313-x86_64-linux-gnu.so", "c.abi3.so", "d.pyc", "notes.txt", "e-f.py", "sitecustomize.py"],
        ["pack", "pip", "pkg_resources", "__pycache__", "x-1.0.dist-info", "no-module"],
    )
    assert read.modules == {"a", "b", "c", "d", "pack"}


def test_what_is_missed():
    assert missing(lent("numpy", "pip", "setuptools", "wheel"), lent()) == ("numpy 1",)
    assert missing(lent("numpy", "six"), lent("numpy")) == ("six 1",)
    assert missing(lent("numpy"), lent(), own=lent("numpy")) == ()
    assert missing(lent(), lent("numpy")) == ()
    # Names are compared as indexes compare them.
    assert missing(read_names(["Foo_Bar-1.egg-info"], []), read_names(["foo.bar-2.dist-info"], [])) == ()


def test_modules_count_where_no_distribution_accounts_for_them():
    assert missing(lent(modules=("tools",)), lent()) == ("the module tools",)
    assert missing(lent("numpy", modules=("numpy", "tools")), lent()) == ("numpy 1",)
    assert missing(lent("numpy", modules=("numpy", "tools")), lent("numpy", modules=("numpy",))) == (
        "the module tools",
    )
    assert missing(lent(modules=("tools",)), lent(), own=lent(modules=("tools",))) == ()


def test_the_first_of_two_versions_is_told():
    both = together([DonorPackages({"six": "six 2"}), DonorPackages({"six": "six 1", "x": "x 1"}, frozenset("m"))])
    assert both == DonorPackages({"six": "six 2", "x": "x 1"}, frozenset("m"))


def test_pth_files():
    text = "# no\n/opt/lib\n\nimport os\nimport\tos\n../src  \nbad\0path\r\n"
    assert list(paths_in_pth(text)) == ["/opt/lib", "../src"]


def test_in_a_sentence():
    assert told(("a 1",)) == "a 1"
    assert told(("a 1", "b 2")) == "a 1 and b 2"
    assert told(("a 1", "b 2", "c 3")) == "a 1, b 2 and c 3"
    assert told(tuple("abcdefgh")) == "a, b, c, d, e, f and 2 more"
