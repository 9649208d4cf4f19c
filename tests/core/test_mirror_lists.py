"""The texts of a mirror's lists, and where an archive lies in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.archive import parse_archive_name
from pyman.core.catalogue import Build, WrongShape, parse_release
from pyman.core.immutable import replace
from pyman.core.mirror_lists import merge_index, merge_sums, mirrored
from pyman.core.version import parse_version
from stage.hostile import HUGE, damaged, text_of

LINUX = "x86_64-unknown-linux-gnu"
MAC = "aarch64-apple-darwin"
BASE = "https://example.org/builds"


def build(version="3.13.5", tag="20260901", platform=LINUX, variant="default", url=None, sha256="5a" * 32):
    options = "" if variant == "default" else f"{variant}-"
    name = f"cpython-{version}%2B{tag}-{platform}-{options}install_only_stripped.tar.gz"
    return Build(parse_version(version), variant, tag, platform, url or f"{BASE}/{tag}/{name}", sha256, None, "tar.gz")


def merged(text, *builds, gone=()):
    return merge_index(text, [(mirrored(one), 7) for one in builds], lambda url: url not in gone)


def releases(text):
    return [json.loads(line)["version"] for line in text.splitlines()]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (None, f"cpython-3.13.5+20260901-{LINUX}-install_only_stripped.tar.gz"),
        (f"{BASE}/cpython-3.13.5%2B20260901-{LINUX}-install_only.tar.gz?token=x",
         f"cpython-3.13.5+20260901-{LINUX}-install_only.tar.gz"),
        (f"/srv/it/cpython-3.13.5+20260901-{LINUX}-install_only.tar.gz",
         f"cpython-3.13.5+20260901-{LINUX}-install_only.tar.gz"),
        # What says something else, or nothing, gets a name that says what the list does.
        (f"{BASE}/python.tar.gz", f"cpython-3.13.5+20260901-{LINUX}-install_only.tar.gz"),
        (f"{BASE}/cpython-3.13.6%2B20260901-{LINUX}-install_only.tar.gz",
         f"cpython-3.13.5+20260901-{LINUX}-install_only.tar.gz"),
        (f"{BASE}/cpython-3.13.5%2B20260901-{MAC}-install_only.tar.gz",
         f"cpython-3.13.5+20260901-{LINUX}-install_only.tar.gz"),
        (f"{BASE}/..%2F..%2Fevil.tar.gz", f"cpython-3.13.5+20260901-{LINUX}-install_only.tar.gz"),
    ],
)  # fmt: skip
def test_the_name_of_an_archive(url, name):
    archive = mirrored(build(url=url))
    assert archive.name == name
    assert archive.place == f"20260901/{name}"


def test_a_variant_is_read_back_as_what_it_is():
    text = merged("", build("3.14.2", variant="freethreaded"), build("3.14.2"))
    [default, free] = sorted(parse_release(text, "/mirror", LINUX).builds, key=lambda one: one.variant)
    assert (default.variant, free.variant) == ("default", "freethreaded")
    assert free.url == f"/mirror/20260901/cpython-3.14.2+20260901-{LINUX}-freethreaded-install_only_stripped.tar.gz"
    assert json.loads(text)["date"] == "2026-09-01T00:00:00Z"


def test_newest_first_by_tag_then_version():
    text = merged(
        "", build("3.9.1"), build("3.13.5"), build("3.13.15", "20261001"), build("3.13.0rc2"), build("3.13.0")
    )
    assert releases(text) == [
        "3.13.15+20261001", "3.13.5+20260901", "3.13.0+20260901", "3.13.0rc2+20260901", "3.9.1+20260901",
    ]  # fmt: skip


def test_what_somebody_else_wrote_stays_letter_by_letter():
    theirs = (
        '{"version":"3.12.1+20250101",  "date":"x","note":[1],"artifacts":[{"platform":"x","variant":"full",'
        '"url":"https://example.org/x.tar.zst","archive_format":"tar.zst","sha256":null}]}\n'
    )
    text = merged(theirs, build())
    assert text.splitlines(keepends=True)[1] == theirs
    assert merged(text, build()) == text


def test_another_platform_of_a_release_goes_into_its_line():
    text = merged(merged("", build()), build(platform=MAC))
    assert releases(text) == ["3.13.5+20260901"]
    assert [one["platform"] for one in json.loads(text)["artifacts"]] == [LINUX, MAC]


def test_what_is_not_there_any_more_is_left_out():
    text = merged("", build(), build("3.12.1"))
    gone = json.loads(text.splitlines()[0])["artifacts"][0]["url"]
    assert releases(merged(text, gone=[gone])) == ["3.12.1+20260901"]
    assert releases(merged(text, build(), gone=[gone])) == ["3.13.5+20260901", "3.12.1+20260901"]


STRANGE = [
    "nonsense", "[]", "{}", '{"version": "3.13.5+20260901"}', '{"version": "3.13", "artifacts": []}', "[" * 100_000,
    '{"version": "3.11.17+20261012", "implementation": "pypy", "artifacts": []}',
]  # fmt: skip


@pytest.mark.parametrize("line", STRANGE)
def test_a_line_that_is_not_understood_stays_where_it_is(line):
    first = merged("", build("3.12.1"), build("3.11.1"))
    for place in range(3):
        lines = first.splitlines()
        lines.insert(place, line)
        text = merged("".join(f"{one}\n" for one in lines), build())
        [new] = [one for one in text.splitlines() if one not in lines]
        assert json.loads(new)["version"] == "3.13.5+20260901"
        assert [one for one in text.splitlines() if one != new] == lines


@pytest.mark.parametrize("line", STRANGE)
def test_a_text_of_which_nothing_is_understood_is_not_an_index(line):
    with pytest.raises(WrongShape, match="line 2 "):
        merged(f"\n{line}\n", build())


def test_an_artifact_that_is_not_understood_stays():
    [line] = merged("", build()).splitlines()
    release = json.loads(line)
    release["artifacts"] += [1, None, {"url": ["a"]}, {"platform": "any"}]
    assert json.loads(merged(json.dumps(release), build(platform=MAC)).splitlines()[0])["artifacts"][1:5] == [
        1, None, {"url": ["a"]}, {"platform": "any"},
    ]  # fmt: skip


BUILDS = st.builds(
    build,
    st.sampled_from(["3.13.5", "3.13.15", "3.14.0rc1", "3.9.0"]),
    st.sampled_from(["20260901", "20261001"]),
    st.sampled_from([LINUX, MAC]),
    st.sampled_from(["default", "freethreaded", "debug"]),
)


@given(st.lists(BUILDS, max_size=6), st.lists(BUILDS, max_size=6))
def test_in_parts_or_at_once_and_again_it_is_the_same(first, second):
    def all_of(text):
        return {
            (one.version, one.build, one.platform, one.variant, one.url)
            for line in text.splitlines()
            for platform in (LINUX, MAC)
            for one in parse_release(line, "/m", platform).builds
        }

    both = merged("", *dict.fromkeys(first + second))
    parts = merged(merged("", *dict.fromkeys(first)), *dict.fromkeys(second))
    assert all_of(parts) == all_of(both)
    assert releases(parts) == releases(both) == list(dict.fromkeys(releases(both)))
    assert {one[:4] for one in all_of(both)} == {
        (one.version, one.build, one.platform, one.variant) for one in first + second
    }
    assert all(parse_archive_name(mirrored(one).name) is not None for one in first)


def test_sums_are_sorted_and_what_is_there_stays():
    text = merge_sums(f"{'b' * 64} *b.tar.gz\n\nnonsense\n", {"a.tar.gz": "a" * 64})
    assert text == f"{'a' * 64}  a.tar.gz\n{'b' * 64}  b.tar.gz\n"
    assert merge_sums(text, {"b.tar.gz": "c" * 64}) == f"{'a' * 64}  a.tar.gz\n{'c' * 64}  b.tar.gz\n"


@pytest.mark.parametrize("name", ["*b.tar.gz", "* b", " *b", "**", "b *c"])
def test_a_name_may_have_blanks_and_asterisks(name):
    text = f"{'b' * 64}  {name.strip()}\n"
    assert merge_sums(f"{'b' * 64}  {name}\n", {}) == text
    assert merge_sums(f"{'b' * 64} *{name}\n", {}) == text
    assert merge_sums(text, {}) == text


LINE = merge_index("", [(mirrored(build()), 10)], lambda _: True)


@settings(max_examples=150)
@given(damaged(LINE.encode() * 2))
def test_a_damaged_index_is_merged_or_a_wrong_shape(content):
    added = (mirrored(build(version="3.13.15", tag="20261001")), 10)
    try:
        text = merge_index(text_of(content), [added], lambda _: True)
    except WrongShape:
        return
    assert merge_index(text, [added], lambda _: True) == text


@settings(max_examples=150)
@given(damaged(b"5a" * 32 + b"  a.tar.gz\n" + b"5b" * 32 + b" *b.tar.gz\n"))
def test_damaged_sums_are_merged_and_stay_so(content):
    text = merge_sums(text_of(content), {"c.tar.gz": "5c" * 32})
    assert f"{'5c' * 32}  c.tar.gz\n" in text
    assert merge_sums(text, {}) == text


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_index(kind):
    text = text_of(HUGE[kind])
    if text.strip():
        with pytest.raises(WrongShape):
            merge_index(text, [], lambda _: True)
    assert merge_sums(text, {}) == ""


PYPY = "pypy3.11-v8.0.1-linux64.tar.gz"
OURS = f"pypy3.11-8.0.1-{LINUX}.tar.gz"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"{BASE}/{PYPY}", PYPY),
        (f"{BASE}/{PYPY}?token=x", PYPY),
        (f"/srv/it/{PYPY}", PYPY),
        (f"{BASE}/pypy.tar.gz", OURS),
        (f"{BASE}/pypy3.11-v8.0.2-linux64.tar.gz", OURS),
        (f"{BASE}/graalpy3.11-8.0.1-linux64.tar.gz", OURS),
        (f"{BASE}/pypy3.11-v8.0.1-linux64.tar.bz2", OURS),
        ("/srv/it/pypy3.11-v8.0.1-linux%36.tar.gz", OURS),
    ],
)
def test_the_name_of_an_archive_of_another_implementation(url, name):
    version = replace(parse_version("3.11.17"), implementation="pypy", own="8.0.1")
    archive = mirrored(Build(version, "default", "20261012", LINUX, url, "5a" * 32, None, "tar.gz"))
    assert (archive.name, archive.place) == (name, f"pypy/{name}")
