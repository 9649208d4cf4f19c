"""A store of real folders, links and manifests whose interpreters are small programs that say what was started."""

from __future__ import annotations

import os
import sys

from stage.programs import write_program

_TEXT = """\
# Says how it was started; asked as pyman asks an interpreter (`-I …`), the Python that runs the tests answers.
case ${1-} in -I) exec '%s' "$@" ;; esac
printf 'ran %%s' "$0"
for argument in "$@"; do printf ' <%%s>' "$argument"; done
printf '\\n'
"""


def write_python(path: str) -> str:
    return write_program(path, _TEXT % os.path.realpath(sys.executable))


def fill_prefix(prefix: str, minor: str, *, plain: bool = True, pip: bool = True) -> None:
    """Put the programs of one Python into a prefix: `minor` is `3.13` or `3.14t`."""
    names = [f"python{minor}", f"python{minor}-config", f"pydoc{minor}", f"idle{minor}"]
    names += [f"pip{minor}"] if pip else []
    if plain:
        names += ["python", "python3", "python3-config", "pydoc3", "idle3"] + (["pip", "pip3"] if pip else [])
    for name in names:
        write_python(f"{prefix}/bin/{name}")
    library = f"{prefix}/lib/python{minor}"
    os.makedirs(library, exist_ok=True)
    with open(f"{library}/os.py", "w", encoding="utf-8") as file:
        file.write("# the landmark that getpath looks for\n")


class FakeStore:
    """Made below `folder`, as PYMAN_ROOT would be."""

    def __init__(self, folder: str) -> None:
        self.root = str(folder)
        self.runtimes = f"{self.root}/runtimes"
        os.makedirs(self.runtimes)

    def managed(self, name: str, *, pip: bool = True) -> str:
        release = name.partition("+")[0]
        variant = {"t": "freethreaded", "d": "debug"}.get(release[-1], "default")
        minor = ".".join(release.split(".")[:2]) + (release[-1] if variant != "default" else "")
        path = f"{self.runtimes}/{name}"
        fill_prefix(path, minor, pip=pip)
        with open(f"{path}/pyman-runtime.toml", "w", encoding="utf-8") as file:
            file.write(
                f'version = "{release.rstrip("td")}"\nvariant = "{variant}"\nbuild = "20260901"\nsha256 = ""\n'
                f'installed_at = "2026-09-01T00:00:00Z"\nlibrary = "lib/python{minor}"\n'
                f'executable = "bin/python{minor}"\n'
            )
        return path

    def adopted(self, name: str, prefix: str) -> None:
        os.symlink(prefix, f"{self.runtimes}/{name}")

    def alias(self, name: str, target: str) -> None:
        os.symlink(target, f"{self.runtimes}/{name}")

    def shims(self, template: str, names: tuple[str, ...]) -> None:
        """Put the shim in place as it lies in the repository: its root is then told by where it was put."""
        os.makedirs(f"{self.root}/shims", exist_ok=True)
        with open(template, encoding="utf-8") as source, open(f"{self.root}/shims/python", "w", encoding="utf-8") as to:
            to.write(source.read())
        os.chmod(f"{self.root}/shims/python", 0o755)
        for name in set(names) - {"python"}:
            os.symlink("python", f"{self.root}/shims/{name}")
