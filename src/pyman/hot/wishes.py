"""Who asks for a Python, and the Python that is there without pyman."""

from __future__ import annotations

import os

from pyman.core.selection import ARGUMENT, DEFAULT, ENVIRONMENT, PYPROJECT_KEY, Wish
from pyman.core.store import Store, choose
from pyman.core.version_files import parse_version_file, plainly_required
from pyman.effects.files import open_regular
from pyman.effects.project_files import PYPROJECT, VERSION_FILE, read_project_file, upward
from pyman.errors import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyman.core.request import Request

_SHIM_HEAD = b"#!/bin/sh\n# pyman shim:"


def wishes(environ: Mapping[str, str], cwd: str, store: Store, request: str | None = None) -> list[Wish]:
    """Everybody who may ask for a Python, in the order of DESIGN 9; who asks for nothing has no words.

    `request` is what the command line asks for, which outranks them all: no one else is asked then.
    `.python-version` anywhere above outranks every `pyproject.toml`, which is not even read then. Raises BadRequest
    that names the file, and the line, of what cannot be understood.
    """
    if request is not None:
        return [Wish(ARGUMENT, (request,))]
    word = environ.get(ENVIRONMENT, "")
    found = [Wish(ENVIRONMENT, (word,) if word else ())]
    if not word:
        found.append(_version_file(cwd))
        if not found[-1].words:
            found.append(_requires_python(cwd))
    found.append(Wish(DEFAULT, (store.default,) if store.default is not None else ()))
    return found


def _version_file(cwd: str) -> Wish:
    for folder in upward(cwd):
        file = read_project_file(os.path.join(folder, VERSION_FILE))
        if file is None:
            continue
        requests = parse_version_file(file.text, file.path)
        if requests:
            return Wish(
                file.path, tuple(request.text for request in requests), tuple(request.line for request in requests)
            )
    return Wish(VERSION_FILE, ())


def _requires_python(cwd: str) -> Wish:
    for folder in upward(cwd):
        file = read_project_file(os.path.join(folder, PYPROJECT))
        if file is None or "requires-python" not in file.text:
            continue
        plain = plainly_required(file.text)
        if plain:
            return Wish(file.path, (plain,), key=PYPROJECT_KEY)
        from pyman.core.toml_text import NotToml, parse_toml

        try:
            project = parse_toml(file.text).get("project", {})
        except NotToml as error:
            raise BadRequest(
                f"{file.path} is no TOML: {error}", hint="mend it, or use PYMAN_PYTHON", exit_status=1
            ) from None
        asked = project.get("requires-python") if isinstance(project, dict) else None
        if isinstance(asked, str) and asked.strip():
            return Wish(file.path, (asked.strip(),), key=PYPROJECT_KEY)
    return Wish(PYPROJECT, ())


def is_there(store: Store, environ: Mapping[str, str], program: str = "") -> Callable[[Request], bool]:
    """Whether a request has an answer on this machine; a path is taken at its word."""

    def answer(request: Request) -> bool:
        if request.kind == "system":
            return system_program(environ, store, program) is not None
        return request.kind == "path" or choose(store, request) is not None

    return answer


def system_program(environ: Mapping[str, str], store: Store, name: str = "") -> str | None:
    """The first program on PATH that would run without pyman: no shim, nothing of a venv, nothing of the store.

    Without a name, or as `python`, any of the names that a system's Python has.
    """
    names = {"": ("python3", "python"), "python": ("python", "python3")}.get(name, (name,))
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if _is_of_the_system(folder, store)]
    for candidate in names:
        for folder in folders:
            path = os.path.join(folder, candidate)
            if os.path.isfile(path) and os.access(path, os.X_OK) and not _is_shim(path):
                return path
    return None


def _is_of_the_system(folder: str, store: Store) -> bool:
    plain = folder.rstrip("/")
    if not os.path.isabs(folder) or os.path.basename(plain) == "shims":
        return False
    if plain.startswith(os.path.join(store.root, "runtimes") + "/"):
        return False
    return not os.path.isfile(os.path.join(os.path.dirname(plain), "pyvenv.cfg"))


def _is_shim(path: str) -> bool:
    try:
        with open_regular(path) as file:
            return file.read(len(_SHIM_HEAD)) == _SHIM_HEAD
    except OSError:
        return False
