"""Who may be started, as a table: what the file system says of one thing on the way, and what follows from it."""

from __future__ import annotations

import stat

import pytest

from pyman.core.admission import (
    EXCHANGED,
    IN_VENV,
    NAMED,
    NO_LIBRARY,
    NO_NAME,
    NO_PROGRAM,
    OTHER_OWNER,
    OUTSIDE,
    ROOT,
    STORE,
    TOOL,
    UNVOUCHED,
    WRITABLE,
    Objection,
    Standing,
    has_other_members,
    is_called_like_one,
    is_program,
    objection,
    refusal,
    shared_by_number,
)

USER, OTHER = 1000, 1001
FOLDER, FILE, LINK = stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK


def thing(uid, mode, *, kind=FOLDER, shared=False, last=False):
    return Standing("/x", kind | mode, uid, shared, last)


@pytest.mark.parametrize(
    ("user", "grounds", "what", "kind"),
    [
        # What belongs to whom. Root starts nothing of anybody else, whoever named it.
        (ROOT, STORE, thing(ROOT, 0o755), None),
        (ROOT, STORE, thing(USER, 0o755), OTHER_OWNER),
        (ROOT, NAMED, thing(USER, 0o755), OTHER_OWNER),
        (ROOT, TOOL, thing(USER, 0o700), OTHER_OWNER),
        (ROOT, UNVOUCHED, thing(USER, 0o755), OTHER_OWNER),
        (ROOT, NAMED, thing(USER, 0o777, kind=LINK), OTHER_OWNER),
        # What nothing speaks for must be root's.
        (USER, UNVOUCHED, thing(ROOT, 0o755), None),
        (USER, UNVOUCHED, thing(USER, 0o755), OUTSIDE),
        (USER, UNVOUCHED, thing(OTHER, 0o755), OUTSIDE),
        (USER, UNVOUCHED, thing(USER, 0o777, kind=LINK), OUTSIDE),
        (USER, UNVOUCHED, thing(ROOT, 0o777, kind=LINK), None),
        # The user's own version manager has what is the user's own, or root's.
        (USER, TOOL, thing(USER, 0o755), None),
        (USER, TOOL, thing(ROOT, 0o755), None),
        (USER, TOOL, thing(OTHER, 0o755), OTHER_OWNER),
        # What the user named, or has in the store, may be anybody's, but of one owner's making.
        (USER, NAMED, thing(OTHER, 0o755), None),
        (USER, STORE, thing(OTHER, 0o755), None),
        # Others who may write.
        *((USER, grounds, thing(ROOT, 0o757), WRITABLE) for grounds in (STORE, NAMED, TOOL, UNVOUCHED)),
        *((USER, grounds, thing(ROOT, 0o775, shared=True), WRITABLE) for grounds in (STORE, NAMED, TOOL, UNVOUCHED)),
        *((ROOT, grounds, thing(ROOT, 0o775, shared=True), WRITABLE) for grounds in (STORE, NAMED, TOOL, UNVOUCHED)),
        (USER, NAMED, thing(USER, 0o775), None),
        (USER, NAMED, thing(USER, 0o757, kind=FILE, last=True), WRITABLE),
        (USER, NAMED, thing(USER, 0o755, kind=FILE, last=True), None),
        (USER, STORE, thing(USER, 0o777, kind=LINK), None),
        # A sticky folder is good enough to pass through, and not to load from.
        (USER, NAMED, thing(ROOT, 0o1777), None),
        (ROOT, STORE, thing(ROOT, 0o1777), None),
        (USER, NAMED, thing(ROOT, 0o1775, shared=True), None),
        (USER, NAMED, thing(ROOT, 0o1777, last=True), WRITABLE),
        (USER, NAMED, thing(ROOT, 0o1775, shared=True, last=True), WRITABLE),
        (USER, UNVOUCHED, thing(ROOT, 0o1777), OUTSIDE),
        (ROOT, UNVOUCHED, thing(ROOT, 0o1777), OUTSIDE),
        (USER, UNVOUCHED, thing(OTHER, 0o1777), OUTSIDE),
    ],
)
def test_the_rule(user, grounds, what, kind):
    found = objection(what, grounds, user)
    assert found == (Objection(kind, "/x") if kind is not None else None)


USERS = (("root", 0, 0), ("ann", 1000, 1000), ("bob", 1001, 1001), ("eve", 1002, 100), ("toor", 0, 0))


@pytest.mark.parametrize(
    ("gid", "uid", "owner", "group", "others"),
    [
        (1000, 1000, "ann", ("ann", ()), False),
        (1000, 1000, "ann", ("ann", ("ann", "root", "toor")), False),
        (1000, 1000, "ann", ("ann", ("bob",)), True),
        (50, 1000, "ann", ("staff", ("ann",)), False),
        (50, 1000, "ann", ("staff", ()), False),
        (50, 0, "root", ("staff", ()), False),
        (50, 0, "root", ("staff", ("ann",)), True),
        # Nobody is listed in the group that is the main one of somebody.
        (100, 1000, "ann", ("users", ()), True),
        (100, 1002, "eve", ("users", ()), False),
        (1001, 1000, "ann", ("bob", ()), True),
        # A directory service lists nobody: only the group that is called like its owner is private.
        (70000, 70000, "kim", ("kim", ()), False),
        (513, 70000, "kim", ("domain users", ()), True),
        (513, 70000, "kim", None, True),
        (70000, 70000, "kim", None, True),
        # They are unknown: a container, a file of another machine.
        (12345, 12345, None, None, False),
        (12346, 12345, None, None, True),
        (1000, 12345, None, ("ann", ()), True),
    ],
)
def test_a_private_group_has_no_other_member(gid, uid, owner, group, others):
    assert has_other_members(gid, uid, owner=owner, group=group, users=USERS) is others


def test_root_is_nobody_else_also_where_the_system_lists_nobody():
    assert not has_other_members(1000, 1000, owner="ann", group=("ann", ("ann", "root")), users=())
    assert has_other_members(1000, 1000, owner="ann", group=("ann", ("ann", "bob")), users=())


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (b"\x7fELF\x02\x01\x01\x00", True),
        (b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01", True),
        (b"\xfe\xed\xfa\xce\x00\x00\x00\x07", True),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x02", True),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x34", False),  # a class file of Java
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x02\x01\x00\x00\x07", True),
        (b"\xca\xfe\xba\xbe", False),
        (b"#!/bin/s", False),
        (b"", False),
        (b"MZ\x90\x00\x03\x00\x00\x00", False),
        (b"import s", False),
        (b" \x7fELF\x02\x01\x01", False),
    ],
)
def test_programs_are_no_scripts(head, answer):
    assert is_program(head) is answer


@pytest.mark.parametrize("name", ["python", "python3", "python3.13", "python3.14t", "pypy3.11", "pypy3", "graalpy"])
def test_what_is_called_like_an_interpreter(name):
    assert is_called_like_one(f"/usr/bin/{name}")


@pytest.mark.parametrize("name", ["env", "script", "bash", "python3-config", "pythonw.sh", "reboot", "perl"])
def test_what_is_called_like_something_else(name):
    assert not is_called_like_one(f"/usr/bin/{name}")


@pytest.mark.parametrize(
    ("kind", "reason", "hint"),
    [
        (OTHER_OWNER, "/a b/lib belongs to another user", "ask that user to run pyman"),
        (WRITABLE, "others may write to /a b/lib", "run `chmod go-w '/a b/lib'`"),
        (OUTSIDE, "it belongs neither to pyman's store, nor to the system, nor to a version manager",
         "if you trust it, run `pyman adopt '/a b'`"),
        (EXCHANGED, "/a b/lib was replaced in the meantime", "run the same command again"),
        (NO_PROGRAM, "it is not a binary executable", "give the path of the interpreter that it runs"),
        (NO_NAME, "its name is not that of a Python interpreter", "give the path of the interpreter itself"),
        (NO_LIBRARY, "it has no standard library beside it", "give the path of an interpreter in its own folder"),
        (IN_VENV, "/a b/lib marks it as part of a venv", "give the path of the Python that the venv was made from"),
    ],
)  # fmt: skip
def test_every_refusal_is_a_sentence_and_says_what_to_do(kind, reason, hint):
    error = refusal("/a b/bin/python3.13", Objection(kind, "/a b/lib"))
    assert (error.message, error.hint) == (f"/a b/bin/python3.13 was not started: {reason}", hint)
    assert (error.code, error.exit_status) == ("not-started", 1)


@pytest.mark.parametrize(
    ("gid", "user", "admin", "shared"),
    [(0, 1000, None, False), (0, 0, None, False), (50, 0, 80, True), (80, 1000, 80, False), (80, 1000, None, None)],
)
def test_a_group_that_its_number_tells(gid, user, admin, shared):
    assert shared_by_number(gid, user, admin) is shared
