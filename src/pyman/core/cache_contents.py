"""What pyman keeps in its cache: which names are its own, of what kind they are, and whose work they belong to.

- `archives/`: downloads: a finished archive, `.NAME.part` on its way, `.NAME.lock`
- `catalogue/`: lists of builds
- `seeds/`: unpacked pip and setuptools: `KEY/`, `KEY.unfit`, `.KEY.work-…`, `.KEY.lock`
- `interpreters/`: what interpreters said of themselves
- `trials/`: which runtimes of the store have started, and what they consisted of then
- `available`, `checks`, `shared-files`, `release-cycle.json`, `release-cycle.json.etag`
"""

from __future__ import annotations

from pyman.core.record import record

ARCHIVES, LISTS, SEEDS, ANSWERS = "archives", "lists of builds", "unpacked pip and setuptools", "answers"
KINDS = (ARCHIVES, LISTS, SEEDS, ANSWERS)
FOLDERS = ("", "archives", "catalogue", "seeds", "interpreters", "trials")
"""Where pyman keeps things: the cache itself, and the folders in it."""

_ALONE = {
    "available": LISTS,
    "checks": ANSWERS,
    "shared-files": ANSWERS,
    "release-cycle.json": ANSWERS,
    "release-cycle.json.etag": ANSWERS,
}
_ENDINGS = (".lock.d", ".lock", ".part", ".unfit")
_WORK = ".work-"
_DIGEST = 64


@record
class Name:
    """One name in the cache that is pyman's."""

    kind: str
    subject: str
    """What it belongs to: an archive, an unpacked wheel. Names with one subject come and go together."""
    lock: str = ""
    """The lock beside it that is held while its subject is made; empty where it is written in one step."""


def name_in_cache(folder: str, name: str) -> Name | None:
    """Say what a name in one of FOLDERS is; None for one that pyman does not give."""
    if not folder:
        return Name(_ALONE[name], name) if name in _ALONE else None
    if folder == "catalogue":
        return Name(LISTS, name) if name.endswith(".ndjson") else None
    if folder == "interpreters":
        return Name(ANSWERS, name) if len(name) == _DIGEST and name.isalnum() else None
    if folder == "trials":
        return Name(ANSWERS, name) if name[:1].isdigit() else None
    subject = _subject(name)
    if folder == "archives":
        known = subject.startswith("cpython-") and subject.endswith((".tar.gz", ".tar.zst"))
        return Name(ARCHIVES, subject, f".{subject}.lock") if known else None
    # The key of core/seeding.py: project, version, size and time of the wheel, kind of bytecode.
    parts = subject.split("-")
    if folder == "seeds" and len(parts) > 4 and parts[-2].isdigit() and parts[-3].isdigit():
        return Name(SEEDS, subject, f".{subject}.lock")
    return None


def _subject(name: str) -> str:
    plain = name.removeprefix(".")
    if plain != name and _WORK in plain:
        return plain[: plain.rindex(_WORK)]
    # The lock of a file system without `flock` has the name of its holder behind it.
    plain = plain.partition(".lock.d.")[0]
    for ending in _ENDINGS:
        if plain.endswith(ending):
            return plain.removesuffix(ending)
    return plain
