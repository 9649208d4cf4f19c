"""What owners remember of a venv's Python, in files of their own (design.md 7).

It is brought up to date with the venv, so that the tool keeps the venv at its next run. What is not as the tool writes
it stays as it is.
"""

from __future__ import annotations

from posixpath import basename, dirname

from pyman.core.immutable import record
from pyman.core.names import version_in_name
from pyman.core.owners import MARKERS, is_poetry_name
from pyman.core.pyvenv_cfg import long_form

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.version import Version


_PIPX_METADATA, _UV_RECEIPT, _TOX_INFO = MARKERS
_POETRY_ENVS = "envs.toml"


@record
class OwnerFile:
    """A file in which the owner of a venv remembers its Python."""

    path: str
    content: bytes


@record
class Base:
    """The Python of a venv as its owner is to know it."""

    executable: str
    """The path by which the venv runs it."""
    version: Version
    """The release that runs."""
    found: Version
    """The release that the owner finds when it looks for the venv's minor: another one for a venv that is held back."""
    found_at: str
    """Its interpreter, in the release's own folder."""


def owner_files_of(folder: str) -> tuple[str, ...]:
    """The paths of the files that an owner may have written about a venv, in it and beside it."""
    inside = tuple(f"{folder}/{name}" for name in MARKERS)
    return (*inside, f"{dirname(folder)}/{_POETRY_ENVS}") if is_poetry_name(basename(folder)) else inside


def rewrite_owner_file(file: OwnerFile, folder: str, base: Base) -> bytes:
    """The content of an owner's file after the venv in `folder` has got another Python."""
    name = basename(file.path)
    try:
        if name == _PIPX_METADATA:
            return _rewrite_pipx_metadata(file.content, base)
        if name == _TOX_INFO:
            return _rewrite_tox_info(file.content, base)
        if name == _UV_RECEIPT:
            return _rewrite_uv_receipt(file.content, base)
        return _rewrite_poetry_envs(file.content, folder, base)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return file.content


def _rewrite_pipx_metadata(content: bytes, base: Base) -> bytes:
    import json

    metadata = json.loads(content)
    if isinstance(metadata.get("python_version"), str):
        metadata["python_version"] = f"Python {base.version}"
    source = metadata.get("source_interpreter")
    if isinstance(source, dict) and "__Path__" in source:
        source["__Path__"] = base.executable
    changed = metadata != json.loads(content)
    return json.dumps(metadata, indent=4, sort_keys=True).encode() if changed else content


def _rewrite_tox_info(content: bytes, base: Base) -> bytes:
    """tox compares release and interpreter with those that it finds; it follows the links of the path."""
    import json

    info = json.loads(content)
    python = info["Python"]
    if len(python["version_info"]) != 5:
        return content
    python["version_info"] = [int(part) if part.isdigit() else part for part in long_form(base.found).split(".")]
    if version_in_name(basename(dirname(dirname(python.get("executable", ""))))) is not None:
        python["executable"] = base.found_at
    return json.dumps(info, indent=2).encode() if info != json.loads(content) else content


def _rewrite_uv_receipt(content: bytes, base: Base) -> bytes:
    """A request that is no path, `3.13`, stays."""
    from pyman.core.toml_text import parse_toml, replace_value

    text = content.decode()
    python = parse_toml(text)["tool"]["python"]
    if not python.startswith("/") or python == base.executable:
        return content
    return replace_value(text, "tool", "python", base.executable).encode()


def _rewrite_poetry_envs(content: bytes, folder: str, base: Base) -> bytes:
    """poetry compares the release with the one that it finds, in the table of the project, for the minor in use."""
    from pyman.core.toml_text import parse_toml, replace_value

    text = content.decode()
    project, _, minor = basename(folder).rpartition("-py")
    told = parse_toml(text)[project]
    if told["minor"] != minor or told["patch"] == str(base.found):
        return content
    return replace_value(text, project, "patch", str(base.found)).encode()
