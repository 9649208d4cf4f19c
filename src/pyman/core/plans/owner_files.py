"""What the owner of a venv remembers of it is changed with the venv (design.md 7)."""

from __future__ import annotations

from posixpath import dirname

from pyman.core.owners import rewrite_owner_file
from pyman.core.plans.steps import Plan, ReplaceFile
from pyman.core.record import replace
from pyman.core.venv import VenvFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyman.core.owners import Base, OwnerFile


def with_owner_files(plan: Plan, files: Sequence[OwnerFile], base: Base) -> Plan:
    """The plan of a venv, and what its owner is to know then; the plan itself where the owner knows that already."""
    if plan.venv is None:
        return plan
    folder = plan.venv.path
    steps: list[ReplaceFile] = []
    also = plan.also
    for file in files:
        content = rewrite_owner_file(file, folder, base)
        if content == file.content:
            continue
        step = ReplaceFile(file.path, file.content, content)
        if dirname(file.path) == folder:
            steps.append(step)
        else:
            also = Plan((step,), VenvFolder(dirname(file.path)), also)
    return replace(plan, steps=(*plan.steps, *steps), also=also)
