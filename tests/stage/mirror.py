"""The mirror of archives that the tests unpack, and trees made of them.

`PYMAN_TEST_MIRROR` names it, else it lies beside the checkout; a test that needs it and finds none is skipped. Newer releases,
if there are some at hand, lie in the folder beside it whose name ends in `-new`. Where
PYMAN_TEST_MIRROR is `stand-ins`, its archives are made of the Python that runs the tests (stage/stand_in); what needs real
ones is then left out, and the summary says so.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import glob
import hashlib
import json
import os
import shutil
import subprocess
import tempfile

import pytest

SHARED = "PYMAN_TEST_SHARED"
"""Names a folder that all processes of one run share."""

STAND_INS = "stand-ins"
NEEDS_REAL = "needs real archives: "
"""How the reason begins why a test is skipped."""

_USUAL = ("3.13.5", "3.13.15", "3.11.2")
_CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_BESIDE = os.path.join(os.path.dirname(_CHECKOUT), "shared", "runtimes")


def _releases() -> tuple[str, str, str]:
    """The two newest patch releases of a minor that the mirror has, newest last, and the newest release of an older minor.

    Of several minors that have two it is the newest. Where there is no mirror, the tests that need one are skipped.
    """
    index = os.path.join(os.environ.get("PYMAN_TEST_MIRROR") or _BESIDE, "index.ndjson")
    patches: dict[tuple[int, int], list[int]] = {}
    try:
        with open(index, encoding="utf-8") as lines:
            names = [json.loads(line)["version"].partition("+")[0] for line in lines]
    except OSError:
        names = []
    for name in names:
        major, minor, patch = map(int, name.split("."))
        patches.setdefault((major, minor), []).append(patch)
    both = [minor for minor, there in patches.items() if len(there) > 1]
    if not both:
        return _USUAL
    minor = max(both)
    old, new = (f"{minor[0]}.{minor[1]}.{patch}" for patch in sorted(patches[minor])[-2:])
    older = max((other for other in patches if other < minor), default=None)
    return old, new, f"{older[0]}.{older[1]}.{max(patches[older])}" if older is not None else _USUAL[2]


OLD, NEW, OTHER = _releases()
"""What tests install from the mirror: two patch releases of one minor, and one of an older minor."""
MINOR, OTHER_MINOR = (release.rpartition(".")[0] for release in (NEW, OTHER))
ABI, OTHER_ABI = (f"cpython-{minor.replace('.', '')}" for minor in (MINOR, OTHER_MINOR))
"""What compiled modules of a minor are named after."""
LIBRARY, OTHER_LIBRARY = (f"lib/python{minor}" for minor in (MINOR, OTHER_MINOR))
"""The libraries below a prefix."""
SITE, OTHER_SITE = (f"{library}/site-packages" for library in (LIBRARY, OTHER_LIBRARY))


def as_here(text: str) -> str:
    """The text of a document, with the releases of this mirror instead of those that the documents name."""
    old, new, other = _USUAL
    for named, here in ((old, OLD), (new, NEW), (other, OTHER), (new[:4], MINOR), (other[:4], OTHER_MINOR)):
        text = text.replace(named, here)
    return text


_ADDED = {
    ("3.13.5", "3.13.15"): ("_PyType_AllocNoTrack", "_PyEval_NoToolsForUnwind"),
    ("3.14.8", "3.14.10"): ("_Py_strerror", "_Py_GetBuiltWithAssert"),
    ("3.15.0", "3.15.2"): ("_Py_strerror", "_Py_GetBuiltWithAssert"),
}


def added_symbols() -> tuple[str, ...]:
    """What NEW exports and OLD does not, as `nm` says it; skips the test where that is not known."""
    if (OLD, NEW) not in _ADDED:
        pytest.skip(f"nobody has looked what {NEW} exports and {OLD} does not")
    return _ADDED[OLD, NEW]


def uses_stand_ins() -> bool:
    """True where the archives are to be made of the Python that runs the tests."""
    return os.environ.get("PYMAN_TEST_MIRROR") == STAND_INS


def has_real_archives() -> bool:
    """True where a mirror was named, or lies beside the checkout."""
    return os.path.isfile(os.path.join(os.environ.get("PYMAN_TEST_MIRROR") or _BESIDE, "index.ndjson"))


def need_real_archives(why: str) -> None:
    """Skip a test that stand-ins cannot serve."""
    if uses_stand_ins():
        pytest.skip(NEEDS_REAL + why)


def mirror_folder() -> str:
    """The folder that holds `index.ndjson`; never to be written to."""
    if uses_stand_ins():
        return _stand_ins()
    folder = os.environ.get("PYMAN_TEST_MIRROR") or _BESIDE
    if not os.path.isfile(os.path.join(folder, "index.ndjson")):
        pytest.skip(f"no mirror of real archives in {folder}: set PYMAN_TEST_MIRROR")
    return os.path.abspath(folder)


def shared_folder() -> str:
    """A folder that all processes of one run share, or one of this process where it is run alone."""
    return os.environ.get(SHARED) or _own_folder()


@functools.cache
def _own_folder() -> str:
    folder = tempfile.mkdtemp(prefix="pyman-test-shared-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def _stand_ins() -> str:
    from stage.stand_in.archives import make_mirror

    folder = os.path.join(shared_folder(), STAND_INS)
    # One of the processes makes it, and the others wait.
    with open(f"{folder}.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(folder, "index.ndjson")):
            make_mirror(folder)
    return folder


def archive_path(version: str) -> str:
    """The archive of a release: 3.13.5, 3.13.15, 3.11.2, a newer one. A test is skipped where no mirror has it."""
    found = _archives_of(version)
    if not found:
        pytest.skip(f"the mirror has no archive of {version}")
    return found[-1]


def has_archive(version: str) -> bool:
    """True where a mirror at hand has a release."""
    return bool(_archives_of(version))


def _archives_of(version: str) -> list[str]:
    found: list[str] = []
    for mirror in (f"{mirror_folder()}-new", mirror_folder()):
        found += sorted(glob.glob(f"{glob.escape(mirror)}/*/cpython-{version}+*-install_only_stripped.tar.gz"))
    return found


@functools.cache
def runtime_tree(version: str) -> str:
    """A tree that `tar` unpacked, as it comes: one for the whole session, so nothing may be written into it.

    Whoever runs its interpreter gives `-B`, else bytecode is written.
    """
    archive = archive_path(version)
    folder = tempfile.mkdtemp(prefix="pyman-test-tree-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(["tar", "-xzf", archive, "-C", folder, "--no-same-owner"], check=True)
    return os.path.join(folder, "python")


def copy_of_tree(version: str, destination: str) -> str:
    """A tree of one's own at `destination`, which must not exist yet."""
    shutil.copytree(runtime_tree(version), destination, symlinks=True)
    return destination


def mirror_of(folder: str, *names: str) -> str:
    """Make a mirror of these releases, newest first; `3.13.15+20261101` is the real archive under another tag."""
    lines = []
    for name in names:
        version, plus, tag = name.partition("+")
        real = archive_path(version)
        tag = tag if plus else os.path.basename(os.path.dirname(real))
        file = os.path.basename(real).replace(os.path.basename(os.path.dirname(real)), tag)
        os.makedirs(os.path.join(folder, tag), exist_ok=True)
        shutil.copy(real, os.path.join(folder, tag, file))
        with open(real, "rb") as archive:
            digest = hashlib.file_digest(archive, "sha256").hexdigest()
        platform = file.partition("-")[2].partition("-")[2].removesuffix("-install_only_stripped.tar.gz")
        lines.append(
            {
                "version": f"{version}+{tag}",
                "date": f"{tag[:4]}-{tag[4:6]}-{tag[6:]}T00:00:00Z",
                "artifacts": [
                    {
                        "platform": platform,
                        "variant": "install_only_stripped",
                        "url": f"{tag}/{file.replace('+', '%2B')}",
                        "archive_format": "tar.gz",
                        "sha256": digest,
                    }
                ],
            }
        )
    with open(os.path.join(folder, "index.ndjson"), "w", encoding="utf-8") as index:
        index.writelines(json.dumps(line) + "\n" for line in lines)
    return str(folder)
