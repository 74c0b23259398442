"""Attributions against what is known by hand, and what judges them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tsbench import Pictured, SSLMethod
from tsbench.data.panel import Panel
from tsbench.errors import MethodError, UsageError
from tsbench.measure.decider import Decider, Explainable
from tsbench.methods.params import BaseParams
from tsbench.reading.attribution import GRADIENTS, OCCLUSION, RANDOM, explain

pytest.importorskip("captum")


class Rule(SSLMethod):
    """Decides by what `scores` makes of x (n, 2, 6) and the mask."""

    class Params(BaseParams):
        pass

    supervised = True

    def build(self, shapes):
        pass

    def training_step(self, step):
        raise NotImplementedError

    def decide(self, batch):
        return type(self).scores(batch.x, batch.mask)


def rule(scores):
    cls = type("Rule", (Rule,), {"scores": staticmethod(scores)})
    return Decider(cls.create(), None)


def two(number):
    """Return the scores of two classes, the second with `number` (n,)."""
    return torch.stack([torch.zeros_like(number), number], dim=1)


X = np.array([[[1, 2, np.nan, -3, 0.5, 1], [0, 1, 1, 1, np.nan, np.nan]]], dtype=np.float32)
WEIGHTS = torch.tensor([[1.0, -2, 5, 1, 0, 3], [2, 2, 0, -1, 4, 4]])


def explained(scores, twin=None, target=None, task="classification", classes=("no", "yes"), x=X, **options):
    panel = Panel.build(np.float32(x), channel_names=("hr", "bp"))
    decider, other = (one if isinstance(one, Decider) else rule(one) for one in (scores, twin or scores))
    found = Explainable(decider, other, panel, np.array([4]), list("abcde"), classes, task, "cpu", "Rule")
    return explain(found, "e", target, **options)


def linear(x, mask):
    return two((x * WEIGHTS).sum(dim=(1, 2)))


def test_of_a_linear_score_each_value_adds_its_weight_times_itself():
    found = explained(linear, target="yes")
    seen = ~np.isnan(X[0])
    np.testing.assert_allclose(found.entries["attribution"], (X[0] * WEIGHTS.numpy())[seen], rtol=1e-5, atol=1e-6)
    assert found.entries["name"].tolist() == ["hr"] * 5 + ["bp"] * 4
    assert found.entries["step"].tolist() == [0, 1, 3, 4, 5, 0, 1, 2, 3]
    assert found.score == pytest.approx(-2) and found.at_nothing == 0  # 1 - 4 - 3 + 3 + 2 - 1
    decided = explained(linear)  # on the other class, whose score is less that of this one
    assert decided.target == "no" and decided.score == pytest.approx(2)


@pytest.mark.parametrize("steps", [8, 64])
def test_the_sum_is_the_difference_of_the_scores(steps):

    def cubic(x, mask):
        return two((x**3).sum(dim=(1, 2)) + x[:, 0, 0] * x[:, 1, 1] + 7)

    found = explained(cubic, target="yes", steps=steps)
    assert found.gap < 1e-5
    assert found.entries["attribution"].sum() == pytest.approx(found.score - found.at_nothing, rel=1e-4)
    rough = explained(lambda x, mask: two((20 * x).tanh().sum(dim=(1, 2))), target="yes", steps=steps)
    assert (rough.gap < 0.01) == (steps == 64)


def test_by_the_values_that_count_confidence_falls_and_rises_faster_than_at_random():
    found = explained(lambda x, mask: two(4 * x[:, 0, 0] - 2 + 0.01 * x.sum(dim=(1, 2))), target="yes")
    (deletion, insertion), (random_deletion, random_insertion) = found.areas[GRADIENTS], found.areas[RANDOM]
    assert deletion < random_deletion and insertion > random_insertion
    assert set(found.areas) == {GRADIENTS, OCCLUSION, RANDOM}
    assert found.areas[OCCLUSION][0] == pytest.approx(deletion, abs=0.05)
    first, *_, last = found.curves.query("kind == 'deletion' and by == @GRADIENTS")["confidence"]
    assert first == pytest.approx(1 / (1 + np.exp(-2 - 0.01 * np.nansum(X))), rel=1e-4) and last < 0.2


def test_what_is_taken_away_is_missing_and_not_a_zero():
    seen = []

    def scores(x, mask):
        seen.append((x.detach().numpy().copy(), mask.numpy().copy()))
        return two(mask.sum(dim=(1, 2)) + 0 * x.sum(dim=(1, 2)))

    found = explained(scores, target="yes")
    assert all((x[~mask] == 0).all() for x, mask in seen)
    counts = {int(mask[i].sum()) for _, mask in seen for i in range(len(mask))}
    assert counts == set(range(1, 10))  # of 9 observed values one always stays
    assert found.curves["confidence"].between(0.7, 1).all()


def test_occlusion_is_the_fall_of_the_score_when_a_piece_is_missing():
    found = explained(lambda x, mask: two(3.0 * mask[:, 1, 2] + 0 * x.sum(dim=(1, 2))), target="yes")
    piece = found.entries.query("name == 'bp' and step == 2")
    assert piece["occlusion"].item() == 3 and found.entries["occlusion"].sum() == 3


def test_randomised_weights_say_whether_training_made_the_explanation():
    assert explained(linear, linear).like_untrained == pytest.approx(1)

    def turned(x, mask):
        return two((x * WEIGHTS.flip(1)).sum(dim=(1, 2)))

    assert explained(linear, turned).like_untrained < 0.9
    assert np.isnan(explained(linear, lambda x, mask: two(0 * x.sum(dim=(1, 2)))).like_untrained)


def test_labels_and_numbers():
    found = explained(linear, task="multilabel", classes=("one", "several"), target="several")
    assert found.score == pytest.approx(-2)
    found = explained(lambda x, mask: x.sum(dim=(1, 2))[:, None], task="regression", classes=())
    assert found.target == "" and found.score == pytest.approx(np.nansum(X))
    assert found.curves["confidence"].max() > 1  # the number itself


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (lambda x, mask: two(x.detach().sum(dim=(1, 2))), "does not reach the series"),
        (
            lambda x, mask: torch.from_numpy(x.numpy().sum(axis=(1, 2)))[:, None],
            "does not reach the series: Can't call",
        ),
    ],
)
def test_a_score_without_a_gradient_is_refused(scores, said):
    with pytest.raises(UsageError, match=f"the gradient of Rule's scores {said}"):
        explained(scores)


def test_a_method_that_cannot_do_with_missing_values_is_refused():
    with pytest.raises(MethodError, match="gives NaN where values of the case are missing"):
        explained(lambda x, mask: two(x.sum(dim=(1, 2)) / (mask.sum(dim=(1, 2)) > 5) * (mask.sum(dim=(1, 2)) > 5)))


def test_unknown_cases_and_classes_are_refused():
    panel = Panel.build(X)
    run = Explainable(
        rule(linear), rule(linear), panel, np.array([4]), list("abcde"), ("no",), "classification", "cpu", ""
    )
    with pytest.raises(UsageError, match="--case z: there is no such case; names are such as a, b, c"):
        explain(run, "z")
    with pytest.raises(UsageError, match="--case a is not in the test part of the run; there are such as e"):
        explain(run, "a")
    with pytest.raises(UsageError, match="--class maybe: choose one of no, yes"):
        explained(linear, target="maybe")


def pictured(scores, channels=(0, 1)):
    """Return a rule that sees two pictures (1, 8, 16): 1 in the upper half, a channel's first value in the lower."""

    class Seeing(Rule):
        def pictures(self, batch):
            pixels = batch.x.new_ones(len(batch), 2, 1, 8, 16)
            pixels[..., 4:, :] = batch.x[:, :, :1, None, None] * batch.mask[:, :, :1, None, None]
            return Pictured(pixels, ("left", "right"), torch.tensor(channels)[:, None, None].expand(2, 8, 16))

        def decide(self, batch):
            given = batch.extra.get("pictures")
            return scores(self.pictures(batch).pixels if given is None else given, batch)

    return Decider(Seeing.create(), None)


def test_of_a_linear_score_of_pixels_each_adds_its_weight_times_its_distance_from_the_blank_picture():
    weights = torch.arange(256.0).view(2, 1, 8, 16) / 2**14
    decider = pictured(lambda pixels, batch: two((pixels * weights).sum(dim=(1, 2, 3, 4))), channels=(1, -1))
    found = explained(decider, target="yes", over="pixels", x=np.abs(X) + 1)
    drawn = found.entries
    assert set(drawn["row"]) == {4, 5, 6, 7} and len(drawn) == 2 * 4 * 16  # above, nothing differs from the blank one
    first = np.where(drawn["picture"] == "right", 1, 2)
    at = weights.numpy()[2 - first, 0, drawn["row"], drawn["column"]]
    np.testing.assert_allclose(drawn["attribution"], first * at, rtol=1e-5)  # where the blank one has 0
    assert drawn.groupby("picture")["name"].unique().map(list).to_dict() == {"left": ["bp"], "right": [""]}
    assert found.nothing == "blank pictures" and found.gap < 1e-5
    assert [(name, picture.shape) for name, picture in found.pictures] == [("left", (1, 8, 16)), ("right", (1, 8, 16))]
    first, *_, last = found.curves.query("kind == 'deletion' and by == @GRADIENTS")["confidence"]
    assert first > last and found.areas[GRADIENTS][0] < found.areas[RANDOM][0]
    assert found.areas[OCCLUSION] == pytest.approx(found.areas[GRADIENTS])  # of a linear score the same order


def test_pixels_of_a_case_whose_values_alone_decide_are_refused():
    with pytest.raises(UsageError, match="gradient of Rule's scores does not reach the pictures: "):
        explained(pictured(lambda pixels, batch: linear(batch.x, batch.mask)), over="pixels")
    with pytest.raises(UsageError, match="--over pixels: Rule sees no pictures when it decides; take --over values"):
        explained(linear, over="pixels")


def test_a_case_without_a_value_is_refused():
    with pytest.raises(UsageError, match="--case e has no observed value: there is nothing to explain"):
        explained(linear, x=np.full_like(X, np.nan))


def test_how_far_confidence_moves_tells_whether_curves_can_be_compared():
    still = explained(lambda x, mask: two(1e-4 * x.sum(dim=(1, 2))), target="yes")
    assert still.moved < 1e-3 < 0.4 < explained(lambda x, mask: two(9 * x[:, 0, 0]), target="yes").moved


def test_the_twin_is_compared_where_something_is_drawn():
    def by(weights):
        return pictured(lambda pixels, batch: two((pixels * weights).sum(dim=(1, 2, 3, 4))))

    weights = torch.rand(2, 1, 8, 16, generator=torch.Generator().manual_seed(0)) / 2**10
    own, other = by(weights), by(weights.flip(3))
    drawn = explained(own, other, target="yes", over="pixels", x=np.abs(X) + 1)
    assert abs(drawn.like_untrained) < 0.3

    def within(weights):  # a method draws but a corner of each tile
        class Corners(type(by(weights).method)):
            def pictures(self, batch):
                given = super().pictures(batch)
                keep = torch.zeros(8, 16)
                keep[4::8, ::2] = 1
                return replace(given, pixels=given.pixels * keep)

        return Decider(Corners.create(), None)

    sparse = explained(within(weights), within(weights.flip(3)), target="yes", over="pixels", x=np.abs(X) + 1)
    assert len(sparse.entries) == 2 * 1 * 16 and abs(sparse.like_untrained) < 0.6  # with 16 zeros in both: more


def test_of_pictures_without_a_gradient_values_tell_nothing_which_is_said():
    def deciding(scores, gradient):
        class Drawing(type(pictured(scores).method)):
            def pictures(self, batch):
                with torch.set_grad_enabled(gradient and torch.is_grad_enabled()):
                    return super().pictures(batch)

        return Decider(Drawing.create(), None)

    def both(pixels, batch):
        return two(pixels.sum(dim=(1, 2, 3, 4)) + batch.x.sum(dim=(1, 2)))

    assert explained(deciding(both, False)).apart
    assert not explained(deciding(both, True)).apart and not explained(linear).apart
    assert not explained(deciding(both, False), over="pixels").apart
    with pytest.raises(UsageError, match="reach the series: its pictures of them have none; take --over pixels"):
        explained(deciding(lambda pixels, batch: two(pixels.sum(dim=(1, 2, 3, 4))), False))
