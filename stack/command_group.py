"""The group of all `conch` commands, which says in our sentences what is wrong with a value."""

from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from gateway.value_faults import sentence


class CommandGroup(TyperGroup):
    """As Typer's, but a value that is refused is named, with what it can be."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            if isinstance(error.__cause__, ValidationError):
                error.message = "; ".join(map(sentence, error.__cause__.errors()))
            raise
