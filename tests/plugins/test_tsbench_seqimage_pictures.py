import math
import warnings
from dataclasses import replace

import pytest
import torch

from tsbench import PanelShape, Series
from tsbench.data.batch import Batch
from tsbench.errors import MethodError, TsbenchWarning, UsageError
from tsbench.testing import gaps, noise
from tsbench_imaging import gramian_angular_field, markov_transition_field, recurrence_plot
from tsbench_imaging.lines import channel_limits
from tsbench_seqimage.networks import Discriminator, ImageBranch, super_grid
from tsbench_seqimage.pictures import DRAWN, MAPS, Pictures, read_maps


def batch(panel):
    return Batch.from_panel(panel, "cpu")


def pictures(cases, maps=MAPS, size=48, fit=True, **settings):
    made = Pictures(PanelShape(cases.x.shape[1], cases.x.shape[2]), maps, size, **settings)
    if fit:
        made.fit([cases])
    return made


@pytest.mark.parametrize("n_channels", [1, 2, 5])
def test_an_image_of_each_map_with_values_from_0_to_1(n_channels):
    cases = batch(noise(c=n_channels))
    images = pictures(cases)(cases)
    assert images.shape == (6, 6, 3, 48, 48)
    assert images.min() >= 0 and images.max() <= 1 and torch.isfinite(images).all()
    assert (images.flatten(2).std(dim=2) > 0.01).all()


@pytest.mark.parametrize("name", MAPS)
def test_a_sensor_changes_its_own_cell_only(name):
    cases = batch(noise(c=2, length=40))
    made = pictures(cases, (name,), ordered=False)
    other = cases.x.clone()
    other[:, 1, 10:20] = 0.1
    changed = made(cases) != made(cases.with_values(other))
    assert not changed[..., :24].any()
    assert changed[..., :24, 24:].any()


def test_matrices_are_those_of_the_transforms():
    cases = batch(noise(c=1, length=24))
    made = pictures(cases, size=24)
    images = made(cases)[:, :, 0]
    x = cases.x
    torch.testing.assert_close(images[:, 2], (gramian_angular_field(x, 24)[:, 0] + 1) / 2)
    torch.testing.assert_close(images[:, 3], (gramian_angular_field(x, 24, method="difference")[:, 0] + 1) / 2)
    torch.testing.assert_close(images[:, 4], markov_transition_field(x, 24)[:, 0])
    span = float(channel_limits(x).diff())
    torch.testing.assert_close(images[:, 5], recurrence_plot(x, 24)[:, 0] / span)


@pytest.mark.parametrize("threshold", ["point", "distance"])
def test_thresholded_recurrence(threshold):
    cases = batch(noise(c=1, length=24))
    image = pictures(cases, ("recurrence",), 24, threshold=threshold)(cases)[:, 0, 0]
    torch.testing.assert_close(image, recurrence_plot(cases.x, 24, threshold=threshold)[:, 0])


def test_how_far_a_case_is_padded_changes_no_image():
    cases = batch(gaps())
    made = pictures(cases)
    longest = int(cases.lengths[:3].max())
    cut = replace(cases.select(slice(0, 3)), x=cases.x[:3, :, :longest], observed=cases.observed[:3, :, :longest])
    torch.testing.assert_close(made(cut), made(cases)[:3])


def test_what_lies_beyond_a_case_is_blank():
    x = torch.randn(1, 1, 40)
    half = Batch(x, torch.tensor([20]), observed=(torch.arange(40) < 20).expand(1, 1, 40))
    images = pictures(half, size=40)(half)[0]
    for name, image in zip(MAPS, images, strict=True):
        if name not in DRAWN:
            assert (image[:, 20:] == 0).all() and (image[:, :, 20:] == 0).all()
    assert (images[0][:, :, 22:] == 1).all()  # the line ends with the case


@pytest.mark.parametrize(("n_seen", "blank"), [(0, True), (1, True), (2, False)])
def test_a_sensor_with_fewer_than_two_values_has_a_blank_cell(n_seen, blank):
    cases = batch(noise(c=2, length=30))
    observed = torch.ones_like(cases.x, dtype=torch.bool)
    observed[0, 1, n_seen:] = False
    gappy = replace(cases, x=cases.x * observed, observed=observed)
    images = pictures(gappy, ordered=False)(gappy)[0]
    for name, image in zip(MAPS, images, strict=True):
        cell = image[:, :24, 24:]
        if name not in DRAWN:
            assert bool((cell == 0).all()) == blank
    assert bool((images[0][:, :24, 24:] == 1).all()) == (n_seen == 0)  # a single value is a mark


def test_a_sensor_that_training_never_saw_is_blank_and_the_rest_is_not():
    cases = batch(noise(c=2, length=30))
    observed = torch.ones_like(cases.x, dtype=torch.bool)
    observed[:, 0] = False
    never = replace(cases, x=cases.x * observed, observed=observed)
    made = pictures(never)
    assert made.order.tolist() == [1, 0]  # what misses least comes first
    images = made(never)
    assert torch.isfinite(images).all()
    assert (images[:, 2:, :, :24, 24:] == 0).all() and (images[:, 2:, :, :24, :24].amax(dim=(2, 3, 4)) > 0).all()


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_a_constant_sensor_has_uniform_matrices(constant):
    cases = Batch(torch.full((2, 1, 30), constant), torch.tensor([30, 30]))
    images = pictures(cases, size=32)(cases)[:, 2:, :, :30, :30]
    assert (images.flatten(2).std(dim=2) < 1e-6).all()
    assert (images[:, MAPS.index("recurrence") - 2] == 0).all()


@pytest.mark.parametrize("missing", ["fill", "mask", "imputed"])
def test_what_stands_where_nothing_was_observed(missing):
    x = torch.linspace(-1, 1, 32).view(1, 1, 32)
    observed = (torch.arange(32) < 16).view(1, 1, 32)
    cases = Batch(x * observed, torch.tensor([32]), observed=observed)
    made = pictures(cases, ("gasf",), 32, missing=missing)
    image = made(cases, x)[0, 0, 0]
    expected = {"fill": torch.where(observed, x, x[..., 15:16]), "mask": None, "imputed": x}[missing]
    if expected is None:
        assert (image[16:] == 0).all() and image[:16, :16].max() == 1
    else:
        torch.testing.assert_close(image, (gramian_angular_field(expected, 32)[0, 0] + 1) / 2)


def test_times_place_the_points_of_the_line():
    x, lengths = torch.zeros(1, 1, 3), torch.tensor([3])
    early, late = (Batch(x, lengths, times=torch.tensor([t])) for t in ([0.0, 0.1, 0.2], [0.0, 0.5, 1.0]))
    made = pictures(late, ("line",), 50, marker="none")
    ends = [int((made(cases)[0, 0] < 1).any(dim=0).any(dim=0).nonzero().max()) for cases in (early, late)]
    assert ends[0] == pytest.approx(10, abs=2) and ends[1] >= 48


@pytest.mark.parametrize("spectrum", ["fft", "lomb"])
def test_spectra_of_irregular_times(spectrum):
    cases = replace(batch(gaps()), times=torch.rand(len(gaps()), 40).sort(dim=1).values)
    image = pictures(cases, ("spectrum",), spectrum=spectrum)(cases)
    assert torch.isfinite(image).all() and image.std() > 0.01


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_series_have_images(length):
    cases = batch(noise(length=length))
    assert torch.isfinite(pictures(cases)(cases)).all()


def test_copies_of_a_map_in_several_colours():
    cases = batch(noise(c=1))
    images = pictures(cases, ("gasf",) * 3, colormaps=("viridis", "plasma"))(cases)
    assert torch.equal(images[:, 0], images[:, 2]) and not torch.equal(images[:, 0], images[:, 1])


def test_a_colour_map_that_is_none_is_refused_before_any_picture():
    with pytest.raises(UsageError, match="colormap = 'viridus': matplotlib has no such map"):
        Pictures(PanelShape(1, 9), MAPS, 32, ("viridis", "viridus"))


def test_maps_are_read_from_text():
    assert read_maps("line+gasf+gasf") == ("line", "gasf", "gasf")
    for wrong in ("line+", "", "lines"):
        with pytest.raises(ValueError, match="is no map; there are line, spectrum, gasf, gadf, mtf, recurrence"):
            read_maps(wrong)


def test_too_many_sensors_for_the_image_are_refused():
    with pytest.raises(UsageError, match="image_size=32 leaves 3 pixels each way for each of 65 sensors; at least 36"):
        Pictures(PanelShape(65, 40), MAPS, 32)


@pytest.mark.parametrize("fusion", ["mean", "concat", "attention"])
@pytest.mark.parametrize("share", [True, False])
def test_the_branch_gives_a_vector_of_each_case(fusion, share):
    cases = batch(noise(c=2))
    branch = ImageBranch(pictures(cases, ("line", "gasf")), "small-cnn", fusion=fusion, share=share)
    assert len(branch.networks) == (1 if share else 2)
    features = branch(cases)
    assert features.shape == (6, branch.out_dim) == (6, 512 if fusion == "concat" else 256)
    branch.eval()
    torch.testing.assert_close(branch(cases)[4:], branch(cases.select(slice(4, 6))))


def test_all_maps_in_one_image():
    cases = batch(noise(c=2))
    branch = ImageBranch(pictures(cases), "small-cnn", layout="super-grid", fusion="concat", share=False)
    assert branch.images(cases).shape == (6, 1, 3, 48, 48) and len(branch.networks) == 1
    assert branch(cases).shape == (6, 256)
    places = torch.arange(6.0).view(1, 6, 1, 1, 1).expand(1, 6, 3, 48, 48)
    whole = super_grid(places)[0, 0]
    found = [*whole[12, [8, 24, 40]].tolist(), *whole[36, [8, 24, 40]].tolist()]
    assert found == pytest.approx(list(range(6)), abs=1e-5)
    assert super_grid(places[:, :5]).shape == (1, 3, 48, 48)


def test_frozen_networks_stay_as_they_are():
    cases = batch(noise(c=2))
    branch = ImageBranch(pictures(cases, ("line",)), "small-cnn", frozen=True).train()
    before = {name: value.clone() for name, value in branch.state_dict().items()}
    assert not branch(cases).requires_grad
    assert all(torch.equal(value, before[name]) for name, value in branch.state_dict().items())


@pytest.mark.parametrize("hinted", [False, True])
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_the_discriminator_judges_each_value_by_what_came_before(cell, hinted):
    judge, x = Discriminator(3, cell, hinted), torch.randn(2, 3, 9)
    hint = torch.rand(2, 3, 9) if hinted else None
    logits = judge(x, hint)
    assert logits.shape == x.shape
    later = x.clone()
    later[:, :, 5:] = 9.0
    changed = (judge(later, hint) != logits).any(dim=1)
    assert not changed[:, :5].any() and changed[:, 5:].all()
    assert [layer.hidden_size for layer in judge.layers] == [128, 64, 16, 64, 128]


def test_a_series_of_bare_values_has_pictures():
    series = Series.of(torch.randn(3, 2, 30))
    assert math.isfinite(float(Pictures(PanelShape(2, 30), ("gasf",), 32)(series).sum()))


def test_a_case_is_drawn_alike_whatever_its_batch_is_padded_to_and_a_longer_one_is_refused():
    cases = batch(noise(c=2, length=24))
    made = pictures(cases)
    wide = replace(cases, x=torch.nn.functional.pad(cases.x, (0, 16)), padded=True)
    torch.testing.assert_close(made(wide), made(cases), rtol=0, atol=0)
    with pytest.raises(MethodError, match="a case has 40 steps, and the method was built for 24"):
        made(replace(wide, lengths=torch.full_like(wide.lengths, 40)))


def test_what_comes_after_the_longest_time_of_training_is_warned_of_when_it_is_not_drawn():
    cases = batch(noise(c=1, length=24))
    times = torch.linspace(0, 1, 24).expand(len(cases), -1)
    made = pictures(replace(cases, times=times)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error", TsbenchWarning)
        made(replace(cases, times=times))
    with pytest.warns(TsbenchWarning, match="SeqImage: some cases go on after the longest time of the training cases"):
        made(replace(cases, times=1.5 * times))


@pytest.mark.parametrize("setting", [{"marker_size": 4.0}, {"linewidth": 3.0}])
def test_sizes_of_marks_and_lines_are_those_asked_for(setting):
    cases = batch(noise(c=1, length=8))
    assert pictures(cases, ("line",), **setting)(cases).mean() < pictures(cases, ("line",))(cases).mean()
