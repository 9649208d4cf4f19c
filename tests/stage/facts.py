"""Facts of venvs as values, for tests of what follows from them."""

from __future__ import annotations

from typing import Any

from pyman.core.immutable import replace
from pyman.core.pyvenv_cfg import Settings, parse_pyvenv_cfg
from pyman.core.store import parse_runtime_name
from pyman.core.venv import Entry, Interpreter, Library, VenvFacts, Way
from stage.stores import ROOT

RUNTIMES = f"{ROOT}/runtimes"


def base(release: str, prefix: str | None = None) -> Interpreter:
    """The interpreter of a CPython, by default of one in the store."""
    parsed = parse_runtime_name(release)
    assert parsed is not None
    version, variant, _ = parsed
    prefix, minor = prefix or f"{RUNTIMES}/{release}", version.minor_name
    path, library = f"{prefix}/bin/python{minor}", f"{prefix}/lib/python{minor}"
    return Interpreter(path, prefix, minor, variant, version, library, 1, 1, 0)


def within(folder: str, found: Interpreter) -> dict[str, Any]:
    """What is said of a venv that goes through this folder, which leads to this interpreter."""
    way = Way((f"{folder}/bin",), (folder,), f"{found.prefix}/bin")
    link = f"{folder}/bin/python{found.minor}"
    return {
        "link": link,
        "way": Way(("/p/.venv/bin/python", link, found.path), (folder,), found.path),
        "interpreter": found,
        "home": f"{folder}/bin",
        "home_way": way,
        "home_interpreter": found,
        "home_library": found.library,
    }


def cfg(text: str) -> Settings:
    """The settings of a venv that its base lends nothing, and these lines."""
    return parse_pyvenv_cfg(f"include-system-site-packages = false\n{text}")


def pinned(release: str) -> dict[str, Any]:
    """What is said of a venv that is pinned."""
    return {"settings": cfg(f"pyman-request = {release}\npyman-policy = pin\n")}


def following(**changes: Any) -> VenvFacts:
    """A venv of uid 1000 in /p/.venv that follows 3.13, where that is 3.13.15; or as `changes` say."""
    facts = VenvFacts(
        *("/p/.venv", "/p/.venv", 1000, cfg("pyman-request = 3.13\npyman-policy = follow\n"), "pyman", False),
        entries=(Entry("python", "link", f"{RUNTIMES}/3.13/bin/python3.13"),),
        libraries=(Library("python3.13", site_packages=True),),
        **within(f"{RUNTIMES}/3.13", base("3.13.15")),
    )
    return replace(facts, **changes)
