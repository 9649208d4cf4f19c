"""A venv is never linked to a Python that is built for another processor."""

from __future__ import annotations

import os
import struct
import types

import pytest

from pyman.core.version import parse_version
from pyman.effects import architecture as architectures
from pyman.effects.architecture import Architectures
from pyman.effects.moves.check import Base, Fitness, Question
from pyman.effects.venvs.on_disk import read_venv
from stage.home import Home
from stage.venvs import make_prefix, make_venv, write

OLD, NEW = "3.13.5", "3.13.15"
MACHINE = os.uname().machine
NUMBERS = {"x86_64": 62, "aarch64": 183}
OTHER = "aarch64" if MACHINE == "x86_64" else "x86_64"
pytestmark = pytest.mark.skipif(MACHINE not in NUMBERS, reason="the files here are made for two kinds of machines")


def program(machine):
    return b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HH", 3, NUMBERS[machine])


def apple(*kinds):
    numbers = {"x86_64": 0x01000007, "arm64": 0x0100000C}
    if len(kinds) == 1:
        return struct.pack("<II", 0xFEEDFACF, numbers[kinds[0]]) + bytes(24)
    return struct.pack(">II", 0xCAFEBABE, len(kinds)) + b"".join(
        struct.pack(">I", numbers[kind]) + bytes(16) for kind in kinds
    )


@pytest.fixture
def user(tmp_path):
    """A store with one Python for this machine."""
    home = Home(tmp_path)
    make_prefix(str(home.runtimes / NEW), NEW, manifest=True, binary=program(MACHINE))
    (home.runtimes / "3.13").symlink_to(NEW)
    (home.runtimes / "3").symlink_to("3.13")
    return home


def another(user, release=OLD, binary=None):
    """A Python of somebody else's, for the other machine."""
    prefix = make_prefix(str(user.path / f"opt/{release}"), release, binary=binary or program(OTHER))
    return f"{prefix}/bin/python3.13"


def give_compiled(venv, content):
    write(f"{venv}/lib/python3.13/site-packages/spam/_spam.so", content)


def findings(user, venv, *words, status):
    answer = user.json("doctor", venv, *words, status=status)
    return [(one["code"], one["status"], one["message"], one["repair"]) for one in answer["findings"]]


@pytest.mark.parametrize("release", [OLD, NEW], ids=["older", "the same"])
def test_a_venv_of_another_architecture_stays_with_its_python(user, release):
    venv = make_venv(str(user.project / ".venv"), another(user, release))
    before = user.tree(user.project)
    found = findings(user, venv, "--fix", status=0)
    if release == OLD:
        [(code, status, message, repair)] = found
        assert (code, status, repair) == ("held-back", "open", None)
        assert message.startswith(f"kept on {OLD} while 3.13 points at {NEW}: ")
        assert f"built for {MACHINE}" in message
        assert OTHER in message
    else:
        assert found == []
    assert user.tree(user.project) == before
    for words in (["follow", venv], ["pin", venv, NEW]):
        result = user.json(*words, status=1)
        assert result["error"]["code"] == "other-architecture"
        assert f"pyman rebuild {venv} -p " in result["error"]["hint"]
    assert user.tree(user.project) == before


@pytest.mark.parametrize("compiled", [OTHER, MACHINE, None])
def test_a_venv_whose_python_is_gone_is_told_by_what_is_compiled_in_it(user, compiled):
    venv = make_venv(str(user.project / ".venv"), "/gone/3.13.5/bin/python3.13")
    if compiled is not None:
        give_compiled(venv, program(compiled))
    [(code, status, message, repair)] = findings(user, venv, "--dry-run", status=1)
    assert code == "dangling"
    if compiled == OTHER:
        assert (status, repair) == ("planned", "rebuild it for 3.13")
        assert f"is built for {MACHINE}, and it for {OTHER}" in message
    else:
        assert status == "planned"
        assert repair.startswith("relink to 3.13")


def test_a_python_that_this_machine_cannot_run_is_no_target(user):
    write(str(user.runtimes / NEW / "bin/python3.13"), program(OTHER), 0o755)
    venv = make_venv(str(user.project / ".venv"), "/gone/3.13.5/bin/python3.13")
    [(code, status, message, repair)] = findings(user, venv, "--dry-run", status=1)
    assert (code, status, repair) == ("dangling", "planned", "rebuild it for 3.13")
    assert f"is built for {OTHER}, and this machine is {MACHINE}" in message


def test_a_copied_interpreter_is_not_replaced_by_one_for_another_machine(user):
    venv = make_venv(str(user.project / ".venv"), str(user.runtimes / "3.13/bin/python3.13"))
    os.unlink(f"{venv}/bin/python")
    write(f"{venv}/bin/python", program(OTHER) + b"a copy", 0o755)
    [(code, status, _, repair)] = findings(user, venv, "--dry-run", status=1)
    assert (code, status, repair) == ("copied-binary", "planned", "rebuild it for 3.13")


@pytest.mark.parametrize(
    ("base", "target", "package", "objects"),
    [
        (["x86_64"], ["arm64"], None, True),
        (["arm64"], ["x86_64", "arm64"], None, False),
        (["x86_64", "arm64"], ["arm64"], None, False),
        (["x86_64", "arm64"], ["arm64"], ["x86_64"], True),  # made under Rosetta
        (["x86_64", "arm64"], ["arm64"], ["arm64"], False),
        (["x86_64", "arm64"], ["arm64"], ["x86_64", "arm64"], False),
        (None, ["arm64"], ["x86_64"], True),
        (None, ["arm64"], ["x86_64", "arm64"], False),
        (None, ["arm64"], None, False),
        (None, None, ["x86_64"], False),
    ],
)
def test_on_macos(user, monkeypatch, base, target, package, objects):
    monkeypatch.setattr(architectures, "sys", types.SimpleNamespace(platform="darwin"))
    wanted = another(user, NEW, apple(*target) if target else b"#!/bin/sh\n")
    venv = make_venv(
        str(user.project / ".venv"), another(user, OLD, apple(*base)) if base else "/gone/3.13.5/bin/python3.13"
    )
    if package:
        give_compiled(venv, apple(*package))
    assert bool(Architectures().objection(read_venv(venv), wanted)) is objects


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        (["x86_64"], "spam 1.0 has spam/_spam.so for x86_64, and 3.13.15 is built for arm64"),
        (["x86_64", "arm64"], ""),
        (None, ""),
    ],
)
def test_a_move_from_a_universal_python_to_one_for_one_processor(user, package, reason):
    """Homebrew's and pyman's own are for one, python.org's is for both."""
    old, new = another(user, OLD, apple("x86_64", "arm64")), another(user, NEW, apple("arm64"))
    venv = make_venv(str(user.project / ".venv"), old)
    if package:
        give_compiled(venv, apple(*package))
        info = f"{venv}/lib/python3.13/site-packages/spam-1.0.dist-info"
        write(f"{info}/METADATA", "Metadata-Version: 2.1\nName: spam\nVersion: 1.0\n")
        write(f"{info}/RECORD", "spam/_spam.so,,\n")
    bases = [Base(path, parse_version(text), "default") for path, text in ((old, OLD), (new, NEW))]
    question = Question(venv, f"{venv}/lib/python3.13/site-packages", *bases)
    assert Fitness(str(user.cache)).reasons([question]).get(venv, "") == reason


def test_an_alias_does_not_take_its_followers_to_another_architecture(user):
    make_prefix(str(user.runtimes / OLD), OLD, manifest=True, binary=program(OTHER))
    (user.runtimes / "3.13").unlink()
    (user.runtimes / "3.13").symlink_to(OLD)
    (user.root / "holds").write_text(f"3.13 {OLD}\n")
    venv = make_venv(str(user.project / ".venv"), str(user.runtimes / "3.13/bin/python3.13"))
    user.pyman("register", venv)
    before = user.tree(user.path)
    # Held back it would have to start, to be verified, and what is for another machine does not.
    error = user.json("unhold", "3.13", status=1)["error"]
    assert error["code"] == "cannot-hold-back"
    assert f"does not fit {NEW}: {NEW} is built for {MACHINE}, and {OLD} for {OTHER}" in error["message"]
    assert {name: what for name, what in user.tree(user.path).items() if ".lock" not in name} == before
