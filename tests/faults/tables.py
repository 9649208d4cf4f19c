"""A command line in a world, and what the faults in it add up to: a row of the table in tests/README.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import pytest

from faults.faulty import DENIED, ERROR, FULL, KILLED, SHUT, TORN, Faulty
from faults.trials import AFTER, AGAIN, ALL, BEFORE, BEGUN, CLEAN, DOCTOR, EACH, ITSELF, LOOK, Trial
from faults.world import World

FAULTS, CROWD = "faults", "crowd"
TRIED, LOST = "faults tried", "lost"
CLEANERS = (ITSELF, DOCTOR, AGAIN, CLEAN)
_KINDS = (ERROR, FULL, DENIED, SHUT, KILLED, TORN, LOOK)
_TITLES = (
    "command",
    "in",
    "effects",
    TRIED,
    BEFORE,
    AFTER,
    EACH,
    BEGUN,
    *(f"cleaned up by {one}" for one in CLEANERS),
    LOST,
)


class Case(NamedTuple):
    """A command line in a world. `large`: only where every fault is tried, because another case is much like it.

    `looks`: a look may fail as well. Of a command that writes down what it could look at, the outcome is another one then.
    """

    world: Callable[[World], object]
    words: str
    large: bool = False
    looks: bool = True

    @property
    def name(self) -> str:
        return f"{self.world.__name__}: {self.words}"


def try_cases(cases: list[Case], budget: int):
    """Make the fixture and the test of a file; `budget` is how many faults of a case the ordinary suite tries."""
    worlds: dict[Callable[[World], object], World] = {}

    @pytest.fixture(scope="module")
    def world_made_by(tmp_path_factory):
        with Faulty() as faulty:

            def made(make: Callable[[World], object]) -> World:
                if make not in worlds:
                    worlds[make] = World(str(tmp_path_factory.mktemp(make.__name__).resolve()), faulty, make)
                return worlds[make]

            yield made

    @pytest.mark.parametrize("case", [case for case in cases if ALL or not case.large], ids=lambda case: case.name)
    def test_faults(case, world_made_by, tally):
        world = world_made_by(case.world)
        words = [word.format(home=world.path) for word in case.words.split()]
        trial = Trial(world, tuple(words), looks=case.looks)
        trial.try_all(budget)
        row = {
            "command": case.words,
            "in": case.world.__name__,
            "effects": len(trial.calls),
            **trial.tried,
            **trial.states,
        }
        row |= {f"cleaned up by {one}": trial.cleaned_by[one] for one in CLEANERS}
        tally(FAULTS, {**row, TRIED: trial.tried.total(), LOST: len(trial.problems)})
        assert not trial.problems, "\n".join([f"{len(trial.problems)} problems", *trial.problems[: 50 if ALL else 10]])

    return world_made_by, test_faults


def table(rows: list[dict[str, object]]) -> list[str]:
    """The rows and their sum, and how often each fault was tried, as Markdown."""
    total: Counter[str] = Counter()
    for row in rows:
        total.update({title: value for title, value in row.items() if isinstance(value, int)})
    last = {"command": "all", "in": "", **total}
    commands = [[f"`{row['command']}`", *(row.get(title, 0) for title in _TITLES[1:])] for row in [*rows, last]]
    return [*_markdown(_TITLES, commands), "", *_markdown(("fault", "tried"), [(kind, total[kind]) for kind in _KINDS])]


def _markdown(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [titles, ["---"] + ["---:"] * (len(titles) - 1), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines]


def summarize(terminalreporter) -> None:
    """Print the table of a whole run. Called by the conftest of all tests: workers that collect these print nothing."""
    told = [
        one
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for one in getattr(report, "user_properties", ())
    ]
    if not told:
        return
    terminalreporter.section("faults")
    rows = [values for kind, values in told if kind == FAULTS]
    for line in table(rows) if rows else ():
        terminalreporter.line(line)
    for kind, values in told:
        if kind == CROWD:
            terminalreporter.line(", ".join(f"{what}: {number}" for what, number in values.items()))
