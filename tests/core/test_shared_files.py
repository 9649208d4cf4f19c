"""What is said of files that venvs share, and which of them may be copied."""

import pytest

from pyman.core.shared_files import SharedFile, is_bytecode, is_probe, probe_of, summary


def file(path="lib/python3.13/site-packages/a.py", wrong="foreign", fate="copy", linked=True):
    return SharedFile(path, wrong, fate, linked)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((file("a"),), "1 file that it shares with other venvs belongs to user app, such as a"),
        ((file("a"), file("b")), "2 files that it shares with other venvs belong to user app, such as a"),
        ((file("a", "writable"),), "others may write to 1 file that it shares with other venvs, such as a"),
        (
            (file("a"), file("b", "writable"), file("c", "writable")),
            (
                "1 file that it shares with other venvs belongs to user app and others may write to 2 files that it shares "
                "with other venvs, such as a"
            ),
        ),
        ((file("a", linked=False),), "1 file of its packages belongs to user app, such as a"),
        (
            (file("a", fate="doubt"),),
            (
                "1 file that it shares with other venvs belongs to user app, such as a; "
                "a cannot be verified to be as installed"
            ),
        ),
        (
            (file("a"), file("b", fate="doubt"), file("c", fate="doubt"), file("d", fate="drop")),
            (
                "4 files that it shares with other venvs belong to user app, such as a; "
                "b and 1 more cannot be verified to be as installed"
            ),
        ),
    ],
)
def test_one_sentence(files, message):
    assert summary(files, "user app").message == message


def test_of_no_files_nothing_is_said():
    assert summary((), "user app") is None


@pytest.mark.parametrize(
    ("path", "work"),
    [
        ("bin/pip", "bin"),
        ("lib/python3.13/site-packages/a/b.py", "lib/python3.13/site-packages"),
        ("share/man/a.1", "share"),
    ],
)
def test_where_a_copy_is_prepared(path, work):
    assert file(path).work == work


def test_kinds_of_files():
    assert is_bytecode("a/__pycache__/b.cpython-313.pyc")
    assert not is_bytecode("a/b.pyc")
    assert not is_bytecode("a/__pycache__/b.py")
    assert (probe_of("pip"), probe_of("numpy-1.26")) == ("pip/__init__.py", "numpy-1.26.dist-info/METADATA")
    assert is_probe("lib/python3.13/site-packages/pip/__init__.py")
    assert is_probe("lib/python3.13/site-packages/numpy-1.26.dist-info/METADATA")
    assert not is_probe("lib/python3.13/site-packages/numpy/__init__.py")
    assert not is_probe("lib/python3.13/site-packages/xpip/__init__.py")
