import pytest

from loadtest.errors import OptionError
from loadtest.traffic import KeyShare, ModelShare
from loadtest.traffic_options import parse_models, parse_tenants


def test_one_model_is_called_with_one_sample() -> None:
    assert parse_models(["cnn"], []) == [ModelShare(name="cnn", batches={1: 1.0})]


def test_models_versions_and_batches_have_weights() -> None:
    assert parse_models(["cnn:3=2", "mlp"], ["1=9", "8"]) == [
        ModelShare(name="cnn", version="3", weight=2, batches={1: 9, 8: 1}),
        ModelShare(name="mlp", batches={1: 9, 8: 1}),
    ]


def test_tenants_are_the_variables_that_hold_their_keys() -> None:
    assert parse_tenants(["ACME=3", "FREE"]) == [
        KeyShare(tenant="ACME", variable="ACME", weight=3),
        KeyShare(tenant="FREE", variable="FREE"),
    ]


@pytest.mark.parametrize(
    ("models", "batches", "told"),
    [
        ([""], [], "--model '' names no model"),
        (["cnn="], [], "--model 'cnn=': the weight '' is no number above 0"),
        (["cnn=-1"], [], "the weight '-1' is no number above 0"),
        (["cnn=inf"], [], "the weight 'inf'"),
        (["cnn"], ["0"], "--batch '0' is no batch size"),
        (["cnn"], ["x=1"], "--batch 'x=1' is no batch size"),
    ],
)
def test_what_is_no_mix_is_refused(models: list[str], batches: list[str], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        parse_models(models, batches)


@pytest.mark.parametrize("key", ["ck_3fA9_secret_x7Q", "some-other.secret"])
def test_a_key_itself_is_no_variable(key: str) -> None:
    # Whoever pastes a key would have it in the report.
    with pytest.raises(OptionError, match="names no variable") as refused:
        parse_tenants([key])
    assert key not in str(refused.value)
