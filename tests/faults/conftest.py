"""What faults and crowds add up to, told at the end of a run."""

from __future__ import annotations

import pytest

from faults.tables import CROWD, FAULTS, table
from faults.trials import ALL


@pytest.fixture
def tally(request):
    """Add figures to the summary."""

    def add(kind, values):
        request.node.user_properties.append((kind, values))

    return add


def pytest_terminal_summary(terminalreporter):
    told = [
        one
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for one in getattr(report, "user_properties", ())
    ]
    if not ALL or not told:
        return
    terminalreporter.section("faults")
    rows = [values for kind, values in told if kind == FAULTS]
    for line in table(rows) if rows else ():
        terminalreporter.line(line)
    for kind, values in told:
        if kind == CROWD:
            terminalreporter.line(", ".join(f"{what}: {number}" for what, number in values.items()))
