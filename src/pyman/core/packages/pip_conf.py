"""The `pip.conf` of a venv itself: where its packages come from, for pip and, where that is exact, for uv.

pip reads it as one layer of many; a rebuild lets it count before all others, so that packages come from where they came
from: what it says goes to pip as variables of its environment. uv does not read it, and is given a settings file that
says the same and takes the place of all others.
"""

from __future__ import annotations

from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "pip.conf"

# By the names of the options, as pip documents them. What decides where packages come from:
_SOURCES = frozenset(("index-url", "extra-index-url", "find-links", "no-index", "trusted-host"))
# What pip shows, and how patient it is: it is the same for uv.
_HARMLESS = frozenset((
    "disable-pip-version-check", "no-python-version-warning", "no-input", "quiet", "verbose", "no-color",
    "progress-bar", "timeout", "default-timeout", "retries", "resume-retries", "root-user-action",
    "no-warn-script-location", "no-warn-conflicts", "require-virtualenv", "require-venv", "break-system-packages",
    "exists-action", "compile", "no-compile", "no-clean", "debug", "user",
))  # fmt: skip
# How pip reaches an index, and what it takes of it: uv has no such option, or one that means something else.
_OF_PIP_ALONE = frozenset((
    "cert", "client-cert", "proxy", "keyring-provider", "use-feature", "use-deprecated", "only-binary", "no-binary",
    "prefer-binary", "pre", "no-build-isolation", "use-pep517", "no-use-pep517", "check-build-dependencies",
    "config-settings", "global-option", "build-option", "require-hashes", "constraint", "build-constraint", "no-deps",
))  # fmt: skip
# Files of pip's own, which are kept elsewhere during a rebuild.
_FILES = frozenset(("log", "log-file", "cache-dir", "no-cache-dir"))
_TRUE, _FALSE = ("y", "yes", "t", "true", "on", "1"), ("n", "no", "f", "false", "off", "0")
_SECTIONS = ("global", "install")
_SHORTEST_SECRET = 3

OF_UV = (
    "UV_CONFIG_FILE",
    "UV_NO_CONFIG",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_INDEX_STRATEGY",
)
"""What else tells uv where to look."""


class NotUnderstood(ValueError):
    """A `pip.conf` that pyman does not understand; its text goes on from the name of the file and `: `."""


@record
class PipConf:
    """What a `pip.conf` says to `pip install`."""

    values: Mapping[str, str]
    """By the name of the option, without its dashes: `index-url`."""

    def words(self, key: str) -> tuple[str, ...]:
        """The values of an option that takes several."""
        return tuple(self.values.get(key, "").split())

    @property
    def index_url(self) -> str:
        """The index that is asked first; empty where the file names none."""
        return self.values.get("index-url", "").strip()

    @property
    def no_index(self) -> bool:
        """True where no index is asked at all."""
        return self.values.get("no-index", "").lower() in _TRUE

    @property
    def names_sources(self) -> bool:
        """True where it says anything about where packages come from."""
        return not _SOURCES.isdisjoint(self.values)

    @property
    def lost_on_uv(self) -> tuple[str, ...]:
        """The options that uv cannot be told exactly, and that keep it from being used; empty where there are none."""
        lost = [key for key in self.values if key in _OF_PIP_ALONE]
        if lost or not self.names_sources:
            return tuple(lost)
        if not self.no_index and not self.index_url:
            return tuple(key for key in self.values if key in _SOURCES)  # The first index is named elsewhere.
        lost += [key for key in ("index-url", "extra-index-url") if not all(map(_is_exact, self.words(key)))]
        # pip looks for such a folder in the home.
        lost += ["find-links"] if any(link.startswith("~") for link in self.words("find-links")) else []
        return tuple(lost)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no one may be shown: users and passwords in addresses, and what follows a question mark."""
        found: list[str] = []
        for key in (*_SOURCES, "proxy"):
            for address in self.words(key):
                place, _, query = address.partition("://")[2].partition("?")
                user = place.partition("/")[0].rpartition("@")[0]
                # A few letters stand in many other words.
                found += [one for one in (user, user.partition(":")[2], query) if len(one) > _SHORTEST_SECRET]
        return tuple(sorted(set(found), key=len, reverse=True))

    @property
    def told(self) -> str:
        """Where packages come from, for people: hosts and folders, no secrets."""
        named = [] if self.no_index else [*self.words("index-url"), *self.words("extra-index-url")]
        told = [_place(address) for address in (*named, *self.words("find-links"))]
        return ", ".join(dict.fromkeys(told)) or ("nowhere" if self.no_index else "the default index")


def _is_exact(address: str) -> bool:
    """True for the address of an index that means the same to uv; a user without a password is asked for one by pip."""
    scheme, mark, rest = address.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    return bool(mark) and scheme in ("http", "https", "file") and (not at or ":" in user)


def _place(address: str) -> str:
    scheme, mark, rest = address.partition("://")
    if not mark or scheme == "file":
        return rest or address
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2].partition('?')[0]}"


def parse_pip_conf(text: str) -> PipConf:
    """Read what a `pip.conf` says to `pip install`, as pip does.

    Raises NotUnderstood for what is no such file, and for an option that would install something else or elsewhere.
    """
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # Its message holds lines of the file, and those may hold passwords.
        raise NotUnderstood(f"it is not a valid configuration file of pip ({type(error).__name__})") from None
    values: dict[str, str] = {}
    for section in _SECTIONS:
        if parser.has_section(section):
            values |= {_option(key): value for key, value in parser.items(section) if value.strip()}
    strange = [key for key in values if key not in _SOURCES | _HARMLESS | _OF_PIP_ALONE | _FILES]
    if strange:
        raise NotUnderstood(f"it sets `{strange[0]}`, which would change what is installed, or where")
    if values.get("no-index", "0").lower() not in (*_TRUE, *_FALSE):
        raise NotUnderstood("`no-index` is neither true nor false")
    return PipConf(values)


def _option(key: str) -> str:
    return key.lower().replace("_", "-").removeprefix("--")


def overruled_by(conf: PipConf) -> tuple[str, ...]:
    """The variables that would tell pip otherwise, and do not count beside the file of the venv."""
    return (
        *(f"PIP_{key.upper().replace('-', '_')}" for key in sorted(_SOURCES.intersection(conf.values))),
        "PIP_CONFIG_FILE",
    )


def pip_variables(conf: PipConf, temporary: str) -> dict[str, str]:
    """The variables by which pip is told what the file says, so that it goes before the user's files and variables.

    `temporary` is a folder for what pip writes beside the venv.
    """
    told = {f"PIP_{key.upper().replace('-', '_')}": conf.values[key] for key in _SOURCES if key in conf.values}
    # What it says is read, and shown where it fails.
    told |= {f"PIP_{key.upper()}": "0" for key in ("quiet", "verbose") if key in conf.values}
    if not _FILES.isdisjoint(conf.values):
        told |= {"PIP_LOG": f"{temporary}/pip.log", "PIP_CACHE_DIR": f"{temporary}/cache"}
    return told


def uv_settings(conf: PipConf, folder: str) -> str:
    """The text of a `uv.toml` that says the same; `folder` is where relative paths begin, as for pip."""
    import tomli_w

    links = [link if link.startswith("/") or "://" in link else f"{folder}/{link}" for link in conf.words("find-links")]
    # pip takes the best of all indexes.
    settings: dict[str, object] = {"index-strategy": "unsafe-best-match"}
    if conf.no_index:
        settings["no-index"] = True
    else:
        settings |= {"index-url": conf.index_url, "extra-index-url": list(conf.words("extra-index-url"))}
    return tomli_w.dumps(settings | {"find-links": links, "allow-insecure-host": list(conf.words("trusted-host"))})
