"""PyPy's own two lists, as they are published and as they could be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.catalogue import WrongShape
from pyman.core.pypy_lists import parse_pypy_lists, read_checksums

LINUX, MAC = "x86_64-unknown-linux-gnu", "aarch64-apple-darwin"
SHA = "Ab" * 32


def release(own, python, *files, date="2026-10-12", **others):
    return {"pypy_version": own, "python_version": python, "stable": True, "date": date, "files": list(files)} | others


def file(name, platform="linux", arch="x64"):
    url = f"https://downloads.python.org/pypy/{name}"
    return {"filename": name, "arch": arch, "platform": platform, "download_url": url}


def sums(*names):
    return "Checksums\n\n" + "".join(f"    {SHA}  {name}\n" for name in names)


def listed(*releases, checksums="", platform=LINUX):
    return parse_pypy_lists(json.dumps(releases), checksums, platform)


def test_releases_are_ordered_by_their_own_version_whatever_the_list_does():
    old, new, last = (f"pypy3.11-v{own}-linux64.tar.bz2" for own in ("7.3.9", "7.3.19", "8.0.1"))
    found, passed_over = listed(
        release("7.3.19", "3.11.11", file(new)),
        release("8.0.1", "3.11.9", file(last)),
        release("7.3.9", "3.11.11", file(old)),
        checksums=sums(old, new, last),
    )
    assert [build.release for build in found.builds] == ["pypy3.11-8.0.1", "pypy3.11-7.3.19", "pypy3.11-7.3.9"]
    first = found.builds[0]
    assert (str(first.version), first.build, first.sha256, first.size) == ("3.11.9", "20261012", SHA.lower(), None)
    assert first.url == f"https://downloads.python.org/pypy/{last}"
    assert passed_over.lines == 0


def test_what_has_no_checksum_yet_is_not_offered():
    name = "pypy3.11-v8.0.1-linux64.tar.gz"
    found, _ = listed(release("8.0.1", "3.11.17", file(name)), checksums=sums("pypy3.11-v8.0.1-linux64.tar.gz.sig"))
    assert found.builds == ()
    assert [(one.release, one.reason) for one in found.unusable] == [("pypy3.11-8.0.1", "has no sha256")]


@pytest.mark.parametrize(
    "text",
    [
        f"<pre>{SHA}  pypy3.11-v8.0.1-linux64.tar.gz</pre>",
        f"<p>sha256:</p><pre>\n{SHA}\tpypy3.11-v8.0.1-linux64.tar.gz<br>",
        f"pypy3.11-8.0.1 sha256::\n\n    {SHA}  pypy3.11-v8.0.1-linux64.tar.gz\n",
    ],
)
def test_both_forms_of_the_checksums_are_read(text):
    assert read_checksums(text) == {"pypy3.11-v8.0.1-linux64.tar.gz": SHA.lower()}


def test_what_is_for_others_is_left_out():
    names = ["pypy3.11-v8.0.1-macos_arm64.tar.gz", "pypy3.11-v8.0.1-win64.zip", "pypy2.7-v8.0.1-linux64.tar.gz"]
    releases = [
        release("8.0.1", "3.11.17", file(names[0], "darwin", "arm64"), file(names[1], "win64")),
        release("8.0.1", "2.7.18", file(names[2])),
        release("nightly", "3.12", file("pypy-c-jit-latest-linux64.tar.bz2"), date=""),
        release("5.8.0", "3.5.3", file("pypy3-v5.8.0-linux64.tar.bz2")),
    ]
    found, passed_over = listed(*releases, checksums=sums(*names))
    assert (found.builds, found.unusable, passed_over.lines) == ((), (), 0)
    [build] = listed(*releases, checksums=sums(*names), platform=MAC)[0].builds
    assert build.url.endswith(names[0])
    assert listed(*releases, checksums=sums(*names), platform="x86_64-unknown-linux-musl")[0].builds == ()


@pytest.mark.parametrize(
    "strange",
    [
        {},
        [],
        7,
        {"pypy_version": "8.0.1", "python_version": "3.11.17", "files": 1},
        release(801, "3.11.17", file("a.tar.gz")),
        release("8.0.1", None, file("a.tar.gz")),
        release("8.x", "3.11.17", file("a.tar.gz")),
        release("8.0.1", "3.11", file("a.tar.gz")),
        release("8.0.1", "3.11.17", file("pypy3.11-v8.0.1-linux64.tar.gz"), date="soon"),
    ],
)
def test_a_release_that_is_not_understood_is_counted(strange):
    name = "pypy3.11-v7.3.19-linux64.tar.gz"
    found, passed_over = listed(strange, release("7.3.19", "3.11.11", file(name)), checksums=sums(name))
    assert ([build.release for build in found.builds], passed_over.lines) == (["pypy3.11-7.3.19"], 1)
    with pytest.raises(WrongShape):
        listed(strange)


@pytest.mark.parametrize("url", ["http://downloads.python.org/x.tar.gz", "ftp://x/y", "", "../x", 7])
def test_an_address_that_is_less_safe_is_not_used(url):
    name = "pypy3.11-v8.0.1-linux64.tar.gz"
    found, _ = listed(release("8.0.1", "3.11.17", file(name) | {"download_url": url}), checksums=sums(name))
    assert found.builds == ()


@given(st.text() | st.just("[" * 100_000), st.text())
def test_any_text_is_a_list_or_a_wrong_shape(versions, checksums):
    try:
        parse_pypy_lists(versions, checksums, LINUX)
    except WrongShape:
        pass


@pytest.mark.parametrize("text", ["", "[", "{}", "7", "null", "[" * 100_000])
def test_what_is_no_list_at_all(text):
    with pytest.raises(WrongShape):
        parse_pypy_lists(text, "", LINUX)
