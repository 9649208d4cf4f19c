"""What the owner of a venv remembers of it is changed with the venv (design.md 7)."""

from __future__ import annotations

from posixpath import dirname

from pyman.core.owner_files import rewrite_owner_file
from pyman.core.plans.steps import Plan, ReplaceFile
from pyman.core.venv import VenvFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyman.core.owner_files import Base, OwnerFile
    from pyman.core.plans.steps import Step


def with_owner_files(steps: Sequence[Step], venv: VenvFolder, files: Sequence[OwnerFile], base: Base) -> Plan:
    """The plan of a venv, and what its owner is to know then; these steps alone where the owner knows that already."""
    own: list[ReplaceFile] = []
    also: Plan | None = None
    for file in files:
        content = rewrite_owner_file(file, venv.path, base)
        if content == file.content:
            continue
        step = ReplaceFile(file.path, file.content, content)
        if dirname(file.path) == venv.path:
            own.append(step)
        else:
            also = Plan((step,), VenvFolder(dirname(file.path)), also)
    return Plan((*steps, *own), venv, also)
