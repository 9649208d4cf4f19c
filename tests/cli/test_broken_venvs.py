"""doctor beside what really happens: venvs broken in generated ways, started, and compared with what it says of them."""

from __future__ import annotations

import pytest

from stage.broken import DAMAGES, World

# What is said of a venv that works all the same: it misses patch releases, or is not as it should be.
_WORKS = {"stale-patch", "unfollowed", "stale-metadata", "nested", "shared-files", "end-of-life"}

_MAY_WORK = {"unreadable", "copied-binary"}
"""A venv with an empty `pyvenv.cfg` works by luck, with some bases. A copy of an older release works, one of another
minor does not."""


def disagreements(world, seeds):
    """The table: a venv, what was done to it, what does not work, and what doctor says of it; before and after `--fix`."""
    venvs = [world.broken(seed) for seed in seeds]
    table = []
    for words in ((), ("--fix",)):
        said: dict[str, list[str]] = {str(venv.path): [] for venv in venvs}
        for one in world.json("doctor", world.sweep, *words, status=None)["findings"]:
            if one["status"] != "fixed" and one["severity"] != "info" and one["path"] in said:
                said[one["path"]].append(one["code"])
        for venv in venvs:
            codes, failures = said[str(venv.path)], venv.failures()
            if not set(codes) - _WORKS if failures else set(codes) - _WORKS - _MAY_WORK:
                table.append((venv.path.parent.name, " ".join((*venv.told, *words)), failures, codes))
    return table


@pytest.mark.real_archives("a standard library of their own")
def test_a_sample_of_broken_venvs(tmp_path):
    """A few; `tests/run --tools` tries every kind."""
    assert disagreements(World(tmp_path), range(3, len(DAMAGES), 7)) == []


@pytest.mark.parametrize("part", range(5))
def test_many_broken_venvs(tmp_path, part):
    """Every kind of damage five times, with different venvs, and with a second damage in every third."""
    assert disagreements(World(tmp_path), range(part * len(DAMAGES), (part + 1) * len(DAMAGES))) == []
