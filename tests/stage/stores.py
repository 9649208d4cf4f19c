"""Stores as values: what is installed, said in words, for tests of decisions."""

from __future__ import annotations

from hypothesis import strategies as st

from pyman.core.aliases import swaps
from pyman.core.catalogue import Build
from pyman.core.immutable import replace
from pyman.core.store import Alias, Runtime, Store, parse_runtime_name
from pyman.core.version import VARIANT_SUFFIX

ROOT = "/store"


def runtime(text: str) -> Runtime:
    """`3.13.5` is managed, `3.13.5@/usr` adopted from there, `3.13.5!` broken; `3.13.5+20261101` is a newer build."""
    text, broken, _ = text.partition("!")
    name, _, target = text.partition("@")
    parsed = parse_runtime_name(name)
    assert parsed is not None, name
    version, variant, build = parsed
    return Runtime(name, version, variant, f"{ROOT}/runtimes/{name}", target or None, build, not broken)


def store(
    *runtimes: str, holds: dict[str, str] | None = None, default: str | None = None, reconciled: bool = True
) -> Store:
    """A store of these runtimes; `reconciled` points every alias where the rules say."""
    made = Store(ROOT, tuple(map(runtime, runtimes)), (), tuple((holds or {}).items()), default)
    return settle(made) if reconciled else made


def settle(made: Store) -> Store:
    """The store once its aliases are swapped as decided."""
    aliases = {alias.name: alias.target for alias in made.aliases}
    for swap in swaps(made):
        if swap.new is None:
            del aliases[swap.alias]
        else:
            aliases[swap.alias] = swap.new
    return replace(made, aliases=tuple(Alias(name, target) for name, target in aliases.items()))


def aliases(made: Store) -> dict[str, str]:
    """Every alias and its target."""
    return {alias.name: alias.target for alias in made.aliases}


def builds(*names: str, tag: str = "20261001") -> tuple[Build, ...]:
    """Builds as a list has them: newest release first; `3.13.15+20261101` carries its own tag."""
    made = []
    for text in names:
        parsed = parse_runtime_name(text)
        assert parsed is not None, text
        version, variant, build = parsed
        made.append(
            Build(
                version,
                variant,
                build or tag,
                "x86_64-unknown-linux-gnu",
                f"/m/{text}.tar.gz",
                "ab" * 32,
                None,
                "tar.gz",
            )
        )
    return tuple(made)


def layered(own=(), below=(), own_aliases=(), **named):
    """A user's store above one whose aliases are right."""
    system = replace(store(*below), root="/system")
    system = replace(
        system, runtimes=tuple(replace(one, path=f"/system/runtimes/{one.name}") for one in system.runtimes)
    )
    made = Store("/store", tuple(map(runtime, own)), tuple(own_aliases), beneath=system, **named)
    return settle(made) if not own_aliases else made


# Names of runtimes as `store` takes them, managed and adopted ones; several may be one release.
MANAGED = st.sets(
    st.builds(
        "{}.{}{}{}{}{}".format,
        st.sampled_from(["3.12", "3.13"]),
        st.integers(0, 3),
        st.sampled_from(["", "", "rc1", "b2"]),
        st.sampled_from(sorted(VARIANT_SUFFIX.values())),
        st.sampled_from(["", "", "+20261101"]),
        st.sampled_from(["", "", "!"]),
    ),
    max_size=9,
)
ADOPTED = st.sets(st.builds("{}.{}{}@/x".format, st.sampled_from(["3.12", "3.13"]), st.integers(4, 6),
                            st.sampled_from(["", "rc1"])), max_size=3)  # fmt: skip


def distinct(names):
    """Each release once."""
    return {name.rstrip("!"): name for name in sorted(names)}.values()
