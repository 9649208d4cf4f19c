"""Archives: fetched, resumed, and checked for size and sha256 before anybody may read them.

In `<cache>/archives/` a finished archive has its name only after it was checked, and is checked again before every
use; what is on its way is a `.part` beside it, which the next attempt goes on with. An archive in a mirror's folder
is checked where it lies and not copied.
"""

from __future__ import annotations

import errno
import os
import stat
import threading

from pyman.core.escape import without_secrets
from pyman.core.version import python_name
from pyman.effects.checksum import sha256_of
from pyman.effects.files import write_all
from pyman.effects.lock import hold
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import cannot_write, make_folder
from pyman.effects.web.http import Answer, PassingError, Web
from pyman.errors import UNVERIFIED, BadAnswer, IntegrityError, NetworkError, network_disabled

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
                f"the list of builds has no sha256 for {python_name(build.release)}",
                hint="choose another version or mirror: the content of this one cannot be verified",
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
        raise network_disabled(f"{python_name(build.release)} is not in the cache")
    make_folder(folder)
    beside = os.path.join(folder, f".{build.archive_name}")
    with hold(f"{beside}.lock", observer, f"the download of {python_name(build.release)}", give_up=give_up):
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
        raise BadAnswer(
            f"the mirror's archive {build.url} cannot be read: {error.strerror or error}",
            hint="check that the mirror is complete",
        ) from error
    if sha256 != build.sha256 and build.sha256 is not None:
        raise IntegrityError(
            f"{build.url} does not match the list of builds: its sha256 is {sha256}, and its list says {build.sha256}",
            hint="download it again, or regenerate the mirror's list",
        )
    if build.size not in (None, size):
        raise IntegrityError(
            f"{build.url} does not match the list of builds: it has {size} bytes, and its list says {build.size}",
            hint="download it again, or regenerate the mirror's list",
        )
    return build.url


# Completing a partial download: continuing where the last attempt stopped, and detecting what is not an archive.

# A hundred times what any build has.
_LARGEST = 8 << 30


class Receiver:
    """One archive on its way into one part."""

    def __init__(self, build: Build, part: Part, web: Web, observer: Observer) -> None:
        self._build = build
        self._part = part
        self._web = web
        self._observer = observer
        self._task = f"{python_name(build.release)}"
        self._tags: dict[str, str] = {}
        self._told = 0
        self._last_url = build.url

    def receive(self) -> None:
        """Fill the part with what the build's size and sha256 say, from the first address that has it.

        A part that was put together from several attempts and is wrong is fetched once more from its beginning.
        Raises NetworkError, IntegrityError for another content, OSError where the part cannot be written.
        """
        urls = list(self._build.urls)
        may_restart = True
        try:
            while not self._is_right():
                self._web.transfer(self._task, urls, self._receive_from, lambda: self._part.size)
                if self._is_right():
                    return
                error = self._wrong()
                resumed = self._part.resumed
                self._part.restart()
                if resumed and may_restart:
                    may_restart = False
                    continue
                urls.remove(self._last_url)
                if not urls:
                    raise error
        finally:
            self._observer.finished(self._task)

    def _is_right(self) -> bool:
        part, build = self._part, self._build
        if part.size == 0 or (build.size is not None and part.size != build.size):
            return False
        # Without a hash, an end is all there is to go by, and only this attempt knows of one.
        return part.sha256 == build.sha256 if build.sha256 is not None else self._last_url in self._tags

    def _wrong(self) -> IntegrityError:
        part, build, shown = self._part, self._build, without_secrets(self._last_url)
        if part.size == 0:
            what = "is empty"
        elif build.size is not None and part.size != build.size:
            what = f"has {part.size} bytes, and its list says {build.size}"
        else:
            what = f"has the sha256 {part.sha256}, and its list says {build.sha256}"
        return IntegrityError(
            f"{shown} does not match the list of builds: it {what}",
            hint="try again later; if that does not help, tell the operator of the mirror",
        )

    def _receive_from(self, url: str) -> None:
        self._last_url = url
        part = self._part
        headers = {"Accept-Encoding": "identity"}
        if part.size and self._build.sha256 is None and not self._tags.get(url):
            # Nothing could tell whether the rest is of the same file.
            part.restart()
        if part.size:
            headers["Range"] = f"bytes={part.size}-"
            if self._tags.get(url):
                headers["If-Range"] = self._tags[url]
        with self._web.get(url, headers) as answer:
            if answer.status == 416 and part.size:
                # Nothing is left: the part is whole, or of something else.
                if not self._is_right():
                    part.restart()
                    raise PassingError(f"{without_secrets(url)} is shorter than what was received before")
                return
            self._check(answer, url)
            tag = answer.tag
            self._tags[url] = "" if tag.startswith("W/") else tag
            total = None if answer.length is None else part.size + answer.length
            self._observer.began(self._task, total or self._build.size)
            self._fill(answer, url)

    def _check(self, answer: Answer, url: str) -> None:
        """See that the answer goes on where the part ends, or begins again."""
        part = self._part
        if answer.is_web_page:
            raise _web_page(url)
        if answer.status == 200:
            part.restart()
        elif answer.status == 206 and part.size:
            if not answer.headers.get("content-range", "").startswith(f"bytes {part.size}-"):
                part.restart()
                raise PassingError(f"{without_secrets(url)} continues at another offset than requested")
            part.resumed = True
        else:
            raise NetworkError(f"{without_secrets(url)} answered HTTP {answer.status} to a plain request")

    def _fill(self, answer: Answer, url: str) -> None:
        part = self._part
        most = self._build.size or _LARGEST
        self._report()
        for piece in answer.pieces():
            if part.size == 0 and piece.lstrip()[:1] == b"<":
                raise _web_page(url)
            part.add(piece)
            self._report()
            if part.size > most:
                # Longer than it should be: what else comes does not matter.
                return

    def _report(self) -> None:
        """Tell how far it is; what comes a second time is told once."""
        if self._part.size > self._told:
            self._observer.advanced(self._task, self._part.size - self._told)
            self._told = self._part.size


def _web_page(url: str) -> NetworkError:
    return NetworkError(
        f"{without_secrets(url)} is a web page instead of an archive",
        hint="your network may ask you to log in first: open any page in a browser",
    )


# An archive on its way: a file that grows, and the sha256 of what it holds so far.

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_READ_AT_ONCE = 1 << 18


class Part:
    """One `.part` file, opened with what an earlier attempt left in it. Whoever uses it holds the download's lock."""

    def __init__(self, path: str) -> None:
        """Raises OSError where the file cannot be made."""
        import hashlib

        self._path = path
        self._new_digest = hashlib.sha256
        self._descriptor = self._open()
        self.size = 0
        """Bytes that are there."""
        self.resumed = False
        """True where they came in more than one piece, which may not fit together."""
        self._digest = self._new_digest()
        while piece := os.read(self._descriptor, _READ_AT_ONCE):
            self._digest.update(piece)
            self.size += len(piece)
            self.resumed = True

    def _open(self) -> int:
        try:
            descriptor = os.open(self._path, _FLAGS, 0o600)
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return descriptor
            os.close(descriptor)
        except OSError:
            if not os.path.lexists(self._path):
                raise
        # A link or a fifo in place of our file.
        os.unlink(self._path)
        return os.open(self._path, _FLAGS | os.O_EXCL, 0o600)

    @property
    def sha256(self) -> str:
        """The hash of what is there, in lower-case hexadecimal digits."""
        return self._digest.hexdigest()

    def add(self, piece: bytes) -> None:
        """Append bytes. Raises OSError, for a full disk above all."""
        write_all(self._descriptor, piece)
        self._digest.update(piece)
        self.size += len(piece)

    def restart(self) -> None:
        """Throw away what is there."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._digest = self._new_digest()
        self.size = 0
        self.resumed = False

    def finish(self, path: str) -> None:
        """Give the file its final name, in one step."""
        os.fchmod(self._descriptor, 0o644)
        os.replace(self._path, path)

    def throw_away(self) -> None:
        """Remove the file."""
        try:
            os.unlink(self._path)
        except OSError:
            pass  # it is gone already

    def close(self) -> None:
        """Let go of the file, which stays for the next attempt."""
        os.close(self._descriptor)
