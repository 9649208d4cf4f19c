"""The tables of docs/design.md, which tests compare with the code: for those tests, and for the reference."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "docs/design.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (\d+)\. (.*)$", TEXT, re.MULTILINE))


def section(number: int) -> str:
    return TEXT.split(f"\n## {number}. ")[1].partition("\n## ")[0]


def anchor(number: int | str) -> str:
    """Where a section is: `3-the-store`."""
    return f"{number}-{re.sub(r'[^a-z0-9 -]', '', SECTIONS[str(number)].lower()).replace(' ', '-')}"


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a text: rows of cells, without head and rule."""
    found = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [
        [re.split(r" *(?<!\\)\| *", row.strip().strip("|").strip()) for row in each.splitlines()[2:]] for each in found
    ]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def of_head(number: int, head: str) -> list[list[str]]:
    """The rows of the table in a section that begins with this head."""
    heads = re.findall(r"(?:^|\n\n)\| ([^|]*) \|", section(number))
    return tables(section(number))[heads.index(head)]
