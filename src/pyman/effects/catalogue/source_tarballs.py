"""The source tarballs that a mirror lists, for builds from source: upstream's list has none."""

from __future__ import annotations

from pyman.core.catalogue import Build, parse_sources
from pyman.core.source_build import SourceTarball
from pyman.effects.catalogue.feed import no_list, split_lines
from pyman.effects.catalogue.list_address import find_source
from pyman.effects.files import open_regular
from pyman.effects.observer import SILENT, Observer
from pyman.effects.web.http import Web

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_TASK = "list of builds"


def read_sources(mirror: str, *, offline: bool, observer: Observer = SILENT) -> tuple[SourceTarball, ...]:
    """Return the tarballs of a mirror, the newest first.

    Raises NetworkError where it cannot be reached, BadAnswer where it has no list.
    """
    source = find_source(mirror)

    def read(pieces: Iterable[bytes]) -> list[Build]:
        lines = split_lines(pieces, source.name)
        return [build for _, line, _ in lines for build in parse_sources(line, source.base)]

    if source.is_local:
        try:
            with open_regular(source.indexes[0]) as index:
                builds = read(iter(lambda: index.read(1 << 16), b""))
        except OSError as error:
            raise no_list(source, error) from error
    else:
        web = Web(offline=offline, observer=observer)

        def ask(url: str) -> list[Build]:
            with web.get(url) as answer:
                return read(answer.pieces(decoded=True))

        try:
            builds = web.transfer(_TASK, source.indexes, ask)
        finally:
            web.close()
    return tuple(
        SourceTarball(
            build.version, "default", build.url, build.sha256 or "", build.archive_format, build.size, is_defined=False
        )
        for build in builds
    )
