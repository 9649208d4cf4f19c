"""`pyman mirror`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.catalogue import Known, catalogue
from pyman.app.console import Answer
from pyman.app.reasons import Reasons
from pyman.app.session import Session
from pyman.cli.verb import verb
from pyman.core.advisories import FILE, Table
from pyman.core.catalogue import Build
from pyman.core.escape import as_word
from pyman.core.immutable import replace
from pyman.core.mirror_lists import INDEX, MirroredArchive, mirrored
from pyman.core.plans.install import refuse_what_has_no_build, wanted_builds
from pyman.core.platform import is_triple
from pyman.core.request import Request, parse_request
from pyman.core.version import version_data
from pyman.effects.catalogue.mirror import add_archives, add_table, archives_there, lacks_table
from pyman.effects.machine import platform as this_platform
from pyman.errors import UsageError


@verb
def mirror(
    session: Session,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The mirror's folder, new or existing.")],
    requests: Annotated[list[str], typer.Argument(metavar="REQUEST...", help="Versions to add, as for `install`.")],
    platforms: Annotated[
        list[str] | None,
        typer.Option("--platform", metavar="PLATFORM", help="Platform to mirror for; can be repeated."),
    ] = None,
) -> Answer:
    """Create or extend a mirror of some Pythons in a folder, for machines that have no network.

    The folder can be copied, mounted or served by a web server as it is. It has the same layout as upstream, and every
    archive is checked before it is added. Archives come from upstream, or from the mirror in use.

    Examples:
        pyman mirror /srv/pythons 3.13 3.12
        pyman mirror /srv/pythons 3.13 --platform aarch64-unknown-linux-gnu
        PYMAN_MIRROR=/srv/pythons pyman install 3.13
    """
    asked = [parse_request(text) for text in requests]
    for request in asked:
        refuse_what_has_no_build(request)
    here = this_platform()
    wanted: list[Build] = []
    for name in dict.fromkeys(platforms or [here]):
        if not is_triple(name):
            raise UsageError(
                f"`{name}` is not a platform", hint=f"use a platform name of upstream, such as {here} (this machine)"
            )
        known = _known(session, name, asked)
        wanted += wanted_builds(asked, known.builds, known.unusable, name)
    place = session.absolute(folder)
    archives = [mirrored(build) for build in wanted]
    table = Reasons(session, may_ask=True).table
    if session.dry_run:
        there = archives_there(place, archives)
        return _answer(session, place, there, [table] if table is not None and lacks_table(place, table) else [])
    done: dict[MirroredArchive, bool] = {}
    added: list[Table] = []
    session.if_cut_off(lambda: _answer(session, place, done, added))
    add_archives(place, archives, done, offline=session.offline, observer=session.observer)
    if table is not None:
        add_table(place, table, added, session.observer)
    command = f"PYMAN_MIRROR={as_word(place)} pyman install"
    note = f"install from it with `{command}`, or serve it with a web server: {INDEX} is its list of builds"
    answer = _answer(session, place, {archive: done[archive] for archive in archives}, added)
    return replace(answer, notes=(note,))


def _answer(session: Session, place: str, done: dict[MirroredArchive, bool], tables: list[Table]) -> Answer:
    """What is in the mirror so far; `tables` holds the one of advisories, where it was added."""
    changed = [os.path.join(place, archive.place) for archive, added in done.items() if added]
    data = {
        "changed": [*changed, *(os.path.join(place, FILE) for _ in tables)],
        "path": place,
        "archives": [
            {
                **version_data(archive.build.version),
                "variant": archive.build.variant,
                "platform": archive.build.platform,
                "path": os.path.join(place, archive.place),
                "already": not added,
            }
            for archive, added in done.items()
        ],
    }
    new = session.shown("added", "would be added")
    lines = [
        f"{archive.build.release} for {archive.build.platform} {new if added else 'is already there'}"
        for archive, added in done.items()
    ]
    lines += [f"advisories known to {table.known_to} {new}" for table in tables]
    return Answer(data, tuple(lines))


def _known(session: Session, platform: str, requests: list[Request]) -> Known:
    """The builds for a platform, as many as the requests need. Raises NetworkError where a list cannot be had."""
    known = catalogue(session, None, requests, machine=platform)
    for error in known.unreachable.values():
        raise error
    for note in known.stale_notes:
        session.observer.noted(note)
    return known
