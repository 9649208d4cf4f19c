"""`replace` takes any keyword, so no type checker sees one that is no field of a record."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src/pyman"


def test_every_keyword_is_a_field_of_some_record():
    fields, given = set(), []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                fields |= {one.target.id for one in node.body if isinstance(one, ast.AnnAssign)}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "replace":
                given += [(str(path), node.lineno, one.arg) for one in node.keywords if one.arg is not None]
    assert len(given) > 50
    assert [one for one in given if one[2] not in fields] == []
