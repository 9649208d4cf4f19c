"""Every command that changes venvs, with a fault at each of its changes (trials.py)."""

from __future__ import annotations

from faults import worlds
from faults.tables import Case, try_cases

world_made_by, test_faults = try_cases(
    [
        Case(worlds.one, "venv new"),
        Case(worlds.one, "venv new --without-pip", large=True),
        Case(worlds.one, "venv .venv --clear"),
        Case(worlds.cold, "venv new"),
        Case(worlds.nothing, "venv new -p 3.13.5", large=True),
        Case(worlds.empty_folder, "venv empty"),
        Case(worlds.rebuildable, "venv new -r {home}/project/requirements.txt"),
        Case(worlds.rebuildable, "rebuild .venv --force"),
        Case(worlds.of_its_index, "rebuild .venv --force", large=True),
        Case(worlds.one, "pin .venv"),
        Case(worlds.one, "follow pinned"),
        Case(worlds.of_pypy, "venv new -p pypy3.11 --without-pip"),
        Case(worlds.of_pypy, "pin quick", large=True),
        Case(worlds.sick, "doctor --fix"),
        Case(worlds.owned, "doctor --fix --foreign"),
        Case(worlds.repaired, "doctor --undo"),
        Case(worlds.moved_along, "doctor --fix"),
        Case(worlds.shared, "doctor --fix"),
        Case(worlds.unfinished, "doctor --fix --yes"),
        Case(worlds.around, "venv app --clear --yes --without-pip"),
        Case(worlds.around, "venvs --remove app --yes"),
        Case(worlds.unknown, "register {home}/elsewhere"),
        Case(worlds.one, "forget .venv"),
        Case(worlds.one, "venvs --remove pinned"),
        Case(worlds.nothing, "use 3.13"),
    ],
    budget=3,
)
