"""pip for a venv that has none: the wheel that its runtime bundles, run as it is."""

from __future__ import annotations

import os

from pyman.core.seeding import SeedTarget
from pyman.effects.interpreters.standard_library import libraries_below, library_of
from pyman.effects.seeds.bundled_wheels import find_wheels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.store import Choice, Store


def find_pip_wheel(choice: Choice, store: Store, cache: str) -> str:
    """Return the newest pip that the runtime bundles, else one that another runtime of the store has and that fits.

    Raises NotFound where there is none.
    """
    own = library_of(choice.executable, choice.version.minor_name, choice.variant)
    prefixes = [os.path.dirname(choice.home), *(runtime.path for runtime in store.runtimes if runtime.whole)]
    libraries = [*([own] if own is not None else []), *(one for prefix in prefixes for one in libraries_below(prefix))]
    target = SeedTarget(
        site_packages="",
        scripts="",
        python="",
        version=choice.version,
        variant=choice.variant,
        executable=choice.executable,
        libraries=tuple(dict.fromkeys(libraries)),
    )
    return find_wheels(target, os.path.join(cache, "seeds"))[0].path
