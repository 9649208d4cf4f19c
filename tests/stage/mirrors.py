"""Mirrors made for one test: real archives, archives of any content, and stand-ins for releases that nobody has here.

A stand-in is as small as an archive can be that passes for a CPython: headers, one file of a standard library, and an
interpreter that is a small program around the Python which runs the tests and says of itself what it is told to say. It
knows `-V` and `-c`, which is what pyman asks of an interpreter; for everything else there are the real archives.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

from pyman.core.version import Version, minor_alias, parse_version
from pyman.effects.machine import platform
from stage.programs import program

_STAGES = {"a": ("alpha", "A"), "b": ("beta", "B"), "rc": ("candidate", "C"), "": ("final", "F")}

# Whatever it is called through, it answers as a Python in the folder above its own does.
_INTERPRETER = """\
here=$(dirname "$(dirname "$(readlink -f "$0")")")
if [ "${1-}" = -V ]; then echo 'Python @SHOWN@'; exit; fi
exec '@PYTHON@' -I -S -B -c '
import os, sys
here, me, *words = sys.argv[1:]
sys.base_prefix = here
os.__file__ = here + "/@LIBRARY@/os.py"
sys.executable = sys._base_executable = me
sys.version_info = @VERSION@
sys.abiflags = "@FLAGS@"
if "@DEBUG@":
    sys.gettotalrefcount = int
del words[: words.index("-c") + 1]
code = words.pop(0)
sys.argv = ["-c", *words]
exec(code)
' "$here" "$0" "$@"
"""


def _split(release: str) -> tuple[Version, str]:
    variant = {"t": "freethreaded", "d": "debug"}.get(release[-1], "default")
    version = parse_version(release.rstrip("td"))
    assert version is not None, release
    return version, variant


def stand_in_files(release: str) -> dict[str, str | bytes]:
    """The files below `python/` of a stand-in for `3.14.2`, `3.14.2t`, `3.15.0rc1`, `3.14.2d`."""
    version, variant = _split(release)
    name = f"python{minor_alias(version, variant)}"
    library = f"lib/{'python' + version.minor_name + ('t' if variant == 'freethreaded' else '')}"
    stage = version.prerelease.rstrip("0123456789")
    serial = version.prerelease.removeprefix(stage) or "0"
    long_stage, letter = _STAGES[stage]
    text = _INTERPRETER
    for key, value in {
        "@PYTHON@": os.path.realpath(sys.executable),
        "@SHOWN@": str(version),
        "@LIBRARY@": library,
        "@VERSION@": repr((version.major, version.minor, version.patch, long_stage, int(serial))).replace("'", '"'),
        "@FLAGS@": "t" if variant == "freethreaded" else "",
        "@DEBUG@": "yes" if variant == "debug" else "",
    }.items():
        text = text.replace(key, value)
    names = {"A": "ALPHA", "B": "BETA", "C": "GAMMA", "F": "FINAL"}
    header = (
        f"#define PY_MAJOR_VERSION {version.major}\n#define PY_MINOR_VERSION {version.minor}\n"
        f"#define PY_MICRO_VERSION {version.patch}\n#define PY_RELEASE_LEVEL PY_RELEASE_LEVEL_{names[letter]}\n"
        f"#define PY_RELEASE_SERIAL {serial}\n"
    )
    defined = {"freethreaded": "#define Py_GIL_DISABLED 1\n", "debug": "#define Py_DEBUG 1\n"}.get(variant, "")
    return {
        f"bin/{name}": program(text),
        f"{library}/os.py": "# the landmark\n",
        f"{library}/lib-dynload/README": "compiled modules lie here\n",
        f"include/{name}/patchlevel.h": header,
        f"include/{name}/pyconfig.h": defined or "#define HAVE_UNISTD_H 1\n",
    }


def stand_in(release: str, **others: str | bytes) -> bytes:
    """The archive of a stand-in; `others` are more files, by path."""
    version, variant = _split(release)
    files = stand_in_files(release) | others
    members = [
        member(f"python/{path}", text, 0o755 if "/bin/" in f"/{path}" else 0o644) for path, text in files.items()
    ]
    target = f"python{minor_alias(version, variant)}"
    members += [link(f"python/bin/{name}", target) for name in ("python", "python3")]
    return pack(*members)


def member(name: str, content: str | bytes = "", mode: int = 0o644, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A member of an archive; `fields` are those of TarInfo."""
    data = content.encode() if isinstance(content, str) else content
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """A symlink."""
    return member(name, type=tarfile.SYMTYPE, linkname=target)


def pack(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A `.tar.gz` of these members, in their order."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(stream.getvalue(), 1, mtime=0)


class Mirror:
    """A folder with an `index.ndjson`, the newest release first in the order in which they are added."""

    def __init__(self, folder: object) -> None:
        self.path = str(folder)
        self.lines: list[str] = []
        os.makedirs(self.path, exist_ok=True)
        self._write()

    def add(self, release: str, content: bytes | None = None, *, tag: str = "20261001", **fields: object) -> str:
        """Add a release (by default a stand-in) and return its archive's path; `fields` change its line in the list."""
        version, variant = _split(release)
        content = stand_in(release) if content is None else content
        options = "" if variant == "default" else f"{variant}-"
        name = f"cpython-{version}+{tag}-{platform()}-{options}install_only_stripped.tar.gz"
        os.makedirs(os.path.join(self.path, tag), exist_ok=True)
        path = os.path.join(self.path, tag, name)
        with open(path, "wb") as file:
            file.write(content)
        artifact = {
            "platform": platform(),
            "variant": f"{options}install_only_stripped".replace("-", "+"),
            "url": f"{tag}/{name.replace('+', '%2B')}",
            "archive_format": "tar.gz",
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        self.lines.append(json.dumps({"version": f"{version}+{tag}", "artifacts": [artifact | fields]}))
        self._write()
        return path

    def add_line(self, line: str) -> None:
        """Add whatever line."""
        self.lines.append(line)
        self._write()

    def _write(self) -> None:
        with open(os.path.join(self.path, "index.ndjson"), "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in self.lines))


def write_stand_in(prefix: object, release: str) -> str:
    """Put a stand-in into a folder, as if another tool had installed it; returns the folder."""
    version, variant = _split(release)
    for path, content in stand_in_files(release).items():
        place = os.path.join(str(prefix), path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(place, 0o755 if path.startswith("bin/") else 0o644)
    for name in ("python3", "python"):
        os.symlink(f"python{minor_alias(version, variant)}", os.path.join(str(prefix), "bin", name))
    return str(prefix)
