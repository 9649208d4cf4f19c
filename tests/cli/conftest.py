"""What tests of commands may ask for beside a home."""

from __future__ import annotations

import pytest

from stage.fake_store import FakeStore
from stage.home import Home


@pytest.fixture
def user(tmp_path):
    """A home with a store that only looks like one: nothing in it is started."""
    home = Home(tmp_path)
    store = FakeStore(str(home.root))
    store.managed("3.13.5")
    store.managed("3.13.15")
    store.alias("3.13", "3.13.15")
    store.alias("3", "3.13")
    return home
