"""Files of `dist-info`, as installers write them and as nobody should."""

from __future__ import annotations

import email
import json
import posixpath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from pyman.core.packages.installer import local_source, needs_network, requirement_line
from pyman.core.packages.package import (
    UNKNOWN,
    Distribution,
    Origin,
    Package,
    compiled_in_record,
    digests_in_record,
    headers_of,
    is_compiled,
    is_inside,
    is_name,
    normalize_name,
    parse_direct_url,
    parse_metadata,
    paths_in_record,
    rows_in_record,
    scripts_in_entry_points,
    split_folder,
)
from stage.hostile import HUGE, damaged

PLAIN = b"""\
Metadata-Version: 2.4
Name: Ruamel.YAML
Version: 0.18.6
Summary: a parser
Requires-Python: >=3.7
Requires-Dist: ruamel.yaml.clib>=0.2.7; platform_python_implementation == "CPython"
Provides-Extra: docs
Requires-Dist: ryd; extra == "docs"

Name: not-this-one
Requires-Dist: nor-this
"""


def test_the_headers_that_matter_are_read_and_the_readme_is_not():
    assert parse_metadata(headers_of(PLAIN)) == Distribution(
        "Ruamel.YAML",
        "ruamel-yaml",
        "0.18.6",
        ">=3.7",
        ('ruamel.yaml.clib>=0.2.7; platform_python_implementation == "CPython"', 'ryd; extra == "docs"'),
    )


@pytest.mark.parametrize("newline", [b"\r\n", b"\r"])
def test_other_line_ends_mean_the_same(newline):
    assert parse_metadata(headers_of(PLAIN.replace(b"\n", newline))) == parse_metadata(headers_of(PLAIN))


def test_the_same_headers_give_the_same_object():
    assert parse_metadata(headers_of(PLAIN)) is parse_metadata(headers_of(bytes(bytearray(PLAIN))))


def test_a_folded_header_is_one_line():
    told = parse_metadata(b"Name: spam\nVersion: 1\nRequires-Dist: eggs\n  >=2;\n\tpython_version < '4'\n")
    assert told is not None
    assert told.requires_dist == ("eggs >=2; python_version < '4'",)


@pytest.mark.parametrize(
    "headers",
    [
        b"",
        b"Name: spam",
        b"Version: 1",
        b"Name: spam\nVersion: 1\nSummary: \xff\xfe",
        b"Name: ../spam\nVersion: 1",
        b"Name: -r\nVersion: 1",
        b"Name: spam\nVersion: 1 --index-url=x",
        b"Name: spam\nVersion: 1\x1b[2J",
        "Name: spam".encode("utf-16"),
    ],
)
def test_what_names_no_package_or_is_no_utf8_is_none(headers):
    assert parse_metadata(headers) is None


@given(st.binary(max_size=300))
@example(b"Name:a\nVersion:\n 1")
@settings(max_examples=150)
def test_no_bytes_make_a_parser_fail(content):
    parse_metadata(headers_of(content))
    for name in scripts_in_entry_points(b"[console_scripts]\n" + content):
        assert "/" not in name
    paths_in_record(content)
    for path in compiled_in_record(content + b".so,,\n"):
        assert not posixpath.isabs(path)


_words = st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters=" .;<>=\"'"), max_size=30)


@given(st.lists(st.tuples(st.sampled_from(["Summary", "Requires-Dist", "requires-python", "Classifier"]), _words)))
@settings(max_examples=80)
def test_the_standard_library_reads_the_same_headers(fields):
    text = "Name: spam\nVersion: 1.0\n" + "".join(f"{name}: {value}\n" for name, value in fields) + "\nbody\n"
    message = email.message_from_string(text)
    told = parse_metadata(headers_of(text.encode()))
    assert told is not None
    assert told.requires_dist == tuple(value.strip() for value in message.get_all("Requires-Dist", []))
    pythons = [value.strip() for value in message.get_all("Requires-Python", []) if value.strip()]
    assert told.requires_python == (pythons[0] if pythons else None)


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("ruamel_yaml-0.18.6.dist-info", ("ruamel_yaml", "0.18.6")),
        ("foo-bar-1.0.dist-info", ("foo-bar", "1.0")),
        ("spam-1.0-py3.11.egg-info", ("spam", "1.0")),
        ("spam-1.0-py3.11-linux-x86_64.egg", ("spam", "1.0")),
        ("spam.egg-info", None),
        ("spam.dist-info", None),
        ("-1.0.dist-info", None),
        ("spam-1.0", None),
    ],
)
def test_a_folder_tells_name_and_version(folder, told):
    assert split_folder(folder) == told


def test_names_are_compared_in_one_form():
    assert normalize_name("Foo._-Bar") == normalize_name("foo.bar") == "foo-bar"


def test_compiled_files_are_found_in_record_wherever_they_lie_inside():
    record = (
        b"numpy/_core/_multiarray.cpython-313-x86_64-linux-gnu.so,sha256=x,1\r\n"
        b"numpy.libs/libopenblas-r0.so.0.3,sha256=x,1\n"
        b'"odd, name/x.abi3.so",sha256=x,1\n'
        b'"a ""quoted"" one.so",,\n'
        b"mac.dylib,,\n"
        b"some.sound,,\nlibrary.so.txt,,\nshared.so/readme.md,,\n"
        b"../../../lib/libelsewhere.so,,\n/etc/evil.so,,\na/../../evil.so,,\n"
        b"last.so,,"
    )
    assert compiled_in_record(record) == (
        "numpy/_core/_multiarray.cpython-313-x86_64-linux-gnu.so",
        "numpy.libs/libopenblas-r0.so.0.3",
        "odd, name/x.abi3.so",
        'a "quoted" one.so',
        "mac.dylib",
        "last.so",
    )
    assert not is_inside("../x")
    assert compiled_in_record(b"a.py,sha256=x,1\n") == ()


def test_record_lists_paths_with_commas_too():
    assert paths_in_record(b'a.py,sha256=x,1\n"b,c.py",,\n../../../bin/spam,,\n') == (
        "a.py",
        "b,c.py",
        "../../../bin/spam",
    )
    assert paths_in_record(b"a.py,sha256=x,1\n\n../../../bin/spam,,\n") == ("a.py", "../../../bin/spam")
    assert paths_in_record(b'"' + b"x" * 200_000 + b'",,\n') == ()


def test_scripts_are_the_names_that_become_files_in_bin():
    text = b"""\
[distutils.commands]
other = x:y
[console_scripts]
# spam = no:comment
spam = spam:main [extra]
../../evil = a:b
spam2=spam:main
[gui_scripts]
window = spam:show
"""
    assert scripts_in_entry_points(text) == ("spam", "spam2", "window")


METADATA = (
    b"Metadata-Version: 2.1\nName: spam.eggs\nVersion: 1.0\nRequires-Python: >=3.8\n"
    b"Requires-Dist: ham>=1;\n python_version < '3.12'\nClassifier: x\n\nName: other\n"
)
RECORD = b'spam/a.so,sha256=x,3\n"spam/b,c.cpython-313.so",,\n../../bin/spam,,\n/abs/d.dylib,,\nspam/e.so.1.2,,\n'
ENTRY_POINTS = b"[console_scripts]\nspam = spam:main\n; note\n[gui_scripts]\neggs=eggs:main [extra]\n[other]\nx = y\n"


@settings(max_examples=200)
@given(damaged(METADATA))
def test_damaged_metadata_names_a_package_or_nothing(content):
    told = parse_metadata(headers_of(content))
    assert told is None or (is_name(told.name) and told.version.isprintable() and " " not in told.version)


@settings(max_examples=200)
@given(damaged(RECORD))
def test_a_damaged_record_lists_nothing_outside(content):
    for path in compiled_in_record(content):
        assert not posixpath.normpath(posixpath.join("/s", path)).startswith(("/..", "/abs"))
        assert posixpath.normpath(posixpath.join("/s", path)).startswith("/s/")
        assert "\0" not in path
    assert all("\0" not in path for path in paths_in_record(content))


@settings(max_examples=200)
@given(damaged(ENTRY_POINTS))
def test_damaged_scripts_are_printable_names(entry_points):
    for name in scripts_in_entry_points(entry_points):
        assert name.isprintable()
        assert posixpath.basename(name) == name not in ("", ".", "..")


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_package(kind):
    content = HUGE[kind]
    for start in (b"", b"Name: spam\nVersion: 1.0\nRequires-Dist: "):
        told = parse_metadata(headers_of(start + content))
        assert told is None or start
    assert all(map(is_inside, compiled_in_record(content + b".so,,\n")))
    paths_in_record(content)
    scripts_in_entry_points(b"[console_scripts]\n" + content)


# `direct_url.json`, and the line that installs the same thing again.

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


WRITTEN = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def test_rows_of_record_and_the_digests_that_prove_something():
    content = (
        f'a.py,{WRITTEN},0\n"b,c.py",md5=rL0Y20zC-Fzt72VPzMSk2A,0\nRECORD,,\nd.py,sha256=AAAA,0\ne.py,sha256=!é,0\nf.py\n'
    ).encode()
    rows = rows_in_record(content)
    assert [path for path, _ in rows] == ["a.py", "b,c.py", "RECORD", "d.py", "e.py"]
    assert rows[0] == ("a.py", WRITTEN)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digests_in_record(content) == (("a.py", "sha256", empty),)


def test_a_record_that_is_no_table_lists_nothing():
    import csv

    field = b'"' + b"x" * (csv.field_size_limit() + 1) + b'"\n'
    assert (rows_in_record(field), paths_in_record(field), digests_in_record(field)) == ((), (), ())


def test_names_of_compiled_files():
    assert all(map(is_compiled, ("a.so", "lib/a.cpython-313-x86_64-linux-gnu.so", "liba.so.1", "a.dylib")))
    assert not any(map(is_compiled, ("a.py", "a.so.py", "so", "a.sofa")))


def test_a_package_is_named_with_its_version():
    package = Package(Distribution("Spam", "spam", "1.0", None, ()), "spam-1.0.dist-info", requested=True, origin=None)
    assert (str(package), package.name, package.normalized, package.version) == ("Spam 1.0", "Spam", "spam", "1.0")


@pytest.mark.parametrize("name", ["-e", "--index-url=x", "a b", "", "a/b", "é"])
def test_a_name_that_an_installer_would_take_for_an_option_is_no_line(name):
    answer = requirement_line(package(None, name=name))
    assert (answer.line, answer.reason) == ("", "its name is not one that an installer accepts")


@pytest.mark.parametrize(
    "values",
    [
        {"url": "ftp://h/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}},
        {"url": "ext::sh -c id", "vcs_info": {"vcs": "git", "commit_id": "abc123"}},
        {"url": "file://[/x", "dir_info": {}},
        {"url": "file://other/x", "dir_info": {}},
        {"url": "file:///x%00y", "dir_info": {}},
    ],
)
def test_an_address_that_is_not_gone_to(values):
    assert told(**values) == UNKNOWN
