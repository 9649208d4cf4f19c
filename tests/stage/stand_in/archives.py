"""Archives in upstream's shape, made of the Python that runs the tests: for machines without real ones.

Each holds its standard library, and an interpreter that is a small program: it starts the Python that runs the tests, which
takes itself for the release that the archive is named after (interpreter.py). venv, pip, uv and pyman take it for that as
well. What it cannot be is a program of its own: no symbols to look at, no process whose program lies in the tree, and no
other release's behaviour.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import io
import json
import os
import sys
import sysconfig
import tarfile
import tempfile
from shlex import quote

from pyman.effects.machine import platform
from stage.programs import program
from stage.wheels import build_wheel

RELEASES = {"3.13.15": "20261001", "3.13.5": "20260901", "3.11.2": "20260901"}
PYTHON = os.path.realpath(sys._base_executable)

_HERE = os.path.dirname(os.path.abspath(__file__))
_LIBRARY = os.path.dirname(os.__file__)
_LEFT_OUT = frozenset(
    (
        *("__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "pydoc_data", "lib2to3", "ensurepip"),
        *("site-packages", "dist-packages", "EXTERNALLY-MANAGED"),
    )
)
_TIME = 1704067200  # 2024-01-01, as in upstream's archives


def make_mirror(folder: str) -> str:
    """Make a mirror of stand-ins for RELEASES, newest first."""
    lines = []
    for release, tag in RELEASES.items():
        content = _archive(release)
        name = f"cpython-{release}+{tag}-{platform()}-install_only_stripped.tar.gz"
        digest = hashlib.sha256(content).hexdigest()
        os.makedirs(os.path.join(folder, tag), exist_ok=True)
        with open(os.path.join(folder, tag, name), "wb") as file:
            file.write(content)
        with open(os.path.join(folder, tag, "SHA256SUMS"), "a", encoding="utf-8") as file:
            file.write(f"{digest}  {name}\n")
        artifact = {
            "platform": platform(),
            "variant": "install_only_stripped",
            "url": f"{tag}/{name.replace('+', '%2B')}",
            "archive_format": "tar.gz",
            "sha256": digest,
        }
        date = f"{tag[:4]}-{tag[4:6]}-{tag[6:]}T00:00:00Z"
        lines.append(json.dumps({"version": f"{release}+{tag}", "date": date, "artifacts": [artifact]}) + "\n")
    with open(os.path.join(folder, "index.ndjson"), "w", encoding="utf-8") as file:
        file.writelines(lines)
    return folder


def _archive(release: str) -> bytes:
    minor = release.rpartition(".")[0]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:

        def add(name: str, content: bytes, mode: int = 0o644) -> None:
            info = tarfile.TarInfo(f"python/{name}")
            info.size, info.mode, info.mtime = len(content), mode, _TIME
            tar.addfile(info, io.BytesIO(content))

        # pyman starts no scripts.
        command = (
            f'exec \'{PYTHON}\' -I -S -E -c {quote(_own_file("interpreter.py", release).decode())} start "$0" "$@"'
        )
        add(f"bin/python{minor}", program(command), 0o755)
        for name in ("python3", "python"):
            link = tarfile.TarInfo(f"python/bin/{name}")
            link.type, link.linkname, link.mtime = tarfile.SYMTYPE, f"python{minor}", _TIME
            tar.addfile(link)
        library = f"lib/python{minor}"
        for path in _files(_LIBRARY):
            mode = 0o755 if path.endswith(".so") else 0o644
            add(f"{library}/{os.path.relpath(path, _LIBRARY)}", _content(path), mode)
        add(f"{library}/site-packages/README.txt", b"")
        add(f"{library}/ensurepip/__init__.py", _own_file("ensurepip.py", release))
        add(f"{library}/ensurepip/__main__.py", b"import sys\nimport ensurepip\n\nsys.exit(ensurepip._main())\n")
        for path in _wheels(("pip",) if minor != "3.11" else ("pip", "setuptools")):
            add(f"{library}/ensurepip/_bundled/{os.path.basename(path)}", _content(path))
        include = sysconfig.get_config_var("INCLUDEPY")
        headers = {os.path.relpath(path, include): _content(path) for path in _files(include)}
        headers["patchlevel.h"] = _patch_level(release)
        headers.setdefault("pyconfig.h", b"#define HAVE_UNISTD_H 1\n")
        for name, content in headers.items():
            add(f"include/python{minor}/{name}", content)
    return gzip.compress(stream.getvalue(), 1, mtime=0)


def _files(folder: str) -> list[str]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        found += [os.path.join(place, name) for name in sorted(names) if name not in _LEFT_OUT]
    return [path for path in found if os.path.isfile(path) and not path.endswith((".a", ".pyc"))]


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _own_file(name: str, release: str) -> bytes:
    zipped = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    text = _content(os.path.join(_HERE, name)).decode()
    for mark, value in (("@RELEASE@", release), ("@PYTHON@", PYTHON), ("@ZIP@", zipped)):
        text = text.replace(mark, value)
    return text.encode()


def _wheels(projects: tuple[str, ...]) -> list[str]:
    """The wheels that the running Python makes venvs with; where it has no setuptools, one that is only called so."""
    places = [os.path.join(_LIBRARY, "ensurepip", "_bundled"), sysconfig.get_config_var("WHEEL_PKG_DIR") or ""]
    found = []
    for project in projects:
        there = [
            path for place in places for path in sorted(glob.glob(f"{glob.escape(place)}/{project}-*.whl")) if place
        ]
        if not there and project == "setuptools":
            there = [build_wheel(tempfile.mkdtemp(prefix="pyman-test-setuptools-"), "setuptools", "65.5.0")]
        found.append(there[-1])
    return found


def _patch_level(release: str) -> bytes:
    numbers = dict(zip(("MAJOR", "MINOR", "MICRO"), release.split("."), strict=True))
    lines = [f"#define PY_{name}_VERSION {number}" for name, number in numbers.items()]
    hexadecimal = "0x{:02X}{:02X}{:02X}F0".format(*map(int, numbers.values()))
    lines += [
        "#define PY_RELEASE_LEVEL_ALPHA 0xA",
        "#define PY_RELEASE_LEVEL_BETA 0xB",
        "#define PY_RELEASE_LEVEL_GAMMA 0xC",
        "#define PY_RELEASE_LEVEL_FINAL 0xF",
        "#define PY_RELEASE_LEVEL PY_RELEASE_LEVEL_FINAL",
        "#define PY_RELEASE_SERIAL 0",
        f'#define PY_VERSION "{release}"',
        f"#define PY_VERSION_HEX {hexadecimal}",
    ]
    return "".join(f"{line}\n" for line in lines).encode()
