"""What a venv is born with: names, keys, manifests and the headers of scripts."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.script_header import header_for
from pyman.core.seeding import (
    COPIED,
    COPY,
    LINK_MODES,
    LINKED,
    Seed,
    Wheel,
    allowed_ways,
    format_seed,
    newest,
    parse_seed,
    script_names,
    seed_key,
    split_wheel_name,
    wanted_projects,
)
from pyman.core.version import Version


def wheel(version, name="pip", size=10, mtime_ns=20):
    return Wheel(f"/w/{name}-{version}.whl", name, version, size, mtime_ns)


@pytest.mark.parametrize(
    ("filename", "split"),
    [
        ("pip-24.2-py3-none-any.whl", ("pip", "24.2")),
        ("pip-18.1-py2.py3-none-any.whl", ("pip", "18.1")),
        ("setuptools-65.5.0-py3-none-any.whl", ("setuptools", "65.5.0")),
        ("pip-24.2-py2-none-any.whl", None),
        ("numpy-2.0-cp313-cp313-linux_x86_64.whl", None),
        ("pip-24.2-1-py3-none-any.whl", None),
        ("pip-24.2.tar.gz", None),
        ("-24.2-py3-none-any.whl", None),
        ("__init__.py", None),
    ],
)
def test_a_wheel_is_known_by_its_name(filename, split):
    assert split_wheel_name(filename) == split


def test_the_newest_wheel_is_the_one_of_the_highest_version():
    versions = ["9.0", "22.0.4", "23.0.1", "24.0b1", "24.0rc2", "24.0", "24.0.post1", "24.1b2", "100.0"]
    wheels = [wheel(version) for version in versions]
    for end in range(1, len(wheels)):
        assert newest([*reversed(wheels[:end]), wheel("999", "setuptools")], "pip") == wheels[end - 1]
    assert newest(wheels, "wheel") is None


def test_setuptools_goes_with_pip_until_3_12():
    assert wanted_projects(Version(3, 11, 9)) == ("pip", "setuptools")
    assert wanted_projects(Version(3, 12, 0)) == ("pip",)
    assert wanted_projects(Version(3, 8, 0)) == ("pip", "setuptools")


def test_each_wheel_and_each_kind_of_bytecode_has_its_own_place():
    keys = [
        seed_key(*case)
        for case in (
            (wheel("24.2"), Version(3, 13, 5), "default"),
            (wheel("24.2", size=11), Version(3, 13, 5), "default"),
            (wheel("24.2", mtime_ns=21), Version(3, 13, 5), "default"),
            (wheel("24.3"), Version(3, 13, 5), "default"),
            (wheel("24.2"), Version(3, 14, 5), "default"),
            (wheel("24.2"), Version(3, 13, 5), "freethreaded"),
            (wheel("24.2"), Version(3, 13, 5), "debug"),
            (wheel("24.2"), Version(3, 13, 0, "rc1"), "default"),
            (wheel("24.2"), Version(3, 13, 0, "rc2"), "default"),
        )
    ]
    assert len(set(keys)) == len(keys)
    assert seed_key(wheel("24.2"), Version(3, 13, 15), "default") == keys[0]
    assert "/" not in seed_key(wheel("1/../../x"), Version(3, 13, 5), "default")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("pip", ("pip", "pip3", "pip3.13")),
        ("pip3", ("pip", "pip3", "pip3.13")),
        ("pip3.8", ("pip", "pip3", "pip3.13")),
        ("easy_install-3.6", ("easy_install", "easy_install-3.13")),
        ("pipx", None),
        ("wheel", None),
    ],
)
def test_scripts_are_named_after_the_python_that_runs(name, names):
    assert script_names(name, Version(3, 13, 0)) == names


def test_a_plain_path_stands_in_the_first_line():
    assert header_for("/home/u/v/bin/python") == "#!/home/u/v/bin/python\n"
    longest = "/" + "x" * 123
    assert header_for(longest) == f"#!{longest}\n"
    assert header_for(longest + "y").startswith("#!/bin/sh\n")
    assert header_for("/" + "ä" * 62).startswith("#!/bin/sh\n")


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).map(
        lambda text: f"/{text}/python"
    )
)
def test_python_reads_past_every_header(python):
    source = header_for(python) + "answer = 1\n"
    tree = ast.parse(source.encode("utf-8", "surrogateescape"))
    assert isinstance(tree.body[-1], ast.Assign)
    assert len(tree.body) <= 2


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\\"), min_size=200).map(lambda text: f"/{text}/python")
)
def test_the_shell_starts_the_very_path(python):
    second = header_for(python).partition("\n")[2]
    words = shlex.split(second.partition("\n'''")[0].rpartition("\n' '''")[0])
    assert words == ["exec", python, "$0", "$@"]


@settings(max_examples=10)
@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\0/") | st.sampled_from("\\' \n\"$`!"), min_size=1, max_size=40
    ).filter(lambda name: name not in (".", "..") and not name.endswith("\n"))
)
def test_the_header_runs_in_a_real_shell(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("v") / name
    folder.mkdir()
    python = folder / "python"
    python.write_text('#!/bin/sh\nprintf \'%s\\n\' "$#" "$@" | cat\n')
    python.chmod(0o755)
    script = folder / "pip"
    script.write_text(header_for(str(python)) + "print()\n")
    script.chmod(0o755)
    # As bytes: a name may hold a carriage return, which text would turn into a line end.
    done = subprocess.run([script, "a b", ""], capture_output=True, check=True)
    assert done.stdout == os.fsencode(f"3\n{script}\na b\n\n")


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n"), min_size=1, max_size=9)
files = st.lists(
    st.tuples(names, st.integers(0, 1 << 40), st.integers(-(1 << 60), 1 << 62), st.integers(0, 1 << 16)), max_size=4
).map(tuple)


@st.composite
def seeds(draw):
    here = draw(files)
    below = draw(st.lists(names, max_size=3))
    folders = (("", len(here)), *((name, 0) for name in below))
    pack = (sum(size for _, size, *_ in here), draw(st.integers(0, 1 << 62)), draw(st.integers(0, 1 << 16)))
    return Seed("pip", "24.2", "pip-24.2.dist-info", folders, here, draw(files), pack)


@given(seeds())
def test_a_manifest_is_read_as_it_was_written(seed):
    assert parse_seed(format_seed(seed)) == seed


@settings(max_examples=50)
@given(seeds(), st.data())
def test_a_manifest_that_was_cut_off_is_none(seed, data):
    text = format_seed(seed)
    assert parse_seed(text[: data.draw(st.integers(0, len(text) - 1))]) is None


def test_a_name_that_no_line_can_hold_is_not_written():
    with pytest.raises(ValueError, match="line break"):
        format_seed(Seed("pip", "24.2", "d", (("a\nb", 0),), (), (), (0, 0, 0)))


GOOD = ["pip 24.2 d", "\0a\0b", "0 1 1", "3 7 8", "a/x\0b/y", "1 2", "3 4", "5 6", "RECORD", "1", "2", "3"]
WRONG = [
    (0, "pip 24.2"),
    (0, "pip 24.2 d e"),
    (1, "\0a"),
    (2, "0 1"),
    (2, "0 1 2"),
    (3, "3 7"),
    (3, "4 7 8"),
    (4, "a/x"),
    (5, "1"),
    (5, "1 x"),
    (6, ""),
    (7, "5 6 7"),
    (11, ""),
    (11, "-\n"),
]


@pytest.mark.parametrize(("line", "text"), WRONG)
def test_a_manifest_that_makes_no_sense_is_none(line, text):
    assert parse_seed("\n".join(["pyman-seed 3", *GOOD, "end", ""])) is not None
    body = [*GOOD[:line], text, *GOOD[line + 1 :]]
    assert parse_seed("\n".join(["pyman-seed 3", *body, "end", ""])) is None
    assert parse_seed("\n".join(["pyman-seed 2", *GOOD, "end", ""])) is None


@pytest.mark.parametrize("link_mode", LINK_MODES)
def test_root_and_whoever_wants_copies_share_no_file(link_mode):
    assert LINKED not in allowed_ways(link_mode, is_root=True)
    assert (LINKED in allowed_ways(link_mode, is_root=False)) == (link_mode != COPY)
    # Whatever the file system cannot do, this works.
    assert allowed_ways(link_mode, is_root=False)[-1] == allowed_ways(link_mode, is_root=True)[-1] == COPIED


def test_the_scripts_are_what_it_has_of_its_own_but_for_its_record():
    own = (("pip", 1, 2, 0o755), ("RECORD", 1, 2, 0o644), ("pip3", 1, 2, 0o755))
    seed = Seed("pip", "24.2", "pip-24.2.dist-info", (("", 0),), (), own, (0, 1, 2))
    assert seed.scripts == ("pip", "pip3")
    assert parse_seed(format_seed(seed)) == seed
