"""How long what upstream publishes is taken to be as it was when it was last asked for."""

from __future__ import annotations

A_DAY = 86400.0
"""Seconds."""
A_WEEK = 7 * A_DAY


def is_fresh(asked: float, now: float, most: float) -> bool:
    """True for what was asked for less than `most` seconds ago. A time that is yet to come tells nothing."""
    return 0 <= now - asked < most
