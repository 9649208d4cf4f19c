"""The sha256 of a file, compared with what a list says wherever an archive is taken."""

from __future__ import annotations

from pyman.effects.files import open_regular


def sha256_of(path: str) -> tuple[str, int]:
    """Return the hash of a file, in lower-case hexadecimal digits, and its size. Raises OSError."""
    import hashlib

    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()
