"""Turns the fields of StackSettings into flags, so that no setting is written twice."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from gateway.errors import ConfigurationError
from gateway.settings import PREFIX, flag_name, load_settings
from stack.errors import UsageError
from stack.settings import StackSettings


def with_settings(*fields: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a Typer command a flag per setting (all of them, or those named) for its `settings`.

    >>> @app.command()
    ... @with_settings("state_dir", "database_url")
    ... def keys_list(*, settings: StackSettings) -> None: ...
    """
    names = fields or tuple(StackSettings.model_fields)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**arguments: Any) -> None:
            given = {name: arguments.pop(name) for name in names}
            # An empty flag is none given, as an empty variable is.
            flags = {name: value for name, value in given.items() if value}
            command(**arguments, settings=settings_of(flags))

        own = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [parameter for parameter in own if parameter.name != "settings"]
        parameters += [_flag(name, StackSettings.model_fields[name]) for name in names]
        # Of its dictionary: a function's type knows no such attribute, though Python reads it.
        vars(run)["__signature__"] = inspect.Signature(
            [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
        )
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__name__ = command.__name__
        run.__doc__ = command.__doc__
        return run

    return decorate


def settings_of(flags: dict[str, str]) -> StackSettings:
    """The settings, of which flags go first. Raises UsageError where one cannot be."""
    try:
        return load_settings(StackSettings, flags)
    except ConfigurationError as error:
        raise UsageError(str(error)) from error


def _flag(name: str, field: FieldInfo) -> inspect.Parameter:
    default = "" if field.default in (None, "") else f" (default: {field.default})"
    option = typer.Option(
        flag_name(name),
        help=f"{field.description}{default}",
        show_default=False,
        metavar=_metavar(field),
        rich_help_panel=f"Settings (also as {PREFIX}…)",
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, option],
    )


def _metavar(field: FieldInfo) -> str:
    if field.annotation in (int, float):
        return "NUMBER"
    if "Path" in str(field.annotation):
        return "PATH"
    return "TEXT"
