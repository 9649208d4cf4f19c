"""Ages as people write them, and when a venv without signs is called unused: never."""

import pytest

from pyman.core.unused import Signs, is_unused, parse_age
from pyman.errors import UsageError

DAY = 86400
NOW = 1000 * DAY


@pytest.mark.parametrize(
    ("text", "days"),
    [("90d", 90), ("90", 90), ("2 weeks", 14), ("12w", 84), ("6m", 180), ("1y", 365), ("3 Days", 3), ("1month", 30)],
)
def test_an_age(text, days):
    assert parse_age(text) == days * DAY


@pytest.mark.parametrize("text", ["", "d", "0", "0d", "-3d", "1h", "1.5d", "999999d", "9" * 5000, "٣d"])
def test_no_age(text):
    with pytest.raises(UsageError):
        parse_age(text)


@pytest.mark.parametrize(
    ("signs", "unused"),
    [
        (Signs((NOW - 200 * DAY,), NOW - 100 * DAY), True),
        (Signs((NOW - 200 * DAY,), NOW - 10 * DAY), False),
        (Signs((NOW - 10 * DAY,), NOW - 200 * DAY), False),
        (Signs((NOW - 200 * DAY,), None), None),  # Used every day, for all that is known.
        (Signs((NOW - 10 * DAY,), None), False),
        (Signs(), None),
        (Signs((NOW - 200 * DAY,), NOW - 100 * DAY, is_running=True), False),
        (Signs((NOW - 200 * DAY,), NOW + 100 * DAY), False),  # A clock that was wrong.
    ],
)
def test_unused(signs, unused):
    assert is_unused(signs, NOW, 90 * DAY) is unused
