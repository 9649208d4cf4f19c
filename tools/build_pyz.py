"""Builds pyman.pyz, pyman in one file, from a wheel and the locked requirements.

    python tools/build_pyz.py dist/pyman_cli-1.0-py3-none-any.whl dist/pyman.pyz

The same wheel and lock file give the same bytes. It needs pip, whose own settings (PIP_INDEX_URL, PIP_FIND_LINKS, …)
say where the requirements come from; each is checked against requirements.lock.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
LOCK = os.path.join(os.path.dirname(HERE), "requirements.lock")
INSTALLER = "pyman.pyz"
"""What INSTALLER beside the package says, so that pyman knows how it was installed."""

_DATE = (1980, 1, 1, 0, 0, 0)
_PLAIN, _EXECUTABLE = 0o100644, 0o100755
_LEFT_OUT = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


def main() -> None:
    """Build what the command line names."""
    if len(sys.argv) != 3:
        sys.exit("usage: build_pyz.py WHEEL PYZ")
    wheel, target = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        download_requirements(folder)
        wheels = [wheel, *(os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".whl"))]
        files: dict[str, bytes] = {}
        for each in wheels:
            add_wheel(files, each)
    write_pyz(target, files)
    print(target)


def download_requirements(folder: str) -> None:
    """Download what the lock file names for any system that pyman runs on, whichever this one is."""
    with open(LOCK, encoding="utf-8") as file:
        requirements = re.split(r"(?<!\\)\n", file.read())
    wanted = [re.sub(r" ;[^\\\n]*", "", each) for each in requirements if "sys_platform == 'win32'" not in each]
    os.makedirs(folder, exist_ok=True)
    text = os.path.join(folder, "requirements.txt")
    with open(text, "w", encoding="utf-8") as file:
        file.write("\n".join(wanted))
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps",
         "--require-hashes", "--only-binary=:all:", "--implementation=py", "--abi=none", "--platform=any",
         "--python-version=3.11", f"--dest={folder}", f"--requirement={text}"],
        check=True, stdout=sys.stderr,
    )  # fmt: skip


def add_wheel(files: dict[str, bytes], path: str) -> None:
    """Add what a pure wheel installs, except scripts and what describes an installation."""
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            folder, _, last = name.rpartition("/")
            if not last or ".data/" in name:
                continue
            if folder.endswith(".dist-info") and last in _LEFT_OUT:
                continue
            if name in files or name.startswith("/") or ".." in name.split("/"):
                sys.exit(f"error: {path} has {name}, which another wheel has too or which leads elsewhere")
            if name.endswith((".so", ".pyd", ".dylib")):
                sys.exit(f"error: {path} is not pure Python: {name}")
            files[name] = wheel.read(name)
            if last == "METADATA" and name.startswith("pyman_cli-"):
                files[f"{folder}/INSTALLER"] = f"{INSTALLER}\n".encode()


def write_pyz(target: str, files: dict[str, bytes]) -> None:
    """Write launcher and zip: what runs at every start is all that the outer zip lists."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for name in sorted(files):
            add_entry(archive, name, files[name])
    content = inner.getvalue()
    with open(os.path.join(HERE, "pyz_main.py"), encoding="utf-8") as file:
        main_text = file.read()
    build = hashlib.sha256(main_text.encode() + content).hexdigest()[:32]
    with open(os.path.join(HERE, "pyz_launcher.sh"), "rb") as file:
        launcher = file.read()
    outer = io.BytesIO()
    outer.write(launcher)
    with zipfile.ZipFile(outer, "w") as archive:
        add_entry(archive, "__main__.py", main_text.replace("@BUILD@", build).encode())
        add_entry(archive, "pyman.zip", content, compression=zipfile.ZIP_STORED)
    with open(target, "wb") as file:
        file.write(outer.getvalue())
    os.chmod(target, _EXECUTABLE & 0o777)


def add_entry(archive: zipfile.ZipFile, name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> None:
    """Add one file without anything that the machine or the hour decides."""
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system = 3
    entry.external_attr = _PLAIN << 16
    entry.compress_type = compression
    archive.writestr(entry, content, compresslevel=9)


if __name__ == "__main__":
    main()
