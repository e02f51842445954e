"""What may be said with a load or an unload."""

import pytest

from gateway.data.load_request import load_body
from gateway.errors import LoadOverrideRefused, MalformedRequest, PermissionMissing
from gateway.permissions import parse_grant

SOME = (parse_grant("repository:load=a*"),)
ALL = (parse_grant("repository:load"),)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"parameters":{}}', b'{"x":{"config":1}}'])
def test_nothing_of_the_body_goes_on(body: bytes) -> None:
    assert load_body("load", body, SOME) == b"{}"


@pytest.mark.parametrize("name", ["config", "file:1/model.py", "file:", "\\u0063onfig"])
def test_a_load_brings_no_model_of_its_own(name: str) -> None:
    with pytest.raises(LoadOverrideRefused, match="put the model into the repository"):
        load_body("load", b'{"parameters":{"%b":"x"}}' % name.encode(), ALL)


def test_other_parameters_are_named() -> None:
    with pytest.raises(MalformedRequest, match="'priority'"):
        load_body("load", b'{"parameters":{"priority":1}}', ALL)
    with pytest.raises(MalformedRequest, match="not known to load"):
        load_body("load", b'{"parameters":{"unload_dependents":true}}', ALL)


def test_dependents_are_unloaded_by_who_may_unload_all() -> None:
    body = b'{"parameters":{"unload_dependents":true}}'
    assert load_body("unload", body, ALL) == body
    with pytest.raises(PermissionMissing):
        load_body("unload", body, SOME)
    body = body.replace(b"true", b"false")
    assert load_body("unload", body, SOME) == body
    with pytest.raises(MalformedRequest, match="true or false"):
        load_body("unload", body.replace(b"false", b"1"), ALL)


@pytest.mark.parametrize("body", [b"x", b"[]", b'{"parameters":[]}', b"\xff", b"[" * 100_000])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        load_body("load", body, ALL)
