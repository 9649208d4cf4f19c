"""The known venvs that the move of an alias concerns, told from their links and settings: nothing of them is run."""

from __future__ import annotations

import os

from pyman.core.plans.move import Follower
from pyman.core.pyvenv_cfg import FILE_NAME, parse_pyvenv_cfg
from pyman.effects.files import read_bytes
from pyman.effects.venv_records import known_venvs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def read_followers(root: str, names: Iterable[str]) -> tuple[Follower, ...]:
    """The known venvs that go through one of these names of the store; what cannot be read is none of them."""
    wanted = frozenset(names)
    runtimes = os.path.join(root, "runtimes")
    found = []
    for known in known_venvs(root):
        follower = read_follower(known.path, runtimes, wanted)
        if follower is not None:
            found.append(follower)
    return tuple(found)


def read_follower(venv: str, runtimes: str, wanted: frozenset[str]) -> Follower | None:
    """One venv, if it goes through one of the wanted names."""
    try:
        through, links = _links(venv, runtimes + "/")
        if through not in wanted:
            return None
        cfg = read_bytes(os.path.join(venv, FILE_NAME))
    except OSError:
        return None
    settings = parse_pyvenv_cfg(cfg.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape"))
    return Follower(venv, runtimes, through, links, cfg, settings, _site_packages(venv), _is_writable(venv))


def _links(venv: str, inside: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The name of the store that a venv goes through, and its links that go there."""
    through = ""
    links = []
    folder = os.path.join(venv, "bin")
    for name in os.listdir(folder):
        if not name.startswith("python"):
            continue
        try:
            target = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        if target.startswith(inside):
            links.append((name, target))
            if name == "python" or not through:
                through = target[len(inside) :].split("/")[0]
    return through, tuple(sorted(link for link in links if link[1].startswith(f"{inside}{through}/")))


def _site_packages(venv: str) -> str | None:
    library = os.path.join(venv, "lib")
    try:
        names = [name for name in os.listdir(library) if name.startswith("python3.")]
    except OSError:
        return None
    return os.path.join(library, names[0], "site-packages") if names else None


def _is_writable(venv: str) -> bool:
    try:
        return os.lstat(venv).st_uid == os.geteuid() and os.access(os.path.join(venv, "bin"), os.W_OK)
    except OSError:
        return False
