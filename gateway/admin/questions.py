"""What is refused of every request to `/v1`, whatever its route: what it would leave unread."""

from fastapi import Request

from gateway.admin.access import Acting
from gateway.errors import InvalidValue
from gateway.shown import shown
from gateway.strict_json import parse_strict


async def refuse_unread(request: Request, _: Acting) -> None:
    """Raise InvalidValue for a parameter that the route does not know, or a member given twice.

    It comes after the admin has been told: others learn nothing by it.
    """
    route = request.scope["route"]
    known = [field.alias for field in route.dependant.query_params]
    for name in request.query_params:
        if name not in known:
            named = f"known are {', '.join(known)}" if known else "this path takes none"
            raise InvalidValue(f"query: {shown(name)} is no parameter; {named}")
    if route.body_field is not None:
        _refuse_ambiguous(await request.body())


def _refuse_ambiguous(body: bytes) -> None:
    try:
        parse_strict(body.decode())
    except ValueError as error:
        raise InvalidValue(f"body: {error}; send JSON that can be read in one way only") from error
