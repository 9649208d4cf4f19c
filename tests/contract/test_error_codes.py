"""Every error code stands once, in `errors.py`, and the program steers by classes, never by a code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pyman
from pyman import errors
from pyman.core.diagnosis.finding import SEVERITIES

_SOURCE = Path(pyman.__file__).parent
_HOME = _SOURCE / "errors.py"
_TEXTS = {path: path.read_text("utf-8") for path in sorted(_SOURCE.rglob("*.py"))}


def named_codes():
    """Each code with the name that it has in errors.py: of a constant, or of a class."""
    found = []
    for node in ast.parse(_TEXTS[_HOME]).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            found.append((node.targets[0].id, getattr(errors, node.targets[0].id)))
        elif isinstance(node, ast.ClassDef):
            found += [
                (node.name, getattr(errors, node.name).code) for part in node.body if isinstance(part, ast.Assign)
            ]
    return dict.fromkeys(found)


def written_elsewhere(tree):
    """The lines of a module that write a code as text, make one, or compare that of a failure."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            # Findings have codes too: they are another list.
            codes = [
                one.value
                for one in node.keywords
                if one.arg == "code" and getattr(one.value, "value", None) not in SEVERITIES
            ]
            if isinstance(node.func, ast.Name) and node.func.id == "Code":
                yield node.lineno
        elif isinstance(node, ast.Assign):
            codes = [node.value] if any(getattr(one, "id", "") == "code" for one in node.targets) else []
        elif isinstance(node, ast.Compare) and getattr(node.left, "attr", "") == "code":
            # They are compared, too.
            texts = [one for part in node.comparators for one in ast.walk(part) if isinstance(one, ast.Constant)]
            codes = [one for one in texts if one.value not in SEVERITIES]
        else:
            continue
        if any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in codes):
            yield node.lineno


def test_every_code_stands_once():
    codes = [code for _, code in named_codes()]
    assert len(codes) > 40
    assert sorted(codes) == sorted(set(codes))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_no_other_module_writes_a_code_or_compares_one():
    found = [
        f"{path.relative_to(_SOURCE)}:{line}"
        for path, text in _TEXTS.items()
        if path != _HOME and "code" in text
        for line in written_elsewhere(ast.parse(text))
    ]
    assert not found


def test_every_code_is_used():
    uses = {name: rf"\b{name}\b" for name, _ in named_codes()}
    elsewhere = "\n".join(text for path, text in _TEXTS.items() if path != _HOME)
    unused = {name for name, pattern in uses.items() if not re.search(pattern, elsewhere)}
    # What errors.py itself raises; elsewhere SYSTEM is the name of other things.
    assert unused <= {"BUG", "SYSTEM"}


def test_what_writes_a_code_is_seen():
    for line in ("f(code='x')", "code = 'x'", "a.code == 'locked'", "a.code in ('locked', 'mount')", "Code('x')"):
        assert list(written_elsewhere(ast.parse(line))) == [1], line
    for line in ("f(code=x)", "code = LOCKED", "finding.code == 'nested'", "f('x')"):
        assert list(written_elsewhere(ast.parse(line))) == [], line
