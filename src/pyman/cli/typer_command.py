"""A verb as a typer command: its parameters and those that every command has, its help and examples."""

from __future__ import annotations

import importlib
import inspect
from typing import Annotated, get_type_hints

import typer

from pyman.cli.commands import Command
from pyman.cli.verb import DRY_RUN, SHARED_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SHARED = {
    "json": Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Print only results and errors.")],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Print more details.")],
    "root": Annotated[
        str | None,
        typer.Option(
            "--root", metavar="DIR", help="Use the store in DIR (default: PYMAN_ROOT, else ~/.local/share/pyman)."
        ),
    ],
    "offline": Annotated[bool, typer.Option("--offline", help="Do not use the network.")],
    DRY_RUN: Annotated[bool, typer.Option("--dry-run", help="Show what would be done without changing anything.")],
}
# A module whose command can run without typer does not import what only its annotations name.
_NAMES = {"typer": typer, "Annotated": Annotated}


def run_by_typer(command: Command, words: list[str]) -> int:
    """Run a verb with its words and return its exit status. Raises UsageError for words that are wrong."""
    try:
        status = load(command).main(
            args=words,
            prog_name=f"pyman {command.name}",
            complete_var="_PYMAN_NO_TYPER_COMPLETION",
            standalone_mode=False,
        )
    except typer.Exit as exit_:
        return exit_.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.TyperException as error:
        from pyman.cli.usage_errors import usage_error_of

        raise usage_error_of(error, command.name) from None
    return status if isinstance(status, int) else 0


def _implementation(command: Command) -> Callable[..., int]:
    module, function = command.place
    made: Callable[..., int] = getattr(importlib.import_module(module), function)
    return made


def load(command: Command) -> Any:
    """Import a verb's module and make its typer command."""
    application = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    implementation = _implementation(command)
    text, _, examples = inspect.cleandoc(implementation.__doc__ or "").partition("Examples:")
    epilog = "\b\nExamples:\n" + "\n".join("  " + line.strip() for line in examples.strip().splitlines())
    settings: dict[str, Any] = dict(getattr(implementation, "context_settings", {}))
    application.command(
        command.name,
        help=text.strip(),
        epilog=epilog if examples.strip() else None,
        context_settings={"help_option_names": ["-h", "--help"], **settings},
    )(_with_signature(implementation, (*SHARED_NAMES, *((DRY_RUN,) if command.changes else ()))))
    made = typer.main.get_command(application)
    for parameter in made.params:
        if parameter.param_type_name == "argument" and parameter.metavar:
            # As it is written here: typer puts braces around what is required.
            parameter.make_metavar = _as_written(parameter.metavar)  # type: ignore[method-assign]
    return made


def _as_written(metavar: str) -> Callable[..., str]:
    return lambda *_, **__: metavar


def _with_signature(command: Callable[..., int], names: tuple[str, ...]) -> Callable[..., int]:
    """Give a command that `@verb` made the signature that typer reads."""
    function = command.__wrapped__  # type: ignore[attr-defined]  # set by @verb
    hints = get_type_hints(function, localns=_NAMES, include_extras=True)
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "session"
    ]
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=_SHARED[name], default=None if name == "root" else False
        )
        for name in names
    ]
    signature = inspect.Signature([*own, *shared])
    command.__signature__ = signature  # type: ignore[attr-defined]  # inspect documents it, typeshed does not know it
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in signature.parameters.values()}
    return command
