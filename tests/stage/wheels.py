"""Tiny real wheels, and dist-info folders as an installer leaves them, made on the fly and without a network.

build_wheel(folder, "spam", "1.0", requires_dist=["eggs>=2"], scripts={"spam": "spam:main"})   -> path of the .whl
install_distribution(site_packages, "spam", "1.0", requires_python=">=3.8")                   -> path of dist-info
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence

_MODULE = '''\
"""Made for a test."""

__version__ = {version!r}


def main():
    print({name!r}, __version__)
'''


def escaped(name: str) -> str:
    """A distribution's name as it stands in the names of files."""
    return re.sub(r"[-_.]+", "_", name).lower()


def metadata(
    name: str,
    version: str,
    *,
    requires_python: str | None = None,
    requires_dist: Iterable[str] = (),
    extra_metadata: Iterable[str] = (),
) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Summary: Made for a test"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {line}" for line in requires_dist]
    lines += extra_metadata
    return "\n".join(lines) + "\n\nMade for a test.\n"


def _record_row(path: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f'"{path}",sha256={digest},{len(content)}' if "," in path else f"{path},sha256={digest},{len(content)}"


def _members(
    name: str,
    version: str,
    *,
    requires_python: str | None,
    requires_dist: Iterable[str],
    extra_metadata: Iterable[str],
    scripts: Mapping[str, str],
    files: Mapping[str, str | bytes],
    tags: Sequence[str],
    raw_metadata: bytes | None,
) -> tuple[str, dict[str, bytes]]:
    dist_info = f"{escaped(name)}-{version}.dist-info"
    pure = all(tag.endswith("-any") for tag in tags)
    wheel = f"Wheel-Version: 1.0\nGenerator: stage\nRoot-Is-Purelib: {str(pure).lower()}\n"
    wheel += "".join(f"Tag: {tag}\n" for tag in tags)
    if raw_metadata is None:
        raw_metadata = metadata(
            name, version, requires_python=requires_python, requires_dist=requires_dist, extra_metadata=extra_metadata
        ).encode()
    members = {f"{escaped(name)}.py": _MODULE.format(name=name, version=version).encode()}
    members |= {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    members |= {f"{dist_info}/METADATA": raw_metadata, f"{dist_info}/WHEEL": wheel.encode()}
    if scripts:
        lines = "".join(f"{script} = {target}\n" for script, target in scripts.items())
        members[f"{dist_info}/entry_points.txt"] = f"[console_scripts]\n{lines}".encode()
    return dist_info, members


def build_wheel(
    folder: str,
    name: str,
    version: str,
    *,
    requires_python: str | None = None,
    requires_dist: Iterable[str] = (),
    extra_metadata: Iterable[str] = (),
    scripts: Mapping[str, str] | None = None,
    files: Mapping[str, str | bytes] | None = None,
    tags: Sequence[str] = ("py3-none-any",),
    raw_metadata: bytes | None = None,
) -> str:
    """Write a wheel that pip and uv install. It holds one module of its name, whose `main` prints name and version.

    `scripts` maps console scripts to `module:function`; `files` adds members; `raw_metadata` replaces METADATA whole.
    """
    dist_info, members = _members(
        name,
        version,
        requires_python=requires_python,
        requires_dist=requires_dist,
        extra_metadata=extra_metadata,
        scripts=scripts or {},
        files=files or {},
        tags=tags,
        raw_metadata=raw_metadata,
    )
    record = f"{dist_info}/RECORD"
    rows = [_record_row(path, content) for path, content in members.items()] + [f"{record},,"]
    members[record] = ("\n".join(rows) + "\n").encode()
    os.makedirs(folder, exist_ok=True)
    # One tag for the file's name: compressed sets are `py2.py3-none-any`.
    parts = [sorted({tag.split("-")[place] for tag in tags}) for place in range(3)]
    path = os.path.join(folder, f"{escaped(name)}-{version}-" + "-".join(".".join(part) for part in parts) + ".whl")
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member, (2024, 1, 1, 0, 0, 0)), content)
    return path


def install_distribution(
    site_packages: str,
    name: str,
    version: str,
    *,
    requires_python: str | None = None,
    requires_dist: Iterable[str] = (),
    extra_metadata: Iterable[str] = (),
    scripts: Mapping[str, str] | None = None,
    files: Mapping[str, str | bytes] | None = None,
    tags: Sequence[str] = ("py3-none-any",),
    raw_metadata: bytes | None = None,
    installer: str | None = "pip",
    requested: bool = True,
    direct_url: Mapping[str, object] | None = None,
) -> str:
    """Put the files of such a wheel where an installer puts them, at a fraction of its time; return its dist-info."""
    dist_info, members = _members(
        name,
        version,
        requires_python=requires_python,
        requires_dist=requires_dist,
        extra_metadata=extra_metadata,
        scripts=scripts or {},
        files=files or {},
        tags=tags,
        raw_metadata=raw_metadata,
    )
    if installer is not None:
        members[f"{dist_info}/INSTALLER"] = f"{installer}\n".encode()
    if requested:
        members[f"{dist_info}/REQUESTED"] = b""
    if direct_url is not None:
        members[f"{dist_info}/direct_url.json"] = json.dumps(direct_url).encode()
    record = f"{dist_info}/RECORD"
    rows = [_record_row(path, content) for path, content in members.items()] + [f"{record},,"]
    members[record] = ("\n".join(rows) + "\n").encode()
    for member, content in members.items():
        path = os.path.join(site_packages, member)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    return os.path.join(site_packages, dist_info)
