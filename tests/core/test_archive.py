"""The rule of unpacking, member by member, without a disk."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.archive import (
    Limits,
    Member,
    Tree,
    Unacceptable,
    parse_archive_name,
    read_configuration,
    read_extended_header,
    read_patch_level,
)
from stage.hostile import HUGE, damaged, text_of


def tree(*members: Member, limits: Limits | None = None) -> Tree:
    made = Tree(limits or Limits())
    for member in members:
        made.place(member)
    return made


def file(name: str, size: int = 1) -> Member:
    return Member(name, "file", size)


def link(name: str, target: str) -> Member:
    return Member(name, "link", target=target)


def hard_link(name: str, target: str) -> Member:
    return Member(name, "hard link", target=target)


class TestPlaces:
    def test_a_file_lands_below_the_destination_with_its_folders(self):
        placement = tree().place(Member("python/lib/python3.13/os.py", "file", 5))
        assert (placement.path, placement.folders, placement.mode) == (
            "lib/python3.13/os.py",
            ("lib", "lib/python3.13"),
            0o644,
        )

    def test_only_what_may_be_executed_gets_the_mode_for_it(self):
        assert tree().place(Member("python/bin/python", "file", 1, executable=True)).mode == 0o755

    def test_folders_are_made_once(self):
        made = tree(file("python/lib/a"))
        assert made.place(file("python/lib/b")).folders == ()
        assert made.place(Member("python/lib", "folder")).folders == ()
        assert made.place(Member("python/lib/new/", "folder")).folders == ("lib/new",)

    def test_the_top_folder_itself_needs_nothing(self):
        placement = tree().place(Member("python/", "folder"))
        assert (placement.path, placement.folders) == ("", ())

    def test_links_are_kept_for_the_end(self):
        made = tree(file("python/bin/python3.13"), link("python/bin/python", "python3.13"), link("python/lib64", "lib"))
        assert made.links == [("bin/python", "python3.13"), ("lib64", "lib")]

    def test_a_hard_link_is_another_name_of_an_earlier_file(self):
        made = tree(file("python/bin/a"))
        assert made.place(hard_link("python/bin/b", "python/bin/a")).source == "bin/a"
        assert made.place(hard_link("python/bin/c", "python/bin/b")).source == "bin/b"


NAMES_REFUSED = {
    "absolute": "/python/x",
    "absolute elsewhere": "/etc/passwd",
    "goes up": "../x",
    "goes up below": "python/../x",
    "goes up at the end": "python/lib/..",
    "only up": "..",
    "beside the top": "other/x",
    "looks like the top": "python3/x",
    "nothing": "",
    "a dot": ".",
    "below a dot": "./python/x",
    "dot inside": "python/./x",
    "empty part": "python//x",
    "ends in a slash": "python/x/",
    "zero byte": "python/a\0b",
    "line feed": "python/a\nb",
    "escape": "python/\x1b[31m",
    "delete": "python/\x7f",
    "C1 control": "python/\x9b31m",
    "last C1 control": "python/\x9f",
    "no UTF-8": "python/\udcff",
    "first lone surrogate": "python/\ud800",
    "long part": "python/" + "x" * 256,
    "long path": "python/" + "x/" * 300 + "x",
    "long in bytes": "python/" + "é" * 128,
}


@pytest.mark.parametrize("name", NAMES_REFUSED.values(), ids=NAMES_REFUSED.keys())
@pytest.mark.parametrize("kind", ["file", "link", "hard link"])
def test_names_that_are_refused(name, kind):
    made = tree(file("python/there"))
    with pytest.raises(Unacceptable):
        made.place(Member(name, kind, target="there" if kind == "link" else "python/there"))


@pytest.mark.parametrize(
    "name",
    [
        "python/naïve/日本",
        "python/a b",
        "python/..a",
        "python/a..",
        "python/" + "x" * 255,
        "python/" + "x/" * 252 + "x",
        "python/\xa0",
    ],
)
def test_names_that_are_fine(name):
    assert tree().place(file(name)).path == name.removeprefix("python/")


TARGETS_REFUSED = {
    "absolute": ("python/a", "/etc/passwd"),
    "to itself as absolute": ("python/a", "/python/b"),
    "empty": ("python/a", ""),
    "up from the top": ("python/a", ".."),
    "up too far": ("python/lib/a", "../../x"),
    "up again after going down": ("python/lib/a", "b/../../../x"),
    "up again, though it stays inside": ("python/lib/a", "b/../c"),
    "up behind a dot": ("python/lib/a", "./../../x"),
    "up behind an empty part": ("python/lib/a", "x//../../../y"),
    "zero byte": ("python/a", "b\0c"),
    "control": ("python/a", "b\nc"),
    "no UTF-8": ("python/a", "\udcff"),
    "too long": ("python/a", "x/" * 300),
}


@pytest.mark.parametrize(("name", "target"), TARGETS_REFUSED.values(), ids=TARGETS_REFUSED.keys())
def test_link_targets_that_are_refused(name, target):
    with pytest.raises(Unacceptable):
        tree().place(link(name, target))


@pytest.mark.parametrize(
    ("name", "target"),
    [("python/bin/python", "python3.13"), ("python/lib/x", "../bin/y"), ("python/a/b/c", "../.."), ("python/a", "b/")],
)
def test_link_targets_that_are_fine(name, target):
    assert tree(link(name, target)).links == [(name.removeprefix("python/"), target)]


REFUSED_TOGETHER = {
    "file below a link": [link("python/a", "b"), file("python/a/x")],
    "file below a link to outside": [link("python/lib/a", "../b"), file("python/lib/a/x")],
    "folder below a link": [link("python/a", "b"), Member("python/a/x", "folder")],
    "link below a link": [link("python/a", "b"), link("python/a/x", "y")],
    "deep below a link": [link("python/a", "b"), file("python/a/x/y/z")],
    "link in the place of a folder": [file("python/a/x"), link("python/a", "b")],
    "folder in the place of a link": [link("python/a", "b"), Member("python/a", "folder")],
    "file below a file": [file("python/a"), file("python/a/x")],
    "file in the place of a folder": [file("python/a/x"), file("python/a")],
    "folder in the place of a file": [file("python/a"), Member("python/a/", "folder")],
    "the same file twice": [file("python/a"), file("python/a")],
    "the same link twice": [link("python/a", "b"), link("python/a", "c")],
    "link, then file": [link("python/a", "b"), file("python/a")],
    "top as a link": [link("python", "elsewhere")],
    "top as a file": [file("python")],
    "top as a hard link": [file("python/a"), hard_link("python", "python/a")],
    "hard link to nothing": [hard_link("python/b", "python/a")],
    "hard link to a later file": [hard_link("python/b", "python/a"), file("python/a")],
    "hard link to a link": [link("python/a", "x"), hard_link("python/b", "python/a")],
    "hard link to a folder": [file("python/a/x"), hard_link("python/b", "python/a")],
    "hard link to outside": [file("python/a"), hard_link("python/b", "/etc/passwd")],
    "hard link upward": [file("python/a"), hard_link("python/b", "python/../../a")],
    "hard link without the top": [file("python/a"), hard_link("python/b", "a")],
    "hard link over a file": [file("python/a"), file("python/b"), hard_link("python/b", "python/a")],
    "device": [Member("python/a", "a device")],
    "named pipe": [Member("python/a", "a named pipe")],
    "folder with content": [Member("python/a", "folder", 5)],
    "link with content": [Member("python/a", "link", 5, target="b")],
    "negative size": [file("python/a", -1)],
}


@pytest.mark.parametrize("members", REFUSED_TOGETHER.values(), ids=REFUSED_TOGETHER.keys())
def test_members_that_do_not_go_together(members):
    made = tree(*members[:-1]) if members[0].kind != "hard link" else tree()
    with pytest.raises(Unacceptable):
        for member in members if members[0].kind == "hard link" else members[-1:]:
            made.place(member)


WHY = {
    "what it is": ([Member("python/a", "a device")], "has the member 'python/a', which is a device"),
    "content": ([Member("python/a", "link", 5, target="b")], "has the link 'python/a' with content"),
    "twice": ([file("python/a"), file("python/a")], "has the member 'python/a' twice"),
    "no top folder": ([link("python", "elsewhere")], "has no folder python, but a link"),
    "below a file": ([file("python/a"), file("python/a/x")], "has the member 'python/a/x' below a file"),
    "below a link": ([link("python/a", "b"), file("python/a/x")], "has the member 'python/a/x' below a link"),
    "too much": ([file("python/a", 1 << 40)], f"contains more than {2 << 30} bytes"),
    "absolute": ([file("/etc/passwd")], "has the member '/etc/passwd', whose name is absolute"),
    "a longer name": ([file("x" * 200)], f"has the member '{'x' * 200}', which is not below python/"),
    "a name that is cut": ([file("x" * 201)], f"has the member '{'x' * 200}...', which is not below python/"),
    "goes up": ([file("python/../x")], "has the member 'python/../x', whose name contains `..`"),
    "beside the top": ([file("other/x")], "has the member 'other/x', which is not below python/"),
    "empty part": ([file("python//x")], "has the member 'python//x', whose name has an empty component"),
    "long": ([file("python/" + "x" * 256)], f"has the member 'python/{'x' * 193}...', whose name is too long"),
    "control": ([file("python/\x1b[31m")], r"has the member 'python/\x1b[31m', whose name is not plain text"),
    "no file": ([hard_link("python/b", "python/a")],
                "has the hard link 'python/b' to 'python/a', which is not an earlier file"),
    "hard link to outside": ([hard_link("python/b", "/etc/passwd")],
                             "has the hard link 'python/b' to '/etc/passwd', whose name is absolute"),
    "hard link beside the top": ([hard_link("python/b", "a")],
                                 "has the hard link 'python/b' to 'a', which is not below python/"),
    "link to nothing": ([link("python/a", "")], "has the link 'python/a' to '', which is empty"),
    "link to outside": ([link("python/a", "/etc")], "has the link 'python/a' to '/etc', which is absolute"),
    "link upward": ([link("python/a", "..")], "has the link 'python/a' to '..', which leaves the archive"),
    "link through a folder": ([link("python/a", "b/../c")],
                              "has the link 'python/a' to 'b/../c', which contains `..` after a folder"),
    "link to a control": ([link("python/a", "b\n")],
                          r"has the link 'python/a' to 'b\n', whose name is not plain text"),
    "link too long": ([link("python/a", "x" * 256)],
                      f"has the link 'python/a' to '{'x' * 200}...', whose name is too long"),
}  # fmt: skip


@pytest.mark.parametrize(("members", "why"), WHY.values(), ids=WHY.keys())
def test_a_refusal_says_which_member_it_is_about_and_why(members, why):
    with pytest.raises(Unacceptable) as refused:
        tree(*members)
    assert str(refused.value) == why


class TestLimits:
    def test_a_file_may_be_empty_and_all_may_be_as_large_as_the_limit(self):
        made = tree(file("python/py.typed", 0), file("python/a", 60), limits=Limits(size=100))
        assert made.place(file("python/b", 40)).path == "b"
        assert made.place(file("python/c", 0)).path == "c"

    def test_the_sizes_are_added_up(self):
        made = tree(file("python/a", 60), limits=Limits(size=100))
        with pytest.raises(Unacceptable, match="100 bytes"):
            made.place(file("python/b", 41))

    def test_as_many_headers_as_no_release_has_are_too_many(self):
        made = Tree(Limits())
        for _ in range(50_000):
            made.count_header()
        with pytest.raises(Unacceptable, match="has more than 50000 members"):
            made.count_header()

    def test_the_headers_are_counted(self):
        made = Tree(Limits(members=2))
        made.count_header()
        made.count_header()
        with pytest.raises(Unacceptable, match="2 members"):
            made.count_header()

    def test_an_archive_without_a_file_is_none(self):
        with pytest.raises(Unacceptable, match="no file"):
            tree(Member("python/", "folder"), link("python/a", "b")).finish()


# Few names, so that members meet, and targets that often go up.
PATHS = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3).map("/".join)
TARGETS = st.lists(st.sampled_from(["a", "b", "..", "..", "."]), min_size=1, max_size=5).map("/".join)
MEMBERS = st.one_of(
    st.builds(link, PATHS.map("python/{}".format), TARGETS),
    st.builds(link, PATHS.map("python/{}".format), TARGETS),
    st.builds(file, st.one_of(PATHS, TARGETS).map("python/{}".format)),
    st.builds(hard_link, PATHS.map("python/{}".format), st.one_of(PATHS, TARGETS).map("python/{}".format)),
)


def where_it_leads(path: str, links: dict[str, str], hops: int = 0) -> str | None:
    """Follow a path below the root `/t` as a kernel does; None for a loop."""
    real = "/t"
    todo = [part for part in path.split("/") if part not in ("", ".")]
    while todo:
        part = todo.pop(0)
        if part == "..":
            real = posixpath.dirname(real)
            continue
        target = links.get(f"{real}/{part}".removeprefix("/t/"))
        if target is None:
            real = f"{real.rstrip('/')}/{part}"
            continue
        hops += 1
        if hops > 40:
            return None
        todo[:0] = [step for step in target.split("/") if step not in ("", ".")]
    return real


@settings(max_examples=1000)
@given(st.lists(MEMBERS, max_size=8))
def test_whatever_is_accepted_stays_inside(members):
    """The law behind the rule: no path through the finished tree leads out of it, not even through several links."""
    made = Tree(Limits())
    written = []
    for member in members:
        try:
            placement = made.place(member)
        except Unacceptable:
            continue
        written += [*placement.folders, placement.path]
    links = dict(made.links)
    for path in written:
        assert not path.startswith(("/", "../"))
        assert where_it_leads(posixpath.dirname(path), {}) == where_it_leads(posixpath.dirname(path), links)
    for path in links:
        end = where_it_leads(path, links)
        assert end is None or end == "/t" or end.startswith("/t/")


class TestExtendedHeaders:
    def test_records_are_read(self):
        assert read_extended_header(b"19 path=python/a=b\n12 size=123\n") == {"path": "python/a=b", "size": "123"}

    def test_the_last_of_a_name_wins(self):
        assert read_extended_header(b"9 path=a\n9 path=b\n") == {"path": "b"}

    def test_bytes_that_are_no_utf_8_are_left_to_whoever_judges_the_name(self):
        assert read_extended_header(b"11 path=\xffx\n") == {"path": "\udcffx"}
        assert read_extended_header(b"6 \xff=x\n") == {"\udcff": "x"}

    def test_a_value_may_hold_a_line_feed(self):
        assert read_extended_header(b"12 path=a\nb\n") == {"path": "a\nb"}

    @pytest.mark.parametrize(
        "content",
        [
            b"x",
            b"9 path=a",
            b"11 path=a\n",
            b"8 path=a\n",
            b"0 path=a\n",
            b"-9 path=a\n",
            b" path=a\n",
            b"7 path\n",
            b"99999999999 path=a\n",
            b"9 path=a\n\0\0",
            b"2 \n",
            b"3 \n\n",
            b"1 ",
        ],
    )
    def test_anything_else_is_refused(self, content):
        with pytest.raises(Unacceptable, match=r"^has an extended header that is malformed$"):
            read_extended_header(content)

    @settings(max_examples=200)
    @given(st.binary(max_size=40))
    def test_no_bytes_do_anything_worse(self, content):
        try:
            read_extended_header(content)
        except Unacceptable:
            pass


# The names that upstream gives its archives, and the headers in them.

LINUX = "x86_64-unknown-linux-gnu"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            f"cpython-3.13.5+20260901-{LINUX}-install_only_stripped.tar.gz",
            ("3.13.5", "default", "20260901", LINUX, "install_only_stripped"),
        ),
        (
            "cpython-3.13.5%2B20260901-x86_64_v3-unknown-linux-musl-install_only.tar.gz",
            ("3.13.5", "default", "20260901", "x86_64_v3-unknown-linux-musl", "install_only"),
        ),
        (
            "cpython-3.15.0a7%2B20260310-aarch64-apple-darwin-freethreaded%2Bpgo%2Blto-full.tar.zst",
            ("3.15.0a7", "freethreaded", "20260310", "aarch64-apple-darwin", "full"),
        ),
        (
            "cpython-3.14.7+20260807-aarch64-apple-darwin-freethreaded-install_only_stripped.tar.gz",
            ("3.14.7", "freethreaded", "20260807", "aarch64-apple-darwin", "install_only_stripped"),
        ),
        (
            "cpython-3.12.1+20240107-armv7-unknown-linux-gnueabihf-debug-full.tar.zst",
            ("3.12.1", "debug", "20240107", "armv7-unknown-linux-gnueabihf", "full"),
        ),
        (
            "cpython-3.13.5+1+20260901-aarch64-apple-darwin-install_only.tar.gz",
            ("3.13.5", "default", "20260901", "aarch64-apple-darwin", "install_only"),
        ),
        (
            "cpython-3.13.0rc3+20241001-i686-pc-windows-msvc-install_only.tar.gz",
            ("3.13.0rc3", "default", "20241001", "i686-pc-windows-msvc", "install_only"),
        ),
        ("cpython-3.13.5-x86_64-unknown-linux-gnu-install_only.tar.gz", None),
        (f"cpython-3.13.5+20260901-{LINUX}-install_only.zip", None),
        (f"cpython-3.13+20260901-{LINUX}-install_only.tar.gz", None),
        (f"cpython-3.13.5+20260901-{LINUX}-freethreaded+debug-full.tar.zst", None),
        (f"pypy-3.13.5+20260901-{LINUX}-install_only.tar.gz", None),
        (f"x/cpython-3.13.5+20260901-{LINUX}-install_only.tar.gz", None),
        ("python.tar.gz", None),
        ("", None),
    ],
)
def test_names(name, expected):
    found = parse_archive_name(name)
    shown = found and (str(found.version), found.variant, found.build, found.platform, found.flavor)
    assert shown == expected


PATCH_LEVEL = """
/* Values for PY_RELEASE_LEVEL */
#define PY_RELEASE_LEVEL_ALPHA  0xA
#define PY_RELEASE_LEVEL_GAMMA  0xC     /* For release candidates */
#define PY_RELEASE_LEVEL_FINAL  0xF     /* Serial should be 0 here */
#define PY_MAJOR_VERSION\t3
#define PY_MINOR_VERSION        14
#define PY_MICRO_VERSION        0
#define PY_RELEASE_LEVEL        PY_RELEASE_LEVEL_{level}
#define PY_RELEASE_SERIAL       {serial}
#define PY_VERSION              "anything"
"""


@pytest.mark.parametrize(
    ("level", "serial", "expected"),
    [("FINAL", 0, "3.14.0"), ("GAMMA", 2, "3.14.0rc2"), ("ALPHA", 7, "3.14.0a7"), ("BETA", 1, "3.14.0b1")],
)
def test_patch_level(level, serial, expected):
    assert str(read_patch_level(PATCH_LEVEL.format(level=level, serial=serial))) == expected


@pytest.mark.parametrize("text", ["", "#define", "#define PY_MAJOR_VERSION 3", PATCH_LEVEL])
def test_headers_that_say_nothing(text):
    assert read_patch_level(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "default"),
        ("/* #undef Py_DEBUG */\n#define Py_GIL_DISABLED 1\n", "freethreaded"),
        ("#define Py_DEBUG 1\n", "debug"),
        ("#define Py_DEBUG 1\n#define Py_GIL_DISABLED 1", None),
        ("#define Py_GIL_DISABLED 0", "default"),
    ],
)
def test_configuration(text, expected):
    assert read_configuration(text) == expected


@settings(max_examples=150)
@given(damaged(b"cpython-3.13.5+20261001-x86_64-unknown-linux-gnu-freethreaded+pgo-install_only.tar.gz"))
def test_a_damaged_name_says_a_release_or_nothing(content):
    said = parse_archive_name(text_of(content))
    assert said is None or (said.build.isdigit() and "/" not in said.platform)


@settings(max_examples=150)
@given(damaged(
    b"#define PY_MAJOR_VERSION 3\n#define PY_MINOR_VERSION 13\n#define PY_MICRO_VERSION 5\n"
    b"#define PY_RELEASE_LEVEL PY_RELEASE_LEVEL_GAMMA\n#define PY_RELEASE_SERIAL 2\n#define Py_DEBUG 1\n"
))  # fmt: skip
def test_damaged_headers_say_a_release_or_nothing(content):
    version = read_patch_level(text_of(content))
    assert version is None or version.order
    assert read_configuration(text_of(content)) in (None, "default", "freethreaded", "debug")


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_release(kind):
    text = text_of(HUGE[kind])
    assert parse_archive_name(f"cpython-3.13.5+2026-x86_64-{text}") is None
    assert read_patch_level(text) is None
    assert read_configuration(text) == "default"


def test_without_a_name_for_it_the_first_member_says_what_all_lie_below():
    made = Tree(Limits(), None)
    assert made.place(file("pyman-2.1/src/a")).path == "src/a"
    assert made.place(file("pyman-2.1/b")).path == "b"
    with pytest.raises(Unacceptable):
        made.place(file("pyman-2.2/c"))


def test_an_archive_of_folders_and_links_alone_is_refused_at_its_end():
    tree(file("python/a")).finish()
    with pytest.raises(Unacceptable, match="contains no file"):
        tree(Member("python/a", "folder"), link("python/b", "a")).finish()
