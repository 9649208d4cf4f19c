"""Sizes as people read them."""

from __future__ import annotations


def megabytes(size: int) -> str:
    """`87 MiB`; below ten with one decimal."""
    value = size / (1 << 20)
    return f"{value:.1f} MiB" if value < 10 else f"{value:.0f} MiB"
