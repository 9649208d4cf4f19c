"""What is known of an archive that the user has: from the sums beside it, and from the lists in the cache."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings

from pyman.effects.archives.local import verified_archive
from pyman.effects.machine import platform
from pyman.errors import IntegrityError
from stage.hostile import HUGE, damaged

NAME = f"cpython-3.13.5+20261001-{platform()}-install_only.tar.gz"
CONTENT = b"an archive"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def listed(**artifact: object) -> bytes:
    known = {"url": f"20261001/{NAME.replace('+', '%2B')}", "sha256": SHA256} | artifact
    return b'{"format": 1}\n' + json.dumps({"version": "3.13.5+20261001", "artifacts": [known]}).encode() + b"\n"


WHOLE = listed(), f"{SHA256}  {NAME}\n".encode()


@pytest.fixture(scope="module")
def lay(tmp_path_factory):
    """Lay out an archive, and what is known of it; return the path of the archive and the cache."""
    folder = tmp_path_factory.mktemp("local")
    (folder / NAME).write_bytes(CONTENT)
    (folder / "catalogue").mkdir()

    def lay(catalogue: bytes = b"", sums: bytes = b"") -> tuple[str, str]:
        (folder / "catalogue" / "list.ndjson").write_bytes(catalogue)
        (folder / "SHA256SUMS").write_bytes(sums)
        return str(folder / NAME), str(folder)

    return lay


def test_the_list_in_the_cache_vouches_for_it(lay):
    assert "the catalogue" in verified_archive(*lay(listed())).told
    with pytest.raises(IntegrityError, match="the catalogue"):
        verified_archive(*lay(listed(sha256="0" * 64)))


@pytest.mark.parametrize(
    "catalogue",
    [
        b"",
        listed(sha256=None),
        listed(url=3),
        NAME.encode(),
        b"[" * 100_000 + NAME.encode(),
        b'{"artifacts": 3, "x": "%s"}' % NAME.encode(),
        b'{"artifacts": [3], "x": "%s"}' % NAME.encode(),
        b'["%s"]' % NAME.encode(),
        b'{"artifacts": [{"url": "x/%s"}]}' % NAME.encode(),
    ],
)
def test_a_list_that_says_nothing_vouches_for_nothing(lay, catalogue):
    assert "no known checksum" in verified_archive(*lay(catalogue)).told


@settings(max_examples=150)
@given(catalogue=damaged(WHOLE[0]), sums=damaged(WHOLE[1]))
def test_damaged_lists_vouch_for_it_or_not(lay, catalogue, sums):
    try:
        assert verified_archive(*lay(catalogue, sums)).sha256 == SHA256
    except IntegrityError:
        assert (catalogue, sums) != WHOLE


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_vouches_for_nothing(lay, kind):
    assert "no known checksum" in verified_archive(*lay(HUGE[kind] + NAME.encode(), HUGE[kind])).told
