from typing import Literal

import pytest

from tsbench.errors import UsageError
from tsbench.params import BaseParams, declarations, param, resolve


class EncoderParams(BaseParams):
    cell: Literal["lstm", "gru"] = param("lstm", tune=True, doc="cell")


class Encoder:
    Params = EncoderParams
    version = 3


class Params(BaseParams):
    encoder: str = param("tfr", component="encoders", doc="encoder")
    lr: float = param(1e-3, low=1e-6, high=1.0, log=True, tune=True, doc="learning rate")
    epochs: int = param(5, low=1, doc="epochs")
    limit: int | None = param(None, doc="limit", neutral=None)
    smooth: float = param(0.5, doc="smoothing", neutral=0.0)
    ridge: float = param(1.0, doc="of the probe", stage="probe")


class Redeclared(Params):
    ridge: float = param(2.0, doc="of the probe")
    epochs: int = param(3, doc="epochs", stage="training")


class Again(Redeclared):
    epochs: int = param(4, doc="epochs")
    lr: float = param(1.0, doc="read by training alone", stage="training")


def settings(**overrides):
    return resolve(Params, overrides, lambda kind, name: Encoder, "method m")


def test_text_is_read_as_the_declared_type():
    chosen = settings(lr="1e-2", epochs="7", limit="none", **{"encoder.cell": "gru"})
    assert (chosen.params.lr, chosen.params.epochs, chosen.params.limit) == (0.01, 7, None)
    assert chosen.components["encoder"].params.cell == "gru"
    assert chosen.versions() == {"encoder:tfr": 3}


def test_one_declaration_holds_everything():
    declared = {d.name: d for d in declarations(Params)}
    assert (declared["lr"].low, declared["lr"].high, declared["lr"].log, declared["lr"].tune) == (1e-6, 1.0, True, True)
    assert declared["lr"].doc == "learning rate"
    assert declarations(EncoderParams)[0].choices == ("lstm", "gru")
    assert declared["ridge"].stage == "probe"


def test_a_parameter_declared_again_keeps_its_stage_unless_it_says_another():
    assert [(d.default, d.stage) for d in declarations(Again) if d.name in ("epochs", "lr", "ridge", "smooth")] == [
        (1.0, "training"),
        (4, "training"),
        (0.5, "pretrain"),
        (2.0, "probe"),
    ]


def test_flat_settings_resolve_to_themselves():
    chosen = settings(lr=0.5, **{"encoder.cell": "gru"})
    assert settings(**chosen.flat()).flat() == chosen.flat()


def test_neutral_values_are_told_apart_from_defaults():
    assert settings().neutral_keys() == ("limit",)
    assert settings(smooth=0.0).neutral_keys() == ("limit", "smooth")
    assert settings(smooth=0.0).flat()["smooth"] == 0.0
    assert settings().keys_at("probe") == ("ridge",)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"lrr": 1}, "no parameter 'lrr'; did you mean 'lr'"),
        ({"lr": "fast"}, "'lr' = 'fast'.*valid number"),
        ({"lr": 2.0}, "'lr' = 2.0.*less than or equal to 1"),
        ({"lr": float("nan")}, "'lr'"),
        ({"epochs": "1.5"}, "'epochs' = '1.5'"),
        ({"encoder.cell": "gro"}, "'encoder.cell' = 'gro'.*'lstm' or 'gru'"),
        ({"encoder.size": 3}, "method m, encoder tfr has no parameter 'encoder.size'"),
        ({"head.size": 3}, "no component 'head'"),
    ],
)
def test_refusals_name_the_key_the_value_and_what_is_allowed(overrides, message):
    with pytest.raises(UsageError, match=message):
        settings(**overrides)
