"""Keys over the admin API; a secret is in one answer, and never in another."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from gateway.admin.access import Acting
from gateway.admin.values import (
    AfterId,
    Burst,
    Given,
    Id,
    IdInPath,
    ModelPattern,
    Most,
    OfTenant,
    Page,
    RateText,
    TenantName,
    checked,
    described,
    example,
    page_of,
    problems,
)
from gateway.errors import InvalidInput, RecordConflict, UnknownRecord
from gateway.keys import Key, KeyState, Terms, state
from gateway.moments import parse_duration
from gateway.networks import MAX_NETWORKS, check_networks
from gateway.permissions import MAX_GRANTS, MAX_PATTERNS, client_grants, parse_grants
from gateway.records.facts import key_facts, moment_text
from gateway.records.store import Records

router = APIRouter(prefix="/v1/keys", tags=["keys"])

Grant = Annotated[str, Field(min_length=1, max_length=4096)]
Network = Annotated[str, Field(max_length=64)]


class KeyView(BaseModel):
    """A key as recorded; its secret is nowhere."""

    id: str
    tenant: str
    state: KeyState
    grants: list[str]
    rate: str | None
    burst: int | None
    networks: list[str]
    tls_subject: str | None
    created: datetime
    not_before: datetime | None
    expires: datetime | None
    old_secret_ends: datetime | None
    revoked: datetime | None
    last_used: datetime | None


class NewKey(Given):
    """On what terms a key is made."""

    model_config = example(tenant="acme", models=["mnist_*"], rate="100/s", burst=200)

    tenant: TenantName
    # What clients do, on these models; all models if neither this nor `grants` is given.
    models: Annotated[list[ModelPattern], Field(min_length=1, max_length=MAX_PATTERNS)] | None = (
        None
    )
    # Exactly these verbs, in place of `models`.
    grants: Annotated[list[Grant], Field(min_length=1, max_length=MAX_GRANTS)] | None = None
    rate: RateText | None = None
    burst: Burst | None = None
    not_before: AwareDatetime | None = None
    expires: AwareDatetime | None = None
    networks: Annotated[list[Network], Field(max_length=MAX_NETWORKS)] = Field(default=[])
    # A client certificate that stands for the key, which then has no secret.
    tls_subject: Annotated[str, Field(min_length=1, max_length=1024)] | None = None


class Rotation(Given):
    """How long the old secret goes on."""

    overlap: Annotated[
        str,
        checked(parse_duration),
        described(pattern=r"^[0-9]+[smhd]$", examples=["24h"]),
    ] = "24h"


class ShownKey(BaseModel):
    """A key just made or rotated: the only answer that has its secret."""

    id: Id
    # Null where a certificate stands for it.
    key: str | None
    old_secret_ends: datetime | None


@router.get("", responses=problems())
async def list_keys(
    records: Acting, tenant: OfTenant = None, after: AfterId = None, limit: Most = 100
) -> Page[KeyView]:
    """The keys by id, the revoked included."""
    found = await records.page_of_keys(tenant=tenant, after=after, most=limit)
    return page_of(list(map(_view, found)), limit, found[-1].id if found else None)


@router.post("", status_code=201, responses=problems(409))
async def create_key(records: Acting, given: NewKey) -> ShownKey:
    """Make a key and show it, once; a tenant that is not there comes with it."""
    terms = _terms(given)
    if given.tls_subject is not None:
        key_id = await records.create_certificate_key(
            given.tenant, given.tls_subject, rate=given.rate, burst=given.burst, terms=terms
        )
        return ShownKey(id=key_id, key=None, old_secret_ends=None)
    new = await records.create_key(given.tenant, rate=given.rate, burst=given.burst, terms=terms)
    return ShownKey(id=new.id, key=new.token, old_secret_ends=None)


@router.get("/{key}", responses=problems(404))
async def show_key(records: Acting, key: IdInPath) -> KeyView:
    """One key."""
    return _view(await _require(records, key))


@router.post("/{key}/rotate", responses=problems(404, 409))
async def rotate_key(records: Acting, key: IdInPath, given: Rotation) -> ShownKey:
    """Give a key a new secret and show it, once; the old one goes on for the overlap."""
    new = await records.rotate_key(key, parse_duration(given.overlap))
    return ShownKey(id=new.id, key=new.token, old_secret_ends=new.old_ends)


@router.post("/{key}/revoke", responses=problems(404))
async def revoke_key(records: Acting, key: IdInPath) -> KeyView:
    """Take a key out of force within a second; doing it again is no error."""
    if (await _require(records, key)).revoked is None:
        # Somebody else may have just done it.
        with suppress(RecordConflict):
            await records.revoke_key(key)
    return _view(await _require(records, key))


async def _require(records: Records, key_id: str) -> Key:
    found = await records.find_key(key_id)
    if found is None:
        raise UnknownRecord(f"there is no key {key_id!r}")
    return found


def _terms(given: NewKey) -> Terms:
    if given.models is not None and given.grants is not None:
        raise InvalidInput("models and grants both say what the key may do; give one of them")
    return Terms(
        grants=parse_grants(given.grants) if given.grants else client_grants(given.models or ["*"]),
        not_before=_utc(given.not_before),
        expires=_utc(given.expires),
        networks=check_networks(given.networks),
    )


def _utc(moment: datetime | None) -> datetime | None:
    try:
        return None if moment is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput(f"time {moment} is out of range") from error


def _view(key: Key) -> KeyView:
    of_now = {"state": state(key, datetime.now(UTC)), "last_used": moment_text(key.last_used)}
    return KeyView.model_validate(key_facts(key) | of_now)
