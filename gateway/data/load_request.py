"""The body of a load or unload request: read, refused if it brings a model, and built anew."""

import msgspec

from gateway.errors import LoadOverrideRefused, MalformedRequest, PermissionMissing
from gateway.permissions import Grants, Permission, may_everywhere

DEPENDENTS = "unload_dependents"


class _Request(msgspec.Struct):
    parameters: dict[str, object] = {}


def load_body(verb: str, body: bytes, grants: Grants) -> bytes:
    """What Triton is sent; the parameters `config` and `file:` would upload a model.

    Raises MalformedRequest, LoadOverrideRefused or PermissionMissing.
    """
    parameters = _parameters(body)
    for name in parameters:
        if name == "config" or name.startswith("file:"):
            raise LoadOverrideRefused(
                f"The parameter {name[:60]!r} would have Triton load what the caller sends; "
                "put the model into the repository and load it without."
            )
        if verb != "unload" or name != DEPENDENTS:
            raise MalformedRequest(f"The parameter {name[:60]!r} is not known to {verb}; omit it.")
    if not parameters:
        return b"{}"
    return _unload_body(parameters[DEPENDENTS], grants)


def _parameters(body: bytes) -> dict[str, object]:
    if not body:
        return {}
    try:
        return msgspec.json.decode(body, type=_Request).parameters
    except msgspec.DecodeError as error:
        raise MalformedRequest(f"The body cannot be read: {error}.") from None


def _unload_body(dependents: object, grants: Grants) -> bytes:
    if not isinstance(dependents, bool):
        raise MalformedRequest(f"{DEPENDENTS} is {repr(dependents)[:60]}; give true or false.")
    if dependents and not may_everywhere(grants, Permission.REPOSITORY_LOAD):
        raise PermissionMissing(
            f"{DEPENDENTS} may unload any model; this key may unload some only. Omit it."
        )
    return msgspec.json.encode({"parameters": {DEPENDENTS: dependents}})
