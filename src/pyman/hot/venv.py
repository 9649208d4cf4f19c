"""`venv`: a venv that names a minor version, so that the next patch release reaches it by itself."""

from __future__ import annotations

import os
import sys

from pyman.core.answer import Answer
from pyman.core.record import record, replace
from pyman.core.runtime import pinned
from pyman.core.selection import select
from pyman.core.venv_layout import VenvWish, plan_layout
from pyman.core.version import minor_alias
from pyman.effects.store import read_store
from pyman.effects.venv_records import remember
from pyman.effects.venv_writer import what_is_there, write_venv
from pyman.errors import NotFound, Refused
from pyman.hot.choosing import choose_interpreter, is_there, wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyman.core.request import Request
    from pyman.core.runtime import Choice, Store
    from pyman.core.venv_layout import VenvLayout
    from pyman.effects.places import Places


@record
class VenvOptions:
    """The words of `pyman venv`."""

    folder: str = ".venv"
    python: str | None = None
    pin: bool = False
    with_pip: bool = True
    system_site_packages: bool = False
    prompt: str | None = None
    clear: bool = False


class Missing(NotFound):
    """Nothing installed satisfies the request; `request` could be installed."""

    def __init__(self, request: Request) -> None:
        super().__init__(
            f"no installed Python satisfies {request}", hint=f"run `pyman install {request}`", code="not-installed"
        )
        self.request = request


def choose_for_venv(
    places: Places, environ: Mapping[str, str], cwd: str, options: VenvOptions
) -> tuple[Request, Choice]:
    """The interpreter of a new venv. Raises Missing where it would have to be installed first."""
    store = read_store(places.root)
    selection = select(wishes(environ, cwd, store, options.python), is_there(store, environ))
    choice = choose_interpreter(store, selection.request, environ, cwd, places.cache)
    if choice is None:
        raise Missing(selection.request)
    if options.pin and choice.runtime is not None:
        choice = pinned(store, choice.runtime)
    elif options.pin:
        choice = replace(choice, policy="pin")
    return selection.request, choice


def make_venv(
    places: Places, environ: Mapping[str, str], cwd: str, options: VenvOptions, request: Request, choice: Choice
) -> Answer:
    """Make the venv and say what was done.

    Raises Refused where something is in its place, and PymanError where it cannot be written.
    """
    path = os.path.abspath(os.path.join(cwd, options.folder))
    if os.path.isdir(path) and os.path.islink(path):
        path = os.path.realpath(path)
    there = refuse_what_is_there(path, clear=options.clear)
    wish = VenvWish(
        path,
        _kept_request(request, choice, options),
        options.with_pip,
        options.system_site_packages,
        os.path.basename(cwd) if options.prompt == "." else options.prompt,
    )
    if there == "venv":
        from pyman.effects.set_aside import SetAside

        with SetAside(places, path, "clear") as old:
            build_venv(places, wish, choice)
            old.keep_new()
    else:
        build_venv(places, wish, choice)
    remember(places.root, path)
    alias = choice.through if choice.policy == "follow" else None
    data = {
        "path": path,
        "python": str(choice.version),
        "request": wish.request,
        "policy": choice.policy,
        "home": choice.home,
        "alias": alias,
    }
    return Answer(data, _lines(path, cwd, choice), notes=(_activation(path, cwd, environ),))


def build_venv(places: Places, wish: VenvWish, choice: Choice) -> None:
    """Put a venv in its place, whole. Raises PymanError where it cannot be made; nothing is left then."""
    layout = plan_layout(wish, choice, lib64=sys.maxsize > 2**32 and sys.platform != "darwin")
    store = read_store(places.root)
    write_venv(wish.path, layout, _seeder(places, wish.path, layout, choice, store) if wish.with_pip else None)


def _kept_request(request: Request, choice: Choice, options: VenvOptions) -> str:
    """The words to keep with the venv: what was asked for, a path as it is used, else the minor that it got."""
    if request.kind == "path":
        return choice.executable
    if request.kind == "latest" and options.python is None:
        return minor_alias(choice.version, choice.variant)
    return request.text


def refuse_what_is_there(path: str, *, clear: bool) -> str:
    """Say what is in the place of a new venv. Raises Refused unless one may be made there."""
    there = what_is_there(path)
    if there in ("nothing", "empty") or (there == "venv" and clear):
        return there
    if there == "venv":
        raise Refused(
            f"{path} is a venv already",
            hint="use `--clear` to make it anew, or `pyman doctor --fix` to mend it",
            code="exists",
        )
    if there == "file":
        raise Refused(f"{path} is no folder", hint="choose another name", code="not-a-folder")
    if there == "mount":
        raise Refused(f"{path} is a mount point", hint="choose another folder", code="mount")
    raise Refused(
        f"{path} is not empty and no venv; nothing was touched", hint="choose another folder", code="not-empty"
    )


def _seeder(places: Places, path: str, layout: VenvLayout, choice: Choice, store: Store) -> Callable[[str], None]:
    """What puts pip into the unfinished venv, whose scripts name the place that it will have."""

    def fill(work: str) -> None:
        from pyman.core.seeding import SeedTarget
        from pyman.effects.seed import seed

        target = SeedTarget(
            site_packages=os.path.join(work, layout.site_packages),
            scripts=os.path.join(work, "bin"),
            python=os.path.join(path, "bin", "python"),
            version=choice.version,
            variant=choice.variant,
            executable=choice.executable,
            libraries=_libraries(choice, store),
        )
        seed(target, places.cache)

    return fill


def _libraries(choice: Choice, store: Store) -> tuple[str, ...]:
    """The standard library of the interpreter, then those of all others, which may lend it their wheels."""
    prefixes = [os.path.dirname(choice.home)]
    prefixes += [runtime.path for runtime in store.runtimes if runtime.whole and runtime != choice.runtime]
    return tuple(library for prefix in prefixes for library in _libraries_of(prefix))


def _libraries_of(prefix: str) -> list[str]:
    found = []
    for folder in ("lib", "lib64"):
        try:
            names = os.listdir(os.path.join(prefix, folder))
        except OSError:
            continue
        places = [os.path.join(prefix, folder, name) for name in names if name.startswith("python3.")]
        found += [place for place in places if os.path.exists(os.path.join(place, "os.py"))]
    return found


def _lines(path: str, cwd: str, choice: Choice) -> tuple[str, ...]:
    shown = os.path.relpath(path, cwd) if path.startswith(cwd.rstrip("/") + "/") else path
    first = f"made {shown} with Python {choice.release}"
    if choice.policy == "follow" and choice.through is not None:
        return (first, f"it follows {choice.through}, now {choice.release}: home is {choice.home}")
    if choice.policy == "follow":
        return (first, f"it follows what stands there: home is {choice.home}")
    return (first, f"it is pinned to {choice.release}: home is {choice.home}")


def _activation(path: str, cwd: str, environ: Mapping[str, str]) -> str:
    shell = os.path.basename(environ.get("SHELL", ""))
    ending = {"fish": ".fish", "csh": ".csh", "tcsh": ".csh"}.get(shell, "")
    shown = os.path.relpath(path, cwd) if path.startswith(cwd.rstrip("/") + "/") else path
    script = f"{shown}/bin/activate{ending}"
    if not all(character.isalnum() or character in "/._-+@" for character in script):
        script = "'" + script.replace("'", "'\\''") + "'"
    return f"activate it with: source {script}" if shell not in ("sh", "dash") else f"activate it with: . {script}"
