"""What pip and uv mean when they fail: which packages stop them, and whether they only lacked a network."""

from __future__ import annotations

import re

from pyman.core.packages.package import normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Phrases of pip and uv before which, or after which, the name of the package stands that stopped them.
_NAME = r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
_PHRASES = tuple(
    re.compile(phrase)
    for phrase in (
        rf"No matching distribution found for {_NAME}",
        rf"find a version that satisfies the requirement {_NAME}",
        rf"Package '{_NAME}' requires a different Python",
        rf"{_NAME} requires Python '\S+' but the running Python is",
        rf"Failed building wheel for {_NAME}",
        rf"[Ff]ailed to (?:build|read|download|fetch|download and build|parse metadata of) [`'\"]{_NAME}",
        rf"(?:no versions? of|There are no versions of) {_NAME}",
        rf"(?:Because|and|that) {_NAME}(?: was not found|[=<>!~]+\S+ (?:has no|depends on|cannot|needs|is unusable))",
        rf"{_NAME} was not found in the (?:package registry|cache|provided)",
        rf"Hash mismatch for `{_NAME}",
        rf"\n {{4}}{_NAME} ?(?:@|==)[^\n]* from [^\n]*\n {{8}}Expected ",
    )
)
_LISTS = (
    re.compile(r"Failed to build installable wheels for some pyproject\.toml based projects \(([^)]*)\)"),
    re.compile(r"Could not build wheels for ([A-Za-z0-9._, -]+?)(?:, which|, since|\.|\n)"),
    re.compile(r"Cannot install ([^\n]+?) because these package versions have conflicting dependencies"),
)
# pip says of each requirement which line it comes from, but not which one it failed at.
_LINE = re.compile(r"\(from .*-r .* \(line ([0-9]+)\)\)")
# Before 23.1 it only says what it is working on: a requirement, the path of an archive or folder, a file: URL.
_WORKING_ON = re.compile(r"^(?:Processing|Collecting|Obtaining) (\S[^\n]*)", re.MULTILINE)
_LONGEST = 700
_METADATA_FAILED = ("metadata-generation-failed", "subprocess-exited-with-error")
_NETWORK = (
    "connection broken by",
    "Failed to establish a new connection",
    "Max retries exceeded",
    "Could not fetch URL",
    "Temporary failure in name resolution",
    "error sending request",
    "Request failed after",
    "network connectivity is disabled",
    "Network connectivity is disabled",
    "operation timed out",
    "Read timed out",
    "Could not resolve host",
    "fatal: unable to access",
)
# uv draws its explanations between lines, and breaks them where a terminal would.
_DRAWING = re.compile(r"\n\s*[│╰├]?[─▶]*[│]?\s+(?=\S)")


def blocking_packages(output: str, asked: Sequence[str], requirements: Sequence[str] = ()) -> tuple[str, ...]:
    """Return those of the packages asked for that a failed installation complains about, in its order, normalized.

    `asked` are their names in the order of the lines of the requirements file, and `requirements` those lines.
    """
    known = {normalize_name(name) for name in asked}
    text = f"{output}\n{_DRAWING.sub(' ', output)}"
    places: list[tuple[int, str]] = []
    for phrase in _PHRASES:
        places += [(found.start(), found[1]) for found in phrase.finditer(text)]
    for listing in _LISTS:
        for found in listing.finditer(text):
            places += [(found.start(), word) for word in re.findall(_NAME, found[1].replace(" and ", ","))]
    names = [normalize_name(_bare(name, known)) for _, name in sorted(places)]
    blocking = tuple(dict.fromkeys(name for name in names if name in known))
    if blocking or not any(sign in output for sign in _METADATA_FAILED):
        return blocking
    # pip says only that some metadata could not be made: that of the requirement that it was at last.
    lines = [int(number) for number in _LINE.findall(output)]
    if lines:
        return (normalize_name(asked[lines[-1] - 1]),) if 0 < lines[-1] <= len(asked) else ()
    return _last_worked_on(output, known, dict(zip(requirements, asked, strict=False)))


def _last_worked_on(output: str, known: set[str], requirements: dict[str, str]) -> tuple[str, ...]:
    """Return the package that an old pip was working on when it gave up, as far as its output shows that."""
    shown = _WORKING_ON.findall(output)
    if not shown:
        return ()
    # A folder is shown relative to the current one, `./source`.
    place = shown[-1].strip().removeprefix("file://").removeprefix(".")
    if place.startswith("/"):
        named = {name for line, name in requirements.items() if _source(line).endswith(place)}
        if len(named) == 1:
            return (normalize_name(named.pop()),)
        place = place.rpartition("/")[2]
    project = re.match(_NAME, place)
    name = normalize_name(_bare(project[1], known)) if project else ""
    return (name,) if name in known else ()


def _source(line: str) -> str:
    """Return the path at the end of a requirement like `spam @ file:///folder/my%20spam#subdirectory=x`."""
    from urllib.parse import unquote

    return unquote(line.partition("#")[0].partition(" ;")[0]).rstrip()


def _bare(name: str, known: set[str]) -> str:
    """Take the version off `spam-1.0`, as the names of archives have it."""
    while normalize_name(name) not in known and "-" in name:
        name = name.rpartition("-")[0]
    return name


def is_network_failure(output: str) -> bool:
    """True where pip or uv could not reach what it looked for; then nothing is known about the packages."""
    return any(sign in output for sign in _NETWORK)


def failure_reason(output: str) -> str:
    """Return the line that says best why pip or uv failed, without their marks."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for start in ("ERROR: ", "error: "):
        told = [line for line in lines if line.startswith(start) and "subprocess-exited" not in line]
        if not told:
            continue
        causes = []
        for line in lines[lines.index(told[0]) + 1 :]:
            if not line.startswith("cause: "):
                break
            causes.append(line.removeprefix("cause: "))
        # The first says more than the message, the last what is at the bottom of it.
        named = dict.fromkeys([told[0].removeprefix(start), *causes[:1], *causes[-1:]])
        return _shortened(": ".join(named))
    return _shortened(lines[-1]) if lines else "it said nothing"


def _shortened(reason: str) -> str:
    # Which line of which temporary file it was tells nobody anything.
    return _LINE.sub("", reason).strip()[:_LONGEST]
