"""The list of builds: where it lies, read newest first and only as far as the answer needs.

What was read is kept (effects/catalogue/cache.py): a list that has not changed is not sent again, of one that has
only the new part is read, and without a network the old one serves. A mirror's folder is read as it lies there.

What is not understood is passed over, and a list of which nothing is understood is an error, whatever is kept: who runs
it has to know.
"""

from __future__ import annotations

import os
import time

from pyman.core.catalogue import (
    Build,
    Catalogue,
    PassedOver,
    Unusable,
    WrongShape,
    parse_release,
)
from pyman.core.escape import without_secrets
from pyman.core.immutable import replace
from pyman.core.mirror_lists import INDEX
from pyman.effects.catalogue.cache import CachedList, CatalogueCache
from pyman.effects.catalogue.freshness import is_fresh
from pyman.effects.catalogue.list_address import Source, find_source
from pyman.effects.files import open_regular
from pyman.effects.observer import SILENT, Observer
from pyman.effects.web.http import PassingError, Web
from pyman.errors import BadAnswer, NetworkError, network_disabled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Enough = Callable[[Sequence[Build]], bool]

_TASK = "list of builds"
# A list of this size is always read to its end: that costs nothing, and answers the next request too.
_SMALL = 1 << 20
# More of them add nothing.
_MOST_UNUSABLE = 100


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
        Raises NetworkError where nothing that is enough can be had, as one sentence about what came instead; BadAnswer,
        also beside a list that is kept, where there is no such list, or none that is understood.
        """
        if self._source.is_local:
            return self._read_folder(enough)
        cached = self._cache.read(self._source.base)
        useful = cached is not None and (cached.complete or enough is None or enough(cached.builds))
        try:
            if cached is not None and useful:
                is_enough = cached.complete or enough is not None
                if is_enough and cached.same_reader and is_fresh(cached.fetched, self._clock(), max_age):
                    return self._catalogue(cached, stale=False)
            if self._web.offline:
                raise network_disabled(f"the list of builds of {self._source.name} is not cached")
            return self._ask(cached if cached is not None and cached.same_reader else None, enough)
        except BadAnswer:
            raise
        except NetworkError:
            if cached is None or not useful:
                raise
            return self._catalogue(cached, stale=True)
        finally:
            self._web.close()

    def _catalogue(self, known: CachedList, *, stale: bool) -> Catalogue:
        return Catalogue(
            known.builds, known.unusable, known.passed_over, stale, known.complete, self._source.name, known.fetched
        )

    def _read_folder(self, enough: Enough | None) -> Catalogue:
        path = self._source.indexes[0]
        try:
            with open_regular(path) as index:
                small = os.fstat(index.fileno()).st_size <= _SMALL
                known = self._read(iter(lambda: index.read(1 << 16), b""), None, None if small else enough)
        except OSError as error:
            raise no_list(self._source, error) from error
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
                return replace(cached, url=shown, fetched=self._clock())
            if answer.status != 200:
                raise NetworkError(f"{shown} answered HTTP {answer.status} to a plain request")
            if answer.is_web_page:
                raise web_page(shown)
            small = answer.length is not None and answer.length <= _SMALL
            known = self._read(self._counted(answer.pieces(decoded=True)), cached, None if small else enough, shown)
            known = replace(known, etag=answer.tag, url=shown, fetched=self._clock())
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
        so_far = _SoFar(shown)
        builds = so_far.builds
        for number, line, ended in split_lines(pieces, shown):
            try:
                release = parse_release(line, self._source.base, self._platform)
            except WrongShape as error:
                so_far.not_understood(number, line, str(error), ended=ended)
                continue
            so_far.understood(release.unusable, release.unknown)
            if not release.builds:
                continue
            first = release.builds[0]
            another = not builds or builds[-1].build != first.build
            place = known.get((first.version, first.build))
            # The newest release that is kept may have been read while it was published: it is read again.
            if cached is not None and place is not None and first.build != newest:
                together = so_far.joined(cached, place)
                if self._answers(together, enough):
                    return together
                cached = None  # too short for this question: read on
            elif cached is not None and first.build < newest and place is None:
                cached = None  # it ends before the list has something that it knows
            builds += release.builds
            # With something to join, the few new releases are all read, so that what is kept stays in one piece.
            if another and cached is None and enough is not None and enough(builds):
                return so_far.read(complete=False)
        so_far.ended()
        return so_far.read(complete=True)


class _SoFar:
    """What was read of a list so far."""

    def __init__(self, shown: str) -> None:
        self.builds: list[Build] = []
        self._shown = shown
        self._unusable: list[Unusable] = []
        self._lines = self._artifacts = 0
        self._understood = False
        self._wrong: NetworkError | None = None
        """About the first line that is not understood."""

    def understood(self, unusable: Sequence[Unusable], unknown: int) -> None:
        """Note what a line has beside its builds."""
        self._understood = True
        self._unusable += unusable[: _MOST_UNUSABLE - len(self._unusable)]
        self._artifacts += unknown

    def not_understood(self, number: int, line: bytes, reason: str, *, ended: bool) -> None:
        """Pass a line over. Raises NetworkError for a web page, PassingError where the list is cut off."""
        if self._wrong is None and not self._understood and line.lstrip(b"\xef\xbb\xbf \t\r").startswith(b"<"):
            raise web_page(self._shown)
        if not ended and line.lstrip().startswith(b"{"):
            raise PassingError(f"the list of builds at {self._shown} ends in the middle of line {number}")
        self._wrong = self._wrong or unreadable(self._shown, number, reason)
        self._lines += 1

    def ended(self) -> None:
        """See that there was a list at all. Raises BadAnswer."""
        if self._understood:
            return
        if self._wrong is not None:
            raise self._wrong
        raise BadAnswer(f"the list of builds at {self._shown} is empty", hint="check the address of the mirror")

    def joined(self, cached: CachedList, place: int) -> CachedList:
        """What was read, and what is kept from `place` on."""
        releases = {(build.version, build.build) for build in self.builds}
        rest = [build for build in cached.builds[place:] if (build.version, build.build) not in releases]
        unusable = dict.fromkeys((*self._unusable, *cached.unusable))
        before = cached.passed_over
        return replace(
            self.read(complete=cached.complete),
            builds=(*self.builds, *rest),
            unusable=tuple(unusable)[:_MOST_UNUSABLE],
            # The newest part was read twice.
            passed_over=PassedOver(max(self._lines, before.lines), max(self._artifacts, before.artifacts)),
        )

    def read(self, *, complete: bool) -> CachedList:
        """All of it."""
        passed_over = PassedOver(self._lines, self._artifacts)
        return CachedList(tuple(self.builds), tuple(self._unusable), passed_over, "", self._shown, complete, 0.0)


def _builds(cached: CachedList | None) -> Sequence[Build]:
    return cached.builds if cached is not None else ()


# The lines of a list of builds as they come in, and what to say of a list that is none.

# A hundred times what upstream has.
_LONGEST_LINE = 8 << 20
_LARGEST = 1 << 30


def split_lines(pieces: Iterable[bytes], shown: str) -> Iterator[tuple[int, bytes, bool]]:
    """Yield the lines that are not blank, with their numbers from 1, and whether their end was seen."""
    rest = b""
    number = size = 0
    for piece in pieces:
        size += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            number += 1
            if line.strip():
                yield number, line, True
        if len(rest) > _LONGEST_LINE or size > _LARGEST:
            raise BadAnswer(
                f"the list of builds at {shown} is too long for a list of builds",
                hint="check the address of the mirror",
            )
    if rest.strip():
        yield number + 1, rest, False


def unreadable(shown: str, number: int, reason: str) -> BadAnswer:
    """Return the error for a list of which nothing is understood; `reason` says what is wrong with a line of it."""
    return BadAnswer(
        f"line {number} of the list of builds at {shown} {reason}", hint="check the address, or tell its operator"
    )


def no_list(source: Source, error: OSError) -> BadAnswer:
    """Return the error for a folder whose list cannot be read."""
    return BadAnswer(
        f"the mirror {source.name} has no {INDEX} that can be read: {error.strerror or error}",
        hint=f"give the folder that contains {INDEX}, or its web address",
    )


def web_page(shown: str) -> NetworkError:
    """Return the error for a page that a network shows to those who are to log in."""
    return NetworkError(
        f"{shown} sent a web page instead of the list of builds",
        hint="your network may ask you to log in first: open any page in a browser",
    )
