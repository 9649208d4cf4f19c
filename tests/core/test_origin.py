"""`direct_url.json`, and the line that installs the same thing again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from pyman.core.packages.origin import UNKNOWN, Origin, parse_direct_url
from pyman.core.packages.package import Distribution, Package
from pyman.core.packages.requirement_line import local_source, needs_network, requirement_line
from stage.hostile import HUGE, damaged

SHA256 = "a" * 64


def package(origin, version="1.0", name="spam"):
    return Package(Distribution(name, name, version), f"{name}-{version}.dist-info", origin=origin)


def told(**values):
    return parse_direct_url(json.dumps(values).encode())


@pytest.mark.parametrize(
    ("values", "origin", "line"),
    [
        (
            {"url": "file:///src/my%20app", "dir_info": {"editable": True}},
            Origin("editable", "file:///src/my%20app", "/src/my app"),
            "-e file:///src/my%20app",
        ),
        (
            {"url": "file:///src/app", "dir_info": {"editable": True}, "subdirectory": "python"},
            Origin("editable", "file:///src/app", "/src/app/python"),
            "-e file:///src/app/python",
        ),
        (
            {"url": "file:///src/app", "dir_info": {}},
            Origin("folder", "file:///src/app", "/src/app"),
            "spam @ file:///src/app",
        ),
        (
            {"url": "file://localhost/w/spam-1.0.whl", "archive_info": {"hashes": {"md5": "b" * 32, "sha256": SHA256}}},
            Origin(
                "archive",
                "file://localhost/w/spam-1.0.whl",
                "/w/spam-1.0.whl",
                hashes=(("md5", "b" * 32), ("sha256", SHA256)),
            ),
            f"spam @ file:///w/spam-1.0.whl#sha256={SHA256}",
        ),
        (
            {"url": "https://h/spam.tar.gz", "archive_info": {"hash": f"sha256={SHA256}"}, "subdirectory": "sub"},
            Origin("archive", "https://h/spam.tar.gz", "", "sub", hashes=(("sha256", SHA256),)),
            f"spam @ https://h/spam.tar.gz#sha256={SHA256}&subdirectory=sub",
        ),
        (
            {"url": "https://h/spam.tar.gz", "archive_info": {}},
            Origin("archive", "https://h/spam.tar.gz"),
            "spam @ https://h/spam.tar.gz",
        ),
        (
            {
                "url": "ssh://git@h/spam.git",
                "vcs_info": {"vcs": "git", "commit_id": "c0ffee" * 6, "requested_revision": "main"},
                "subdirectory": "sub",
            },
            Origin("vcs", "ssh://git@h/spam.git", "", "sub", "git", "c0ffee" * 6),
            f"spam @ git+ssh://git@h/spam.git@{'c0ffee' * 6}#subdirectory=sub",
        ),
        (
            {"url": "file:///repo", "vcs_info": {"vcs": "git", "commit_id": "abc123"}},
            Origin("vcs", "file:///repo", "/repo", system="git", commit="abc123"),
            "git+file:///repo@abc123#egg=spam",
        ),
    ],
)
def test_each_kind_is_understood_and_written_as_a_line(values, origin, line):
    assert told(**values) == origin
    answer = requirement_line(package(origin))
    assert (answer.line, answer.reason) == (line, "")
    assert answer.source
    if line.startswith("spam"):
        assert Requirement(line).name == "spam"


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("1.0", "spam==1.0"),
        ("2.13.0+cpu", "spam==2.13.0+cpu"),
        ("1!2.0rc1.post3.dev4", "spam==1!2.0rc1.post3.dev4"),
        ("2004d", "spam===2004d"),
        ("1.0;x", ""),
        ("0 --index-url=http://evil", ""),
    ],
)
def test_what_came_from_an_index_is_asked_for_by_its_version(version, line):
    answer = requirement_line(package(None, version))
    assert answer.line == line
    assert bool(answer.reason) is not bool(line)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"url": 5, "dir_info": {}}',
        b'{"url": "file:///x"}',
        b'{"url": "file:///x", "dir_info": []}',
        b'{"url": "https://h/x", "dir_info": {}}',
        b'{"url": "file://host/x", "dir_info": {}}',
        b'{"url": "file:///x\\n--index-url=evil", "dir_info": {}}',
        b'{"url": "https://h/x.whl -r other", "archive_info": {}}',
        b'{"url": "https://h/x.whl#egg=y#z", "archive_info": {}}',
        b'{"url": "javascript:x", "archive_info": {}}',
        b'{"url": "https://h/x", "vcs_info": {"vcs": "sh", "commit_id": "a"}}',
        b'{"url": "https://h/x", "vcs_info": {"vcs": "git"}}',
        b'{"url": "ext::sh -c evil", "vcs_info": {"vcs": "git", "commit_id": "a"}}',
        b'{"url": "https://h/x", "vcs_info": {"vcs": "git", "commit_id": "--upload-pack=evil"}}',
    ],
)
def test_what_cannot_be_understood_is_never_taken_from_the_index_instead(content):
    assert parse_direct_url(content) == UNKNOWN
    answer = requirement_line(package(parse_direct_url(content)))
    assert answer.line == ""
    assert "direct_url.json" in answer.reason


def test_what_uv_leaves_behind_a_url_is_told_apart():
    archive = told(url=f"file:///w/spam-1.0.whl#sha256={SHA256}&egg=spam", archive_info={})
    assert archive == Origin("archive", "file:///w/spam-1.0.whl", "/w/spam-1.0.whl", hashes=(("sha256", SHA256),))
    assert told(url="file:///src/app#subdirectory=a/b", dir_info={}).path == "/src/app/a/b"


def test_a_subdirectory_that_no_requirement_can_name_is_a_reason():
    origin = told(url="https://h/x.zip", archive_info={}, subdirectory="my app")
    assert "my app" in requirement_line(package(origin)).reason


def test_hashes_that_are_none_are_left_out():
    origin = told(url="https://h/x.whl", archive_info={"hashes": {"sha256": "xyz", "sha512": 5}})
    assert requirement_line(package(origin)).line == "spam @ https://h/x.whl"


def test_where_a_package_comes_from_again():
    editable = package(told(url="file:///src/a%23b", dir_info={"editable": True}))
    remote = package(told(url="https://h/x.whl", archive_info={}))
    assert local_source(editable) == "/src/a#b"
    assert requirement_line(editable).line == "-e file:///src/a%23b"
    assert not needs_network(editable)
    assert needs_network(remote)
    assert local_source(remote) == local_source(package(None)) == ""


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["vcs", "commit_id", "hash", "hashes", "editable", "sha256"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "url": st.text(max_size=30)
            | st.sampled_from(["file:///x", "https://h/x.whl", "http://[", "file://[/x"])
            | _json,
            "subdirectory": st.text(max_size=10) | _json,
            "vcs_info": _json,
            "archive_info": _json,
            "dir_info": _json,
        },
    )
)
@settings(max_examples=150)
def test_any_json_gives_one_line_or_a_reason(values):
    answer = requirement_line(package(told(**values)))
    assert bool(answer.line) is not bool(answer.reason)
    assert len(answer.line.splitlines()) <= 1
    assert not any(word.startswith("-") for word in answer.line.removeprefix("-e ").split())


TOLD = (
    b'{"url": "https://h/x-1.0.whl#sha256=' + b"ab" * 32 + b'&subdirectory=a", "archive_info": {"hashes": {}}}',
    b'{"url": "file:///src/%41%20b", "dir_info": {"editable": true}, "subdirectory": "a/b"}',
    b'{"url": "ssh://git@h/r.git", "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "v1"}}',
)


@given(damaged(*TOLD))
@settings(max_examples=200)
def test_a_damaged_file_gives_one_line_or_a_reason(content):
    origin = parse_direct_url(content)
    assert origin.path == "" or (origin.path.startswith("/") and "\0" not in origin.path)
    answer = requirement_line(Package(Distribution("x", "x", "1"), "x-1.dist-info", origin=origin))
    assert bool(answer.line) is not bool(answer.reason)
    assert len(answer.line.splitlines()) <= 1


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_origin(kind):
    assert parse_direct_url(HUGE[kind]) == UNKNOWN
    assert parse_direct_url(b'{"url": "file:///' + HUGE[kind] + b'", "dir_info": {}}') == UNKNOWN
