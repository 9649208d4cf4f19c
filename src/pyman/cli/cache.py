"""`pyman cache`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pyman.app.console import Answer, Table, megabytes
from pyman.app.session import Session
from pyman.cli.verb import verb
from pyman.core.immutable import replace
from pyman.effects.cache_folder import KINDS, Cleaned, clean_cache, plan_cleaning, read_cache


class What(StrEnum):
    """What to do with the cache."""

    dir = "dir"
    clean = "clean"


@verb
def cache(
    session: Session,
    what: Annotated[
        What | None, typer.Argument(metavar="[dir|clean]", help="Print the folder of the cache, or remove its content.")
    ] = None,
) -> Answer:
    """Show what pyman caches: archives, lists of builds, unpacked pip, cached probe results.

    The cache may be deleted at any time. `clean` removes what pyman put there, except what another process is
    writing, and nothing else.

    Examples:
        pyman cache
        pyman cache dir
        pyman cache clean
    """
    folder = session.places.cache
    if what == What.dir:
        return Answer({"path": folder, "changed": []}, (folder,), raw=True)
    if what == What.clean:
        return _clean(session, folder)
    found = read_cache(folder)
    sizes = dict.fromkeys(KINDS, 0)
    for entry in found.entries:
        sizes[entry.name.kind] += entry.size
    total = sum(sizes.values())
    data = {
        "path": folder,
        "kinds": [{"kind": kind, "bytes": size} for kind, size in sizes.items()],
        "bytes": total,
        "changed": [],
    }
    rows = tuple((kind, megabytes(size)) for kind, size in sizes.items() if size)
    notes = (f"`pyman cache clean` frees {megabytes(total)}",) if rows else ()
    return Answer(data, (f"{megabytes(total)} in {folder}",), Table(("What", "Size"), rows), notes)


def _clean(session: Session, folder: str) -> Answer:
    cleaned = Cleaned()
    freed = session.shown("freed", "would free")

    def answer() -> Answer:
        data = {"changed": cleaned.removed, "freed": cleaned.freed, "kept": cleaned.busy}
        line = f"{freed} {megabytes(cleaned.freed)} in {folder}" if cleaned.removed else f"{folder} is empty"
        return Answer(data, (line,), notes=tuple(cleaned.busy))

    session.if_cut_off(answer)
    if session.dry_run:
        plan_cleaning(folder, cleaned)
    else:
        clean_cache(folder, cleaned)
    left = (f"kept {path}: pyman did not create it" for path in read_cache(folder).foreign)
    return replace(answer(), notes=(*cleaned.busy, *left))
