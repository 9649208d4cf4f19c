"""Files of site-packages that name source folders: `.pth`, editable finders, `direct_url.json`. Read and rewritten."""

from __future__ import annotations

from posixpath import dirname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def is_pointer(name: str) -> bool:
    """True for a file of site-packages that may name a source folder: `.pth`, editable finders and loaders."""
    return name.endswith((".pth", ".egg-link")) or (name.endswith(".py") and "editable" in name)


def named_paths(pointers: Mapping[str, bytes], old_place: str, new_place: str) -> tuple[tuple[str, str], ...]:
    """The paths that a moved venv's packages name and that may have moved along, each with where it would be now.

    Whoever looks says which of them count: what is gone and is there now; and what lay in the venv itself.
    """
    pairs: dict[str, str] = {}
    for path, content in pointers.items():
        for named in _paths_in(path, content.decode("utf-8", "surrogateescape")):
            for old, new in ((old_place, new_place), (dirname(old_place), dirname(new_place))):
                if old not in ("/", "") and old != new and (named == old or named.startswith(old + "/")):
                    pairs[named] = new + named[len(old) :]
                    break
    return tuple(pairs.items())


def _paths_in(path: str, text: str) -> Iterable[str]:
    if path.endswith(".json"):
        url = _url_in(text)
        return [_path_of_url(url)] if url is not None else []
    found = [line.rstrip() for line in text.splitlines() if line.startswith("/")]
    return found + [literal[1:-1] for literal in _literals(text)]


def _literals(text: str) -> Iterable[str]:
    """The string literals in a piece of Python that hold an absolute path and no escape, with their quotes."""
    for quote in "'\"":
        start = 0
        while (start := text.find(quote + "/", start)) >= 0:
            end = text.find(quote, start + 1)
            if end < 0:
                break
            literal = text[start : end + 1]
            if "\\" not in literal and "\n" not in literal:
                yield literal
            start = end + 1


def repoint(path: str, text: str, relocated: Mapping[str, str]) -> str:
    """The text of a pointer that names every source folder in `relocated` where it is now."""
    if path.endswith(".json"):
        return _repoint_url(text, relocated)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("/"):
            moved = relocated.get(line.rstrip())
            if moved is not None and path.endswith((".pth", ".egg-link")):
                lines[number] = moved + line[len(line.rstrip()) :]
            continue
        for literal in set(_literals(line)):
            moved = relocated.get(literal[1:-1])
            if moved is not None and not set(moved) & {"'", '"', "\\", "\n"}:
                lines[number] = lines[number].replace(literal, literal[0] + moved + literal[0])
    return "\n".join(lines)


def _url_in(text: str) -> str | None:
    import json

    try:
        url = json.loads(text)["url"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return url if isinstance(url, str) and url.startswith("file:///") else None


def _path_of_url(url: str) -> str:
    from urllib.parse import unquote

    return unquote(url.removeprefix("file://"), errors="surrogateescape")


def _repoint_url(text: str, relocated: Mapping[str, str]) -> str:
    import json
    from urllib.parse import quote

    url = _url_in(text)
    moved = relocated.get(_path_of_url(url)) if url is not None else None
    if moved is None:
        return text
    return text.replace(json.dumps(url), json.dumps("file://" + quote(moved, errors="surrogateescape")))
