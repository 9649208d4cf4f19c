"""Archives: fetched, resumed, and checked for size and sha256 before anybody may read them.

In `<cache>/archives/` a finished archive has its name only after it was checked, and is checked again before every
use; what is on its way is a `.part` beside it, which the next attempt goes on with. An archive in a mirror's folder
is checked where it lies and not copied.
"""

from __future__ import annotations

import errno
import os
import threading

from pyman.effects.lock import hold
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import cannot_write, make_folder
from pyman.effects.web.http import Web
from pyman.effects.web.part import Part, sha256_of
from pyman.effects.web.receive import Receiver
from pyman.errors import UNVERIFIED, IntegrityError, NetworkError, Offline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyman.core.catalogue import Build

_AT_ONCE = 4
"""Downloads side by side: more would only share the same line."""


def fetch(
    build: Build,
    cache: str,
    *,
    offline: bool = False,
    observer: Observer = SILENT,
    web: Web | None = None,
    allow_unverified: bool = False,
) -> str:
    """Return the path of a build's archive, checked.

    Of several processes that want the same archive one downloads it. Raises IntegrityError for another content than
    the list says, or for a build without a sha256 unless `allow_unverified`; NetworkError and Offline where it cannot
    be had; PymanError where the cache cannot be written.
    """
    [path] = fetch_all([build], cache, offline=offline, observer=observer, web=web, allow_unverified=allow_unverified)
    return path


def fetch_all(
    builds: Iterable[Build],
    cache: str,
    *,
    offline: bool = False,
    observer: Observer = SILENT,
    web: Web | None = None,
    allow_unverified: bool = False,
) -> list[str]:
    """Return the paths of the archives of several builds, in their order, downloaded side by side.

    The first failure breaks off the others and is raised, as by `fetch`; what they have got so far is kept.
    """
    builds = list(builds)
    for build in builds:
        if build.sha256 is None and not allow_unverified:
            raise IntegrityError(
                f"the list of builds has no sha256 for Python {build.release}",
                hint="choose another version or mirror: nobody can tell what would be unpacked",
                code=UNVERIFIED,
            )
    own = web is None
    web = web or Web(offline=offline, observer=observer)
    stopped = threading.Event()

    def one(build: Build) -> str:
        return _fetch(build, cache, web, observer, stopped.is_set)

    try:
        wanted = list(dict.fromkeys(builds))
        if len(wanted) < 2:
            return [_fetch(build, cache, web, observer, None) for build in wanted] * len(builds)
        paths = _side_by_side(wanted, one, web, stopped)
        return [paths[build] for build in builds]
    finally:
        if own:
            web.close()


def _side_by_side(
    builds: list[Build], one: Callable[[Build], str], web: Web, stopped: threading.Event
) -> dict[Build, str]:
    from concurrent.futures import ThreadPoolExecutor, as_completed

    pool = ThreadPoolExecutor(_AT_ONCE, "download")
    try:
        futures = {pool.submit(one, build): build for build in builds}
        return {futures[future]: future.result() for future in as_completed(futures)}
    except BaseException:
        stopped.set()
        web.interrupt()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        web.resume()


def _fetch(build: Build, cache: str, web: Web, observer: Observer, give_up: Callable[[], bool] | None) -> str:
    if build.is_local:
        return _check_in_place(build)
    folder = os.path.join(cache, "archives")
    path = os.path.join(folder, build.archive_name)
    if _is_right(path, build):
        return path
    if web.offline:
        raise Offline(
            f"Python {build.release} would have to be downloaded, and the network is not allowed",
            hint="run it without --offline and PYMAN_OFFLINE, or name a folder as the mirror",
        )
    make_folder(folder)
    beside = os.path.join(folder, f".{build.archive_name}")
    with hold(f"{beside}.lock", observer, f"the download of Python {build.release}", give_up=give_up):
        # Another process may have fetched it while we waited.
        if _is_right(path, build):
            return path
        try:
            _remove(path)
            _download(build, f"{beside}.part", path, web, observer)
        except OSError as error:
            raise cannot_write(folder, error) from error
    return path


def _download(build: Build, beside: str, path: str, web: Web, observer: Observer) -> None:
    part = Part(beside)
    try:
        if build.sha256 is None:
            part.restart()
        Receiver(build, part, web, observer).receive()
        part.finish(path)
    except IntegrityError:
        part.throw_away()
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            # What we leave behind would keep the disk full.
            part.throw_away()
        raise
    finally:
        part.close()


def _is_right(path: str, build: Build) -> bool:
    """Tell whether an archive in the cache is what it should be."""
    if build.sha256 is None:
        return False
    try:
        return sha256_of(path)[0] == build.sha256
    except OSError:
        return False  # not there, or a download replaces it or says why it cannot


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # as it should be


def _check_in_place(build: Build) -> str:
    try:
        sha256, size = sha256_of(build.url)
    except OSError as error:
        raise NetworkError(
            f"the mirror's archive {build.url} cannot be read: {error.strerror or error}",
            hint="see that the mirror is complete",
        ) from error
    if sha256 != build.sha256 and build.sha256 is not None:
        raise IntegrityError(
            f"{build.url} is not what it should be: it has the sha256 {sha256}, and its list says {build.sha256}",
            hint="fetch it again, or write the mirror's list again",
        )
    if build.size not in (None, size):
        raise IntegrityError(
            f"{build.url} is not what it should be: it has {size} bytes, and its list says {build.size}",
            hint="fetch it again, or write the mirror's list again",
        )
    return build.url
