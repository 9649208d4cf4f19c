"""`adopt`: whether a Python of somebody else's gets a link in the store, and under which name."""

from __future__ import annotations

from pyman.core.packages.lent import PART_OF_PYTHON
from pyman.core.record import record
from pyman.core.version import Version, release_name
from pyman.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.store import Runtime, Store


@record
class Stranger:
    """A Python that is not in the store, as it told about itself."""

    prefix: str
    """The folder to link to."""
    version: Version
    variant: str
    origin: str


@record
class Link:
    """A link is made; `replaces` is a link of the same name that leads nowhere any more."""

    stranger: Stranger
    name: str
    replaces: Runtime | None = None


@record
class KeepInstalled:
    """The release is in the store already: one version has one place (DESIGN 3)."""

    stranger: Stranger
    runtime: Runtime

    @property
    def is_same(self) -> bool:
        """True where the store has just this one."""
        return self.runtime.target == self.stranger.prefix


if TYPE_CHECKING:
    Adoption = Link | KeepInstalled


def decide(stranger: Stranger, store: Store) -> Adoption:
    """Decide one Python: what is there and works is kept, managed or adopted.

    Raises Refused where a folder of ours that is broken has the name.
    """
    name = release_name(stranger.version, stranger.variant)
    same = [
        runtime
        for runtime in store.runtimes
        if (runtime.version, runtime.variant) == (stranger.version, stranger.variant)
    ]
    kept = max((runtime for runtime in same if runtime.whole), key=lambda runtime: runtime.rank, default=None)
    if kept is not None:
        return KeepInstalled(stranger, kept)
    broken = next((runtime for runtime in same if runtime.name == name), None)
    if broken is not None and broken.is_managed:
        raise Refused(
            f"{broken.path} is there, and broken: it lacks its manifest",
            hint=f"mend it with `pyman install {name}`, or remove it with `pyman uninstall {name}`",
        )
    return Link(stranger, name, broken)


def left_behind(packages: tuple[str, ...]) -> tuple[str, ...]:
    """What was installed into the base itself, which nobody will find in the next patch release."""
    return tuple(sorted(name for name in packages if name.lower() not in PART_OF_PYTHON))
