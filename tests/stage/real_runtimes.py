"""Real CPython builds for tests: the mirror that PYMAN_TEST_MIRROR names, else `../shared/runtimes` beside the checkout."""

from __future__ import annotations

import glob
import os
import tarfile

import pytest


def mirror() -> str | None:
    """The folder with `index.ndjson`, None where there is none."""
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folder = os.environ.get("PYMAN_TEST_MIRROR") or os.path.join(os.path.dirname(checkout), "shared", "runtimes")
    return folder if os.path.exists(os.path.join(folder, "index.ndjson")) else None


def archive(release: str) -> str:
    """The archive of a release (`3.13.5`); skips the test where there is none."""
    folder = mirror()
    found = glob.glob(f"{folder}/*/cpython-{release}+*-install_only_stripped.tar.gz") if folder else []
    if not found:
        pytest.skip(f"no real archive of CPython {release}: PYMAN_TEST_MIRROR names no mirror that has it")
    return found[0]


def unpack(release: str, folder: str, *below: str) -> str:
    """Unpack a release, or only what lies below these paths of its prefix (`bin`, `include`); return the prefix."""
    prefix = os.path.join(str(folder), f"cpython-{release}")
    wanted = tuple(f"python/{path}" for path in below)
    with tarfile.open(archive(release), "r:gz") as tar:
        for member in tar:
            if not wanted or member.name.startswith(wanted):
                member.name = member.name.removeprefix("python/")
                tar.extract(member, prefix, filter="tar") if hasattr(tarfile, "tar_filter") else tar.extract(
                    member, prefix
                )
    return prefix
