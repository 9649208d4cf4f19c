"""The journal of a venv that is set aside, as a crash or a stranger may have left it."""

from __future__ import annotations

import os

from hypothesis import given, settings

from pyman.effects.venvs.aside_journal import begin, read_journal
from pyman.effects.venvs.place import work_name
from stage.hostile import damaged

VENV = "/srv/my app/.venv"
ASIDE = f"/srv/my app/{work_name('.venv', 'old')}4711-abc"


def test_what_is_written_is_read_back(tmp_path):
    begin(str(tmp_path), VENV, ASIDE)
    assert read_journal(str(tmp_path)) == (VENV, ASIDE)


@settings(max_examples=200)
@given(content=damaged(f"{VENV}\0{ASIDE}\0".encode(), b"\0.pyman-old-\0", b"x\0.x.pyman-old-1\0"))
def test_a_damaged_journal_names_two_places_beside_each_other_or_none(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    (folder / "journal").write_bytes(content)
    named = read_journal(str(folder))
    if named is None:
        return
    assert all(os.path.isabs(path) and "\0" not in path for path in named)
    assert os.path.dirname(named[0]) == os.path.dirname(named[1])
    assert ".pyman-old-" in os.path.basename(named[1])
