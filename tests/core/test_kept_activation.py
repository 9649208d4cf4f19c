"""What becomes of the activation scripts of a venv that is recreated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.shell.kept_activation import Rebuilding, filled_templates, is_makers_script, kept_script, rename_library

HERE = "/p/.venv"
SAME = Rebuilding(HERE, HERE, "python3.13", "python3.11")
MADE, NEW = "# made\nVIRTUAL_ENV=/p/.venv\n", "# new\n"


@pytest.mark.parametrize(
    ("old", "kept"),
    [
        (MADE, None),
        (f"{MADE}export X=1\n", f"{NEW}export X=1\n"),
        (f"# mine\n{MADE}", f"# mine\n{NEW}"),
        (f"# mine\n{MADE}X=$VIRTUAL_ENV/lib/python3.13/x\n", f"# mine\n{NEW}X=$VIRTUAL_ENV/lib/python3.11/x\n"),
        # In the middle, or of another maker: nobody can tell what belongs where.
        ("# made\nexport X=1\nVIRTUAL_ENV=/p/.venv\n", "# made\nexport X=1\nVIRTUAL_ENV=/p/.venv\n"),
        ("# of uv\n. ../lib/python3.13/x\n", "# of uv\n. ../lib/python3.11/x\n"),
        ("", ""),
    ],
)
def test_the_lines_of_the_user_stay(old, kept):
    assert kept_script(old, ["# something else\n", MADE], NEW, SAME) == kept


def test_a_script_that_pyman_does_not_write_stays():
    text = 'for lib in "../lib/python3.13/site-packages".split(os.pathsep):\n'
    assert kept_script(text, [], None, SAME) == text.replace("3.13", "3.11")


def test_the_longest_text_that_its_maker_may_have_written_counts():
    assert kept_script("a\nb\nc\n", ["a\n", "a\nb\n", ""], NEW, SAME) == f"{NEW}c\n"


def test_a_script_of_another_place_names_this_one():
    moved = Rebuilding("/old/.venv", HERE, "python3.13", "python3.13")
    assert kept_script("VIRTUAL_ENV=/old/.venv\n", [], NEW, moved) == "VIRTUAL_ENV=/p/.venv\n"
    assert not Rebuilding("/old/.venv", "/my p/.venv", "", "").can_be_moved
    assert Rebuilding("/my p/.venv", "/my p/.venv", "", "").can_be_moved


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("$VIRTUAL_ENV/lib/python3.13/site-packages", "$VIRTUAL_ENV/lib/python3.11/site-packages"),
        ("PYTHONPATH=/p/.venv/lib/python3.13:/x", "PYTHONPATH=/p/.venv/lib/python3.11:/x"),
        ("'../lib/python3.13'", "'../lib/python3.11'"),
        ("lib/python3.13", "lib/python3.11"),
        ("/usr/lib/python3.13/x", "/usr/lib/python3.13/x"),
        ("/p/.venv2/lib/python3.13", "/p/.venv2/lib/python3.13"),
        ("../lib/python3.130/x", "../lib/python3.130/x"),
        ("../mylib/python3.13/x", "../mylib/python3.13/x"),
        ("/usr/bin/python3.13", "/usr/bin/python3.13"),
    ],
)
def test_only_the_library_of_the_venv_is_renamed(text, after):
    assert rename_library(text, HERE, "python3.13", "python3.11") == after


@given(st.text(alphabet="/$.lib python3:'1\n"))
def test_renaming_there_and_back(text):
    renamed = rename_library(text, HERE, "python3.13", "python9.9")
    assert rename_library(renamed, HERE, "python9.9", "python3.13") == text


def test_the_names_that_makers_use():
    for name in ("activate", "activate.fish", "Activate.ps1", "activate_this.py", "deactivate.nu", "pydoc.bat"):
        assert is_makers_script(name)
    for name in ("activate_db", "postactivate", "activate.pyc", "activate~", "python", "pip"):
        assert not is_makers_script(name)


def test_the_venv_module_has_quoted_in_two_ways():
    template = "__VENV_DIR__ __VENV_PROMPT__ __VENV_NAME__ __VENV_BIN_NAME__\n"
    texts = filled_templates("activate", template, "/my p", "shop")
    assert "'/my p' shop 'my p' bin\n" in texts
    assert "/my p (shop)  my p bin\n" in texts
    assert "'/my p' 'shop' 'my p' 'bin'\n" in filled_templates("Activate.ps1", template, "/my p", "shop")
