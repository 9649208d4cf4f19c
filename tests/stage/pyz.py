"""pyman.pyz, built without a network: the wheel of this checkout, and the locked requirements of the test environment."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from importlib.metadata import distribution

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD_SCRIPT = f"{CHECKOUT}/tools/build_pyz.py"


def build_wheel(folder, kind="wheel", **environ):
    """Build the wheel, or the sdist, of this checkout, and return its path."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)],
        cwd=CHECKOUT, check=True, capture_output=True, env=os.environ | environ,
    )  # fmt: skip
    [built] = [name for name in os.listdir(folder) if name.endswith((".whl", ".tar.gz"))]
    return f"{folder}/{built}"


def builder():
    """The build script as a module."""
    spec = importlib.util.spec_from_file_location("build_pyz", BUILD_SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build_pyz(target, wheel, version=None, **more):
    """Build pyman.pyz, with these files added, by name; `version` is another than the wheel's."""
    build = builder()
    files = {}
    build.add_wheel(files, wheel)
    if version is not None:
        files = {re.sub(r"^pyman_cli-[^/]*", f"pyman_cli-{version}.dist-info", name): files[name] for name in files}
        files["pyman/__init__.py"] = f'__version__ = "{version}"\n'.encode()
    with open(build.LOCK, encoding="utf-8") as file:
        names = re.findall(r"^([\w-]+)==[^;\n]*$", file.read().replace("\\\n", " "), re.MULTILINE)
    for name in [*names, "typing-extensions"]:
        for path in distribution(name).files or ():
            if ".." not in path.parts and "__pycache__" not in path.parts:
                files[str(path)] = path.locate().read_bytes()
    files |= {name: text.encode() for name, text in more.items()}
    build.write_pyz(str(target), files)
    return str(target)
