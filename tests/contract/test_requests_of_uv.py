"""The words of the table of cases, asked of uv itself: what pyman understands, uv understands in the same way.

Where the two differ on purpose, pyman does what pyenv or PEP 440 does: DIFFERENT.
"""

import os
import re
import subprocess

import pytest

from pyman.core.platform import split_platform
from pyman.core.request import parse_request
from pyman.core.version import Version
from stage.venvs import peer

SAME = [
    "3", "3.13", "313", "3.13.5", "v3.13.5", "3.13t", "313t", "3.14+freethreaded", "3.14.0rc2", "3.14rc2", "cp313", "cp3.13",
    "cp-3.13", "cp@3.13", "cpython313", "cpython-3.13", "cpython@3.13", "cpython3.13", "python3.13", "python313", "any", "cp",
    "cpython", "default", "cpython-any", ">=3.11,<3.14", "cpython>=3.12,<3.13", "~=3.12", "==3.13.5", "==3.13.*",
    ">=3.14+freethreaded", ">=3.14t", "cpython-3.13.5-linux-x86_64-gnu", "cpython-3.13-linux", "any-3.13-linux-x86_64",
    "cpython-3.14+freethreaded-linux-x86_64-gnu", "linux-x86_64", "pypy", "pp", "pypy3.11", "pypy@3.11", "pypy-3.11", "pp311",
    "pypy311", "pypy>=3.10", "graalpy", "gp", "graalpy3.12", "gp312",
]  # fmt: skip
DIFFERENT = {
    "latest": "pyenv and pyman: the newest",
    "system": "pyenv and pyman: the Python that is there without them",
    "python-3.13": "pyenv: 3.13",
    "3.15-dev": "pyenv: 3.15, pre-releases as well",
    "3.14+gil": "uv lists no build so; pyman: 3.14",
    "pypy3.11-8.0.1": "pyenv: this release of PyPy",
}
"""What uv does not understand, or takes for the name of a program on PATH."""
_KEY = r"(\w+)-(\d+)\.(\d+)\.(\d+)(\w*)(\+freethreaded)?-"


@pytest.fixture(scope="module")
def uv():
    return peer("uv")


def listed(uv, request):
    """What uv could download for a request: implementation, version and variant."""
    command = [uv, "python", "list", request, "--only-downloads", "--all-versions", "--offline", "--no-config"]
    told = subprocess.run(
        command, capture_output=True, text=True, env={"PATH": os.defpath, "HOME": "/nonexistent", "UV_NO_CACHE": "1"},
        check=False,
    )  # fmt: skip
    found = set()
    for key in (line.split()[0] for line in told.stdout.splitlines()):
        implementation, *numbers, prerelease, long_variant = re.match(_KEY, key).groups()
        version = Version(*map(int, numbers), prerelease)
        found.add((implementation, version, "freethreaded" if long_variant else "default"))
    return found


@pytest.fixture(scope="module")
def releases(uv):
    """The final releases of CPython that uv knows, of a number that pyman looks after."""
    found = {
        (version, variant) for implementation, version, variant in listed(uv, "any") if implementation == "cpython"
    }
    return {(version, variant) for version, variant in found if version.is_final and version >= Version(3, 6, 0)}


@pytest.mark.parametrize("text", SAME)
def test_what_both_understand_means_the_same(uv, releases, text):
    request = parse_request(text)
    found = listed(uv, text)
    assert request.implementation in {implementation for implementation, _, _ in found}
    if request.implementation != "cpython":
        return  # Which releases these are is compared where pyman has lists of them.
    if request.platform:
        request = parse_request(split_platform(text)[0] or "any")
    theirs = {(version, variant) for _, version, variant in found if variant == request.variant} & releases
    assert {pair for pair in releases if request.admits(*pair)} == theirs


@pytest.mark.parametrize("text", DIFFERENT)
def test_where_the_two_differ(uv, text):
    parse_request(text)
    assert not listed(uv, text)
