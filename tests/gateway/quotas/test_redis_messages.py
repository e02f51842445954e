"""Where accounts are kept in Redis."""

import pytest
from redis.crc import key_slot

from gateway.limits import Budget, Period
from gateway.quotas.redis_messages import account_keys
from gateway.tenants import check_tenant
from tests.gateway.quotas.asks import TEN_SLOTS, ask_of, renewal_of


@pytest.mark.parametrize("tenant", ["acme", "a", "A.b_c-9"])
@pytest.mark.parametrize("limit_id", ["limit", "}", "{other}", "{}", "x}y{z"])
def test_all_accounts_of_a_tenant_are_in_one_slot(tenant: str, limit_id: str) -> None:
    renewal = renewal_of(ask_of(TEN_SLOTS, limit_id), ask_of(TEN_SLOTS), tenant=tenant)
    slots = {key_slot(key.encode()) for key in account_keys(renewal)}
    assert slots == {key_slot(check_tenant(tenant).encode())}


def test_a_limit_that_becomes_one_of_another_kind_begins_anew() -> None:
    asks = [ask_of(measure) for measure in (TEN_SLOTS, Budget(5, Period.DAY))]
    assert len(set(account_keys(renewal_of(*asks)))) == 2
