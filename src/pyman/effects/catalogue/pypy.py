"""PyPy's own lists, kept between commands with their entity tags, and usable stale where there is no network.

Both are small: they are asked for as a whole. A mirror has the builds of PyPy in its one list.
"""

from __future__ import annotations

import os
import time

from pyman.core.catalogue import Catalogue, WrongShape
from pyman.core.pypy_lists import CHECKSUMS, FILES, VERSIONS, parse_pypy_lists
from pyman.effects.catalogue.cache import CatalogueCache
from pyman.effects.catalogue.freshness import is_fresh
from pyman.effects.catalogue.kept import KeptFile
from pyman.effects.observer import SILENT, Observer
from pyman.effects.web.http import Web
from pyman.errors import BadAnswer, NetworkError, network_disabled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LARGEST = 8 << 20
_TASK = "list of PyPy's builds"
_NAME = "pypy.org"


def pypy_releases(
    platform: str,
    cache: str,
    *,
    offline: bool = False,
    observer: Observer = SILENT,
    web: Web | None = None,
    clock: Callable[[], float] = time.time,
    max_age: float = 0.0,
    urls: tuple[str, str] = (VERSIONS, CHECKSUMS),
    offered: bool = True,
) -> Catalogue:
    """Return the builds of PyPy for a platform, the newest first.

    Lists that were asked for less than `max_age` seconds ago are not asked again. Raises NetworkError where they cannot
    be had and were not kept, BadAnswer where they are not such lists.
    """
    web = web or Web(offline=offline, observer=observer)
    folder = os.path.join(cache, "catalogue")
    kept = [KeptFile(os.path.join(folder, name), _LARGEST) for name in FILES]
    fetched = min(file.time() for file in kept)
    stale = False
    if not is_fresh(fetched, clock(), max_age):
        observer.began(_TASK, None)
        try:
            if web.offline:
                raise network_disabled(f"the list of builds of {_NAME} is not cached")
            with web:
                for file, url in zip(kept, urls, strict=True):
                    file.refresh(web, url, clock())
            fetched = clock()
        except BadAnswer:
            raise
        except NetworkError:
            if not all(file.read() for file in kept):
                raise
            stale = True
        finally:
            observer.finished(_TASK)
    versions, checksums = (file.read() for file in kept)
    try:
        listed, passed_over = parse_pypy_lists(versions, checksums, platform)
    except WrongShape as error:
        raise BadAnswer(f"the list of PyPy's releases at {urls[0]} {error}", hint="a newer pyman may read it") from None
    if offered:
        CatalogueCache(cache, "", platform).write_available(listed.builds, complete=True)
    return Catalogue(listed.builds, listed.unusable, passed_over, stale, True, _NAME, fetched)
