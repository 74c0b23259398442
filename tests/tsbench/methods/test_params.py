from dataclasses import replace
from typing import Literal

import pytest
from pydantic import ValidationError

from tsbench.errors import UsageError
from tsbench.methods.params import BaseParams, declarations, param, resolve


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


class Child(Params):
    lr: float = param(1e-2, like="lr")
    epochs: int = param(7, like="epochs", low=0, doc="passes")
    limit: int | None = param(3, like="limit")
    ridge: float = param(2.0, like="ridge")
    encoder: str = param("tcn", like="encoder")
    head_lr: float = param(0.1, like="lr", tune=False)


class Grandchild(Child):
    epochs: int = param(9, like="epochs")
    lr: float = param(1e-4, like="lr")


def test_a_parameter_like_an_inherited_one_differs_in_what_is_given_alone():
    before, after = ({d.name: d for d in declarations(cls)} for cls in (Params, Child))
    assert list(after) == [*before, "head_lr"]
    assert after["lr"] == replace(before["lr"], default=1e-2)
    assert after["epochs"] == replace(before["epochs"], default=7, low=0, doc="passes")
    assert after["limit"] == replace(before["limit"], default=3)
    assert after["ridge"] == replace(before["ridge"], default=2.0)
    assert after["encoder"] == replace(before["encoder"], default="tcn")
    assert after["head_lr"] == replace(before["lr"], name="head_lr", default=0.1, tune=False)
    last = {d.name: d for d in declarations(Grandchild)}
    assert last["epochs"] == replace(after["epochs"], default=9)  # of the nearest class
    assert last["lr"] == replace(before["lr"], default=1e-4)


def test_a_parameter_like_an_inherited_one_keeps_its_bounds_and_its_part_in_identity():
    chosen = resolve(Child, {}, lambda kind, name: Encoder, "m")
    assert (chosen.params.lr, chosen.params.epochs, chosen.params.limit) == (1e-2, 7, 3)
    assert chosen.neutral_keys() == () and chosen.keys_at("probe") == ("ridge",)
    assert chosen.flat()["encoder.cell"] == "lstm"
    assert resolve(Child, {"limit": "none"}, lambda kind, name: Encoder, "m").neutral_keys() == ("limit",)
    with pytest.raises(UsageError, match="'lr' = 2.0.*less than or equal to 1"):
        resolve(Child, {"lr": 2.0}, lambda kind, name: Encoder, "m")
    assert resolve(Child, {"epochs": 0}, lambda kind, name: Encoder, "m").params.epochs == 0

    class TooLarge(Params):
        lr: float = param(2.0, like="lr")

    with pytest.raises(UsageError, match="'lr' = 2.0.*less than or equal to 1"):
        resolve(TooLarge, {}, lambda kind, name: Encoder, "m")


def test_a_parameter_like_none_there_is_refused():
    with pytest.raises(TypeError, match="'epochs' is to be like 'epoch', .* not inherited; did you mean 'epochs'"):

        class Wrong(Params):
            epochs: int = param(7, like="epoch")

    with pytest.raises(TypeError, match="'a' is to be like 'b', which is not inherited; inherited are: none"):

        class Alone(BaseParams):
            b: int = param(1, doc="b")
            a: int = param(1, like="b")


def test_types_and_choices_are_written_as_one_reads_them():
    class Typed(BaseParams):
        number: int = param(1, doc="a")
        maybe: float | None = param(None, doc="b")
        choice: Literal["x", "y"] = param("x", doc="c")
        both: Literal["z"] | int = param(1, doc="d")
        several: tuple[int, ...] = param((), doc="e")

    declared = declarations(Typed)
    types = ["int", "float | None", "'x' | 'y'", "'z' | int", "tuple[int, ...]"]
    assert [d.type for d in declared] == types
    assert [d.choices for d in declared] == [(), (), ("x", "y"), (), ()]


def test_flat_settings_resolve_to_themselves():
    chosen = settings(lr=0.5, **{"encoder.cell": "gru"})
    assert settings(**chosen.flat()).flat() == chosen.flat()


def test_neutral_values_are_told_apart_from_defaults():
    assert settings().neutral_keys() == ("limit",)
    assert settings(smooth=0.0).neutral_keys() == ("limit", "smooth")
    assert settings(smooth=0.0).flat()["smooth"] == 0.0
    assert settings().keys_at("probe") == ("ridge",)


def test_parameters_do_not_change():
    chosen = settings()
    with pytest.raises(ValidationError, match="frozen"):
        chosen.params.lr = 0.5


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"lrr": 1}, "no parameter 'lrr'; did you mean 'lr'"),
        ({"lr": "fast"}, "'lr' = 'fast'.*valid number"),
        ({"lr": 2.0}, "'lr' = 2.0.*less than or equal to 1"),
        ({"lr": float("nan")}, "'lr'"),
        ({"smooth": float("nan")}, "'smooth' = nan.*finite number"),
        ({"smooth": float("inf")}, "'smooth' = inf.*finite number"),
        ({"epochs": "1.5"}, "'epochs' = '1.5'"),
        ({"encoder.cell": "gro"}, "'encoder.cell' = 'gro'.*'lstm' or 'gru'"),
        ({"encoder.size": 3}, "method m, encoder tfr has no parameter 'encoder.size'"),
        ({"head.size": 3}, "no component 'head'"),
    ],
)
def test_refusals_name_the_key_the_value_and_what_is_allowed(overrides, message):
    with pytest.raises(UsageError, match=message):
        settings(**overrides)
