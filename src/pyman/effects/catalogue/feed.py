"""The list of builds: upstream's, or a mirror's, read newest first and only as far as the answer needs.

What was read is kept (effects/catalogue/cache.py): a list that has not changed is not sent again, of one that has
only the new part is read, and without a network the old one serves. A mirror's folder is read as it lies there.
"""

from __future__ import annotations

import os
import time

from pyman.core.catalogue import Catalogue, WrongShape, parse_release
from pyman.core.escape import without_secrets
from pyman.effects.catalogue.cache import CachedList, CatalogueCache
from pyman.effects.catalogue.lines import split_lines, unreadable_line, web_page
from pyman.effects.catalogue.source import find_source
from pyman.effects.files import open_regular
from pyman.effects.observer import SILENT, Observer
from pyman.effects.web.http import Web
from pyman.errors import NetworkError, Offline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pyman.core.catalogue import Build

    Enough = Callable[[Sequence[Build]], bool]

_TASK = "list of builds"
# A list of this size is read to its end whatever is asked: that costs nothing, and the next question is answered too.
_SMALL = 1 << 20


class CatalogueFeed:
    """The builds for one platform from one list."""

    def __init__(
        self,
        source: str | None,
        platform: str,
        cache: str,
        *,
        offline: bool = False,
        observer: Observer = SILENT,
        web: Web | None = None,
        clock: Callable[[], float] = time.time,
        offered: bool = True,
    ) -> None:
        """`source` as for `find_source`; `cache` is the folder of pyman's cache, which need not exist.

        `offered` is False for the platform of another machine: the shells here do not complete its releases.
        """
        self._source = find_source(source)
        self._platform = platform
        self._web = web or Web(offline=offline, observer=observer)
        self._observer = observer
        self._clock = clock
        self._cache = CatalogueCache(cache, self._source.cache_name, platform)
        self._offered = offered

    def releases(self, enough: Enough | None = None, *, max_age: float = 0.0) -> Catalogue:
        """Return the builds that are known.

        Reading stops when `enough` says that the builds so far hold the answer; it is asked when the first build of
        another release has been read. A list that was asked for less than `max_age` seconds ago is not asked again.
        Raises NetworkError where nothing that is enough can be had, as one sentence about what came instead.
        """
        if self._source.is_local:
            return self._read_folder(enough)
        cached = self._cache.read(self._source.base)
        useful = cached is not None and (cached.complete or enough is None or enough(cached.builds))
        try:
            if cached is not None and useful:
                age = self._clock() - cached.fetched
                if 0 <= age < max_age and (cached.complete or enough is not None):
                    return self._catalogue(cached, stale=False)
            if self._web.offline:
                raise Offline(
                    f"{self._source.name} would have to be asked what it has, and the network is not allowed",
                    hint="run it without --offline and PYMAN_OFFLINE, or name a folder as the mirror",
                )
            return self._ask(cached, enough)
        except NetworkError:
            if cached is None or not useful:
                raise
            return self._catalogue(cached, stale=True)
        finally:
            self._web.close()

    def _catalogue(self, known: CachedList, *, stale: bool) -> Catalogue:
        return Catalogue(known.builds, stale, known.complete, self._source.name, known.fetched)

    def _read_folder(self, enough: Enough | None) -> Catalogue:
        path = self._source.indexes[0]
        try:
            with open_regular(path) as index:
                small = os.fstat(index.fileno()).st_size <= _SMALL
                known = self._read(iter(lambda: index.read(1 << 16), b""), None, None if small else enough)
        except OSError as error:
            raise NetworkError(
                f"the mirror {self._source.name} has no index.ndjson that can be read: {error.strerror or error}",
                hint="name the folder that holds index.ndjson, or its web address",
            ) from error
        self._offer(known)
        return self._catalogue(known, stale=False)

    def _offer(self, known: CachedList) -> None:
        if self._offered:
            self._cache.write_available(known.builds, complete=known.complete)

    def _ask(self, cached: CachedList | None, enough: Enough | None) -> Catalogue:
        self._observer.began(_TASK, None)
        try:
            known = self._web.transfer(_TASK, self._source.indexes, lambda url: self._ask_one(url, cached, enough))
        finally:
            self._observer.finished(_TASK)
        self._offer(known)
        return self._catalogue(known, stale=False)

    def _ask_one(self, url: str, cached: CachedList | None, enough: Enough | None) -> CachedList:
        shown = without_secrets(url)
        headers = {}
        if cached is not None and cached.etag and cached.url == shown and self._answers(cached, enough):
            headers["If-None-Match"] = cached.etag
        with self._web.get(url, headers) as answer:
            if answer.status == 304 and cached is not None and headers:
                self._cache.touch(self._clock())
                return CachedList(cached.builds, cached.etag, shown, cached.complete, self._clock())
            if answer.status != 200:
                raise NetworkError(f"{shown} answered HTTP {answer.status} to a plain question")
            if answer.is_web_page:
                raise web_page(shown)
            small = answer.length is not None and answer.length <= _SMALL
            known = self._read(self._counted(answer.pieces(decoded=True)), cached, None if small else enough, shown)
            known = CachedList(known.builds, answer.tag, shown, known.complete, self._clock())
        self._cache.write(known, self._source.base)
        return known

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._observer.advanced(_TASK, len(piece))
            yield piece

    @staticmethod
    def _answers(known: CachedList, enough: Enough | None) -> bool:
        return known.complete or (enough is not None and enough(known.builds))

    def _read(
        self, pieces: Iterable[bytes], cached: CachedList | None, enough: Enough | None, shown: str | None = None
    ) -> CachedList:
        """Read releases until that is enough, or until the part begins that is kept already."""
        shown = shown or self._source.name
        known = {(build.version, build.build): place for place, build in reversed([*enumerate(_builds(cached))])}
        newest = cached.builds[0].build if cached is not None and cached.builds else ""
        builds: list[Build] = []
        first = True
        for number, line, ended in split_lines(pieces, shown):
            try:
                release = parse_release(line, self._source.base, self._platform)
            except WrongShape as error:
                raise unreadable_line(shown, number, line, str(error), first=first, ended=ended) from error
            first = False
            if not release:
                continue
            another = not builds or builds[-1].build != release[0].build
            place = known.get((release[0].version, release[0].build))
            # The newest release that is kept may have been read while it was published: it is read again.
            if cached is not None and place is not None and release[0].build != newest:
                joined = _join(builds, cached.builds[place:])
                together = CachedList(joined, "", shown, cached.complete, 0.0)
                if self._answers(together, enough):
                    return together
                cached = None  # too short for this question: read on
            elif cached is not None and release[0].build < newest and place is None:
                cached = None  # it ends before the list has something that it knows
            builds += release
            # With something to join, the few new releases are all read, so that what is kept stays in one piece.
            if another and cached is None and enough is not None and enough(builds):
                return CachedList(tuple(builds), "", shown, False, self._clock())
        if first:
            raise NetworkError(f"the list of builds at {shown} is empty", hint="check the address of the mirror")
        return CachedList(tuple(builds), "", shown, True, self._clock())


def _builds(cached: CachedList | None) -> Sequence[Build]:
    return cached.builds if cached is not None else ()


def _join(fresh: Sequence[Build], rest: Sequence[Build]) -> tuple[Build, ...]:
    releases = {(build.version, build.build) for build in fresh}
    return (*fresh, *(build for build in rest if (build.version, build.build) not in releases))
