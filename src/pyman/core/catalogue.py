"""What can be downloaded: the builds that a list in upstream's schema offers for one platform.

The schema is that of the newline-delimited JSON that astral-sh/versions publishes for python-build-standalone: one
object a line, newest release first, `{"version": "3.13.15+20261001", "artifacts": [{"platform", "variant", "url",
"archive_format", "sha256"}, …]}`. Lists grow in ways that nobody foresees: what is not understood is counted and
passed over, and never taken for something else. Lines are untrusted: an address may not leave the mirror that it
stands in, and https never becomes http.
"""

from __future__ import annotations

from posixpath import join

from pyman.core.escape import without_secrets
from pyman.core.immutable import record, replace
from pyman.core.implementation import CPYTHON, OTHERS, abi_tag, is_installed
from pyman.core.version import VARIANT_SUFFIX, Version, is_own_version, minor_alias, parse_version, release_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from pyman.core.version import Variant

GITHUB_PREFIX = "https://github.com/astral-sh/python-build-standalone/releases/download/"
FAST_PREFIX = "https://releases.astral.sh/github/python-build-standalone/releases/download/"

UPSTREAM_INDEXES = (
    "https://releases.astral.sh/github/versions/main/v1/python-build-standalone.ndjson",
    "https://raw.githubusercontent.com/astral-sh/versions/main/v1/python-build-standalone.ndjson",
)
"""Upstream's list, the faster host first."""

# The best first.
_FLAVORS = ("install_only_stripped", "install_only")
_FORMATS = ("tar.gz", "tar.zst")
_OTHERS_FORMATS = ("tar.gz", "tar.bz2")
# Upstream's other archives, known and not used: `full` ones have another layout, and contain more than is needed to run
# Python; what was built static cannot load any extension.
_OTHER_FLAVORS = frozenset({"full"})
_OTHER_FORMATS = frozenset({"zip"})
_STATIC = "static"
_SOURCE, _ANY = "source", "any"
_SOURCE_FORMATS = ("tar.xz", "tgz")
# How a build may have been made without being another kind of Python. Whatever else a build says of itself (`asan`,
# `experimental_jit`) may be anything.
_OPTIMISATIONS = frozenset({"pgo", "lto", "bolt"})
_PLAIN = "noopt"
# Older builds for musl are static: they cannot load any extension.
_FIRST_DYNAMIC_MUSL = "20250311"
_HEX = frozenset("0123456789abcdef")


NO_SHA256 = "has no sha256"
"""The reason of a build that nobody can check."""


class WrongShape(ValueError):
    """A line that is not a release as upstream writes it; the text goes on from `line 12 of the list`."""


@record
class Build:
    """One archive that can become a runtime."""

    version: Version
    variant: Variant
    """`default`, `freethreaded` or `debug`."""
    build: str
    """The tag of upstream's release, its date: `20261001`."""
    platform: str
    url: str
    """An http or https address, or the absolute path of a file in a mirror's folder."""
    sha256: str | None
    """64 lower-case hexadecimal digits; None where the list has none."""
    size: int | None
    """Bytes; None where the list does not say."""
    archive_format: str
    """`tar.gz`, `tar.zst` or `tar.bz2`."""

    @property
    def release(self) -> str:
        """Version and variant as people write them: `3.14.2t`."""
        return release_name(self.version, self.variant)

    @property
    def is_local(self) -> bool:
        """True for a file in a mirror's folder."""
        return self.url.startswith("/")

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses to try, in this order: what lies on GitHub has a faster copy."""
        if self.url.startswith(GITHUB_PREFIX):
            return (FAST_PREFIX + self.url.removeprefix(GITHUB_PREFIX), self.url)
        return (self.url,)

    @property
    def archive_name(self) -> str:
        """The archive's name in the cache: made of what is known of it, never of its address."""
        check = self.sha256[:16] if self.sha256 else "unverified"
        version = self.version
        subject = self.release if version.own else f"{version.implementation}-{version}"
        return f"{subject}+{self.build}-{self.platform}-{self.variant}-{check}.{self.archive_format}"


@record
class Unusable:
    """A build for this platform that a list has, and that cannot be used: its hash, size or address is damaged."""

    version: Version
    variant: Variant
    build: str
    reason: str
    """The rest of a sentence that begins with its entry: `has no sha256`."""

    @property
    def release(self) -> str:
        """Version and variant as people write them: `3.14.2t`."""
        return release_name(self.version, self.variant)


@record
class PassedOver:
    """How much of a list this pyman does not understand."""

    lines: int = 0
    artifacts: int = 0
    """Of other lines, and for this platform, as far as they say so."""


@record
class Listed:
    """What one line of a list offers to one platform."""

    builds: tuple[Build, ...]
    """At most one for each variant."""
    unusable: tuple[Unusable, ...] = ()
    """Likewise, where there is no better one."""
    unknown: int = 0
    """Artifacts that were passed over because this pyman does not know what they are."""


@record
class Catalogue:
    """The builds that are known, and how well."""

    builds: tuple[Build, ...]
    """Newest release first."""
    unusable: tuple[Unusable, ...]
    """Newest release first."""
    passed_over: PassedOver
    """Of what was read; no less than that where only a part was."""
    stale: bool
    """True where the list could not be asked whether it still holds."""
    complete: bool
    """False where only the newest part of the list was read, because that was enough."""
    source: str
    """Whose list it is, in words: an address or a folder."""
    fetched: float
    """When the list was last known to hold, in seconds since 1970."""


def parse_release(line: str | bytes, base: str, platform: str) -> Listed:
    """Read one line of a list: the best archive of each variant for `platform`.

    `base` is where the list lies, without a slash at its end: the address of a folder, or its absolute path.
    Raises WrongShape with what is wrong where the line as a whole is not understood.
    """
    import json

    try:
        release = json.loads(line)
    except RecursionError:
        raise WrongShape("is nested too deeply") from None
    except ValueError:
        raise WrongShape("is not JSON") from None
    if not isinstance(release, dict) or not isinstance(release.get("artifacts"), list):
        raise WrongShape("is not a release with artifacts")
    version, tag = split_version(release.get("version"))
    if release.get("implementation", CPYTHON) != CPYTHON:
        return _parse_other(release, version, tag, platform, base)
    found: dict[Variant, list[tuple[tuple[int, ...], dict[str, Any]]]] = {}
    unknown = 0
    ours = False
    for artifact in release["artifacts"]:
        try:
            classified = _classify(artifact, platform, tag)
        except WrongShape:
            unknown += 1
            ours = ours or (isinstance(artifact, dict) and artifact.get("platform") == platform)
            continue
        if classified is not None:
            variant, rank = classified
            found.setdefault(variant, []).append((rank, artifact))
    builds, unusable = [], []
    for variant, ranked in found.items():
        try:
            builds.append(_best(version, variant, tag, platform, ranked, base))
        except WrongShape as error:
            unusable.append(Unusable(version, variant, tag, str(error)))
    if ours and not found:
        unusable.append(
            Unusable(version, "default", tag, "has no archive in a format that this version of pyman supports")
        )
    return Listed(tuple(builds), tuple(unusable), unknown)


def _parse_other(release: dict[str, Any], version: Version, tag: str, platform: str, base: str) -> Listed:
    """Read a line about another implementation: its artifacts have its name for a variant.

    Raises WrongShape for an implementation that nobody here knows.
    """
    implementation, own = read_implementation(release)
    if not is_installed(implementation):
        return Listed(())
    version = replace(version, implementation=implementation, own=own)
    artifacts = [one for one in release["artifacts"] if isinstance(one, dict) and one.get("platform") == platform]
    fitting = [one for one in artifacts if one.get("variant") == implementation]
    known = [one for one in fitting if one.get("archive_format") in _OTHERS_FORMATS]
    unknown = len(artifacts) - len(known)
    if not known:
        return Listed((), unknown=unknown)
    ranked: list[tuple[tuple[int, ...], dict[str, Any]]] = [
        ((_OTHERS_FORMATS.index(one["archive_format"]),), one) for one in known
    ]
    try:
        return Listed((_best(version, "default", tag, platform, ranked, base),), unknown=unknown)
    except WrongShape as error:
        return Listed((), (Unusable(version, "default", tag, str(error)),), unknown)


def read_implementation(release: dict[str, Any]) -> tuple[str, str]:
    """The implementation of a line that is not CPython's, and its own version. Raises WrongShape."""
    implementation, own = release.get("implementation"), release.get("implementation_version")
    if implementation not in OTHERS or not isinstance(own, str) or not is_own_version(own):
        raise WrongShape("is an unknown implementation")
    return implementation, own


def parse_sources(line: str | bytes, base: str) -> tuple[Build, ...]:
    """The source tarballs in one line of a mirror's list: `"variant": "source", "platform": "any"`.

    pyman reads none of them from upstream's list, and what is not understood here is passed over.
    """
    import json

    try:
        release = json.loads(line)
        version, tag = split_version(release["version"])
        artifacts = [one for one in release["artifacts"] if (one["platform"], one["variant"]) == (_ANY, _SOURCE)]
        sources = [_build(version, "default", tag, _ANY, one, base) for one in artifacts]
    except (ValueError, RecursionError, LookupError, TypeError):
        return ()
    return tuple(source for source in sources if source.archive_format in _SOURCE_FORMATS)


def _best(
    version: Version,
    variant: Variant,
    tag: str,
    platform: str,
    ranked: list[tuple[tuple[int, ...], dict[str, Any]]],
    base: str,
) -> Build:
    """The best of the artifacts of one variant that can be used. Raises WrongShape with what the best of them has."""
    wrong = WrongShape()
    for number, (_, artifact) in enumerate(sorted(ranked, key=lambda pair: pair[0])):
        try:
            return _build(version, variant, tag, platform, artifact, base)
        except WrongShape as error:
            wrong = wrong if number else error
    raise wrong


def release_line(builds: Sequence[Build], base: str) -> str:
    """Write builds of one release as a line that `parse_release` reads back, addresses below `base` relative to it."""
    import json

    first = builds[0]
    artifacts = [
        {
            "platform": build.platform,
            "variant": flavored(build, "install_only"),
            "url": build.url.removeprefix(f"{base}/"),
            "archive_format": build.archive_format,
            "sha256": build.sha256,
            "size": build.size,
        }
        for build in builds
    ]
    about = {"version": f"{first.version}+{first.build}", **about_implementation(first.version)}
    return json.dumps({**about, "artifacts": artifacts}, separators=(",", ":"))


def about_implementation(version: Version) -> dict[str, str]:
    """The keys of a line by which readers that know other implementations tell one."""
    if not version.own:
        return {}
    abi = abi_tag(version.implementation, version.minor_name, version.own)
    told = {"implementation": version.implementation, "implementation_version": version.own}
    return {**told, "abi": abi} if abi is not None else told


def flavored(build: Build, flavor: str) -> str:
    """What a list calls the variant of an artifact. Older readers pass over one that they do not know."""
    if build.version.own:
        return build.version.implementation
    return flavor if build.variant == "default" else f"{build.variant}+{flavor}"


def release_names(builds: Iterable[Build]) -> list[str]:
    """Return the releases among builds as people write them, each once, the highest version first."""
    names: dict[str, tuple[tuple[int, ...], bool]] = {}
    for build in builds:
        names[build.release] = (build.version.order, build.variant == "default")
    return sorted(names, key=names.__getitem__, reverse=True)


def offered_names(builds: Iterable[Build]) -> list[str]:
    """Return what can be written to have one of these builds: each minor, and behind it its releases."""
    names: dict[str, None] = {}
    for build in sorted(builds, key=lambda build: (build.version.order, build.variant == "default"), reverse=True):
        names[minor_alias(build.version, build.variant)] = None
        names[build.release] = None
    return list(names)


def split_version(text: object) -> tuple[Version, str]:
    """Split the version of a line, `3.13.15+20261001`, into the release and its tag. Raises WrongShape."""
    if not isinstance(text, str):
        raise WrongShape("has no version")
    name, _, tag = text.partition("+")
    version = parse_version(name)
    if version is None or len(tag) != 8 or not tag.isascii() or not tag.isdigit():
        raise WrongShape(f"has {text[:60]!r} instead of a version and a date")
    return version, tag


def _classify(artifact: object, platform: str, tag: str) -> tuple[Variant, tuple[int, ...]] | None:
    """Return the variant of an artifact and its rank, the lowest is the best; None for one that is not for us.

    Raises WrongShape for one that may be for us and is not understood.
    """
    if not isinstance(artifact, dict):
        raise WrongShape("has an artifact that is not an object")
    place, described = artifact.get("platform"), artifact.get("variant")
    if not isinstance(place, str) or not isinstance(described, str):
        raise WrongShape("has an artifact without platform or variant")
    if not place.startswith(platform):
        return None
    # Some old releases for macOS have their options at the end of the platform: `aarch64-apple-darwin-debug`.
    suffix = place[len(platform) :]
    if suffix and suffix[0] != "-":
        return None
    *named, flavor = described.replace("-", "+").split("+")
    options = {*named, *suffix[1:].split("-")} - {""}
    archive_format = artifact.get("archive_format")
    if not isinstance(archive_format, str):
        raise WrongShape("has an artifact without a format")
    if flavor in _OTHER_FLAVORS or archive_format in _OTHER_FORMATS or _STATIC in options:
        return None
    if "musl" in platform and tag < _FIRST_DYNAMIC_MUSL:
        return None
    variants: list[Variant] = [variant for variant in VARIANT_SUFFIX if variant in options and variant != "default"]
    understood = options <= _OPTIMISATIONS | {_PLAIN, *variants}
    if not understood or flavor not in _FLAVORS or archive_format not in _FORMATS:
        raise WrongShape(f"has an artifact of an unknown kind for {platform}")
    if len(variants) > 1:
        return None
    rank = (int(_PLAIN in options), _FORMATS.index(archive_format), _FLAVORS.index(flavor))
    return variants[0] if variants else "default", rank


def _build(version: Version, variant: Variant, tag: str, platform: str, artifact: dict[str, Any], base: str) -> Build:
    sha256, size = artifact.get("sha256"), artifact.get("size")
    if sha256 is None:
        raise WrongShape(NO_SHA256)
    sha256 = sha256.lower() if isinstance(sha256, str) else ""
    if len(sha256) != 64 or not _HEX.issuperset(sha256):
        raise WrongShape("has an invalid sha256")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size <= 0):
        raise WrongShape("has an invalid size")
    url = artifact.get("url")
    if not isinstance(url, str):
        raise WrongShape("has no address")
    return Build(
        version, variant, tag, platform, resolve_url(url, base), sha256, size, str(artifact.get("archive_format"))
    )


def resolve_url(url: str, base: str) -> str:
    """Return an artifact's address made absolute, or the path of the file where `base` is a folder.

    Raises WrongShape for one that leaves the folder of its list, or is less safe than the list itself.
    """
    from urllib.parse import unquote

    if not url or any(one <= " " or one == "\x7f" or "\ud800" <= one <= "\udfff" for one in url):
        raise WrongShape(f"has the invalid address {_shown(url)!r}")
    scheme, separator, rest = url.partition("://")
    if separator and scheme.lower() == "file" and base.startswith("/"):
        place = unquote(rest.removeprefix("localhost"), errors="surrogateescape")
        path = place.removeprefix(f"{base}/") if place.startswith("/") else ""
    elif separator:
        if scheme.lower() not in ("https", "http") or not rest.partition("/")[0]:
            raise WrongShape(f"has the address {_shown(url)!r}, which is not a web address")
        if scheme.lower() == "http" and not base.startswith("http://"):
            raise WrongShape(f"has the address {_shown(url)!r}, which uses http although the list uses https")
        return url
    else:
        url = url.removeprefix("./")
        path = unquote(url, errors="surrogateescape")
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or any(character in path for character in "\\\0?#"):
        raise WrongShape(f"has the address {_shown(url)!r}, which is not below the list's folder")
    return join(base, path) if base.startswith("/") else f"{base}/{url}"


def _shown(url: str) -> str:
    return (without_secrets(url) if "://" in url else url.rpartition("@")[2])[:100]
