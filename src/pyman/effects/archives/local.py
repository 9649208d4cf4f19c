"""An archive that the user already has: what it says it is, and whether its hash is known to anybody."""

from __future__ import annotations

import os

from pyman.core.immutable import record
from pyman.core.implementation import is_installed, title
from pyman.core.mirror_lists import SUMS, read_sums
from pyman.core.names import other_in_name
from pyman.core.version import UNKNOWN_PATCH, Version, release_name
from pyman.effects.archives.archive import release_of
from pyman.effects.checksum import sha256_of
from pyman.effects.files import open_to_read, read_text
from pyman.effects.machine import platform
from pyman.errors import UNSUPPORTED, WRONG_PLATFORM, IntegrityError, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.version import Variant


@record
class LocalArchive:
    """What is known of a local archive before it is unpacked."""

    sha256: str
    told: str
    """Who vouches for the hash, in one sentence."""
    name: str | None = None
    """The name in the store, from the file's own; None where only the archive's inside can tell."""
    version: Version | None = None
    variant: Variant = "default"
    build: str | None = None


def verified_archive(path: str, cache: str) -> LocalArchive:
    """Hash an archive and compare it with a `SHA256SUMS` beside it, or with a cached catalogue that lists it.

    Raises IntegrityError where the hash is another one, PymanError for an archive of another platform.
    """
    other = release_of_other(path)
    named = release_of(path) if other is None else None
    if named is not None and named.platform != platform():
        raise PymanError(
            f"{os.path.basename(path)} is for {named.platform}, this machine is {platform()}",
            hint="get the archive for this machine",
            code=WRONG_PLATFORM,
        )
    digest, _ = sha256_of(path)
    expected, source = _expected(path, cache)
    if expected is not None and expected != digest:
        raise IntegrityError(
            f"{path} is not what {source} says: its sha256 is {digest}, not {expected}", hint="get the archive again"
        )
    told = f"sha256 agrees with {source}" if expected else f"no known checksum for this archive (sha256 {digest})"
    if other is not None:
        return LocalArchive(digest, told, release_name(other, "default"), other)
    if named is None:
        return LocalArchive(digest, told)
    return LocalArchive(
        digest, told, release_name(named.version, named.variant), named.version, named.variant, named.build
    )


def release_of_other(path: str) -> Version | None:
    """What the file name of an archive of another implementation says that it holds; None for any other name.

    Raises Refused for an implementation that pyman does not install.
    """
    name = os.path.basename(path)
    found = other_in_name(name.partition(".tar.")[0])
    if found is None or not found.own or len(found.numbers) != 2:
        return None
    if not is_installed(found.implementation):
        raise Refused(
            f"pyman does not install {title(found.implementation)}; nothing was changed",
            hint="unpack it yourself, then run `pyman adopt PATH`",
            code=UNSUPPORTED,
        )
    return Version(*found.numbers, UNKNOWN_PATCH, implementation=found.implementation, own=found.own)


def _expected(path: str, cache: str) -> tuple[str | None, str]:
    folder, name = os.path.split(path)
    sums = os.path.join(folder, SUMS)
    try:
        for listed, digest in read_sums(read_text(sums)):
            if listed == name:
                return digest.lower(), sums
    except OSError:
        pass  # No such list: the catalogue may know it.
    return _in_catalogues(name, os.path.join(cache, "catalogue")), "the catalogue"


def _in_catalogues(name: str, folder: str) -> str | None:
    """Look for an archive in the cached catalogues, line by line: they are long."""
    try:
        files = [os.path.join(folder, entry) for entry in os.listdir(folder)]
    except OSError:
        return None
    wanted = name.replace("+", "%2B")
    for path in files:
        try:
            with open(open_to_read(path), encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    if (wanted in line or name in line) and (digest := _digest_in(line, (f"/{wanted}", f"/{name}"))):
                        return digest
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue  # A damaged cache is empty.
    return None


def _digest_in(line: str, endings: tuple[str, ...]) -> str | None:
    """The sha256 that a line of a catalogue has for an address that ends so."""
    import json

    for artifact in json.loads(line)["artifacts"]:
        digest = artifact["sha256"]
        if isinstance(digest, str) and len(digest) == 64 and str(artifact["url"]).endswith(endings):
            return digest
    return None
