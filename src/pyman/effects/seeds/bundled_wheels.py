"""The wheels that runtimes bundle for `ensurepip`, and which of them a venv gets. Hot."""

from __future__ import annotations

import os

from pyman.core.seeding import SeedTarget, Wheel, newest, seed_key, split_wheel_name, wanted_projects
from pyman.errors import NO_PIP, NotFound


def find_wheels(target: SeedTarget, seeds: str) -> list[Wheel]:
    """Return the wheels to install, pip first: the runtime's own newest, else the newest of the others that fits it.

    `seeds` is the folder of unpacked wheels in the cache. Raises NotFound where no pip can be had.
    """
    wanted = wanted_projects(target.version)
    bundled = _bundled(target.libraries[0])
    own = [wheel for name in wanted if (wheel := newest(bundled, name)) is not None]
    if own and own[0].name == "pip":
        return own
    lent = [wheel for library in target.libraries[1:] for wheel in _bundled(library)]
    lent += [wheel for library in target.libraries for wheel in _wheels_in(_shared_folder(library))]
    chosen = [wheel for name in wanted if (wheel := _newest_that_fits(lent, name, target, seeds)) is not None]
    if not chosen or chosen[0].name != "pip":
        raise NotFound(
            f"the Python of {target.libraries[0]} brings no pip with it, and no other has one that fits",
            hint=f"use --without-pip, or install another Python {target.version.minor_name} to take it from",
            code=NO_PIP,
        )
    return chosen


def _bundled(library: str) -> list[Wheel]:
    return _wheels_in(os.path.join(library, "ensurepip", "_bundled"))


def _shared_folder(library: str) -> str:
    """Where Debian and Fedora keep the wheels of all their Pythons: `/usr/share/python-wheels`."""
    return os.path.join(os.path.dirname(os.path.dirname(library)), "share", "python-wheels")


def _wheels_in(folder: str) -> list[Wheel]:
    wheels = []
    try:
        for filename in os.listdir(folder):
            split = split_wheel_name(filename)
            if split is not None:
                path = os.path.join(folder, filename)
                status = os.stat(path)
                wheels.append(Wheel(path, *split, status.st_size, status.st_mtime_ns))
    except OSError:
        pass  # No such folder, or not for us: it lends nothing.
    return wheels


def _newest_that_fits(wheels: list[Wheel], name: str, target: SeedTarget, seeds: str) -> Wheel | None:
    """Look for the newest wheel whose `Requires-Python` admits the target.

    That stands inside of the wheel, so the answer is kept: as the unpacked wheel, or as a file `….unfit`.
    """
    for wheel in sorted((wheel for wheel in wheels if wheel.name == name), key=lambda wheel: wheel.order, reverse=True):
        known = os.path.join(seeds, seed_key(wheel, target.version, target.variant))
        if os.path.isdir(known):
            return wheel
        if os.path.exists(known + ".unfit"):
            continue
        from pyman.effects.seeds.cache import fits, remember_unfit

        try:
            if fits(wheel, target.version):
                return wheel
        except OSError:
            continue  # Nobody can tell now; another time somebody may.
        remember_unfit(known)
    return None
