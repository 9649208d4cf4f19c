"""A store that root repaired things in, and that others use too: each user has the repairs of his own."""

from __future__ import annotations

import os

import pytest

from pyman.effects.places import Places
from pyman.effects.venvs.repairs import RepairLog, read_repairs
from pyman.errors import PymanError
from stage.somebody import SOMEBODY, as_root, let_in, run_as_somebody


@as_root
def test_a_file_that_only_root_may_read_keeps_no_other_user_from_repairs(tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    let_in(store)
    repairs = store / "repairs"
    repairs.write_text("")
    repairs.chmod(0o600)
    places = Places(str(tmp_path), str(store), f"{tmp_path}/cache", f"{tmp_path}/config.toml")

    def look():
        RepairLog(places).check()
        assert read_repairs(places) == ()

    run_as_somebody(look)

    os.chown(repairs, SOMEBODY + 1, 0)

    def refused():
        with pytest.raises(PymanError, match="cannot be read"):
            RepairLog(places).check()

    run_as_somebody(refused)
