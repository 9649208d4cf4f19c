"""What faults and crowds add up to: `tables.summarize` tells it at the end of a run."""

from __future__ import annotations

import pytest


@pytest.fixture
def tally(request):
    """Add figures to the summary."""

    def add(kind, values):
        request.node.user_properties.append((kind, values))

    return add
