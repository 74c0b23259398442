import os
import subprocess
import sys

import pytest
from matplotlib.image import imread


def test_prints_what_a_transform_is_and_takes(tsbench, tmp_path):
    code, out, _ = tsbench("show", "transform", "stft")
    assert code == 0
    assert "tsbench_spectral" in out
    assert "n_fft = None" in out
    assert "window size" in out
    assert "No parameters" in tsbench("show", "transform", "minmax")[1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["stft", "minmax"])  # images and series
def test_draws_one_case_of_each_class(tsbench, tmp_path, name):
    code, out, err = tsbench("show", "transform", name, "--dataset", "GunPoint", "--offline", "--out", "picture.png")
    assert code == 0, err
    assert "values as they are" in out
    assert imread(tmp_path / "picture.png").std() > 0.05


def test_draws_the_cases_asked_for_after_normalising(tsbench, tmp_path):
    arguments = (
        "show",
        "transform",
        "stft",
        "--dataset",
        "BasicMotions",
        "--offline",
        "--case",
        3,
        "--set",
        "n_fft=16",
    )
    code, out, err = tsbench(*arguments)
    assert code == 0, err
    assert "stft.png: stft of BasicMotions, cases 3, z-scored per channel over the training cases" in out
    assert (tmp_path / "stft.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stfd",), "did you mean 'stft'"),
        (("stft", "--set", "nfft=8"), "no parameter 'nfft'; did you mean 'n_fft'"),
        (("stft", "--set", "n_fft=1"), "greater than or equal to 2"),
        (("stft", "--out", "a.png"), "add --dataset"),
        (("stft", "--dataset", "GunPoint", "--out", "a.txt"), "must end in one of .png"),
        (("stft", "--dataset", "GunPoint", "--out", "nowhere/a.png"), "there is no folder nowhere"),
        (("stft", "--dataset", "GunPoynt"), "did you mean 'GunPoint'"),
        (("stft", "--dataset", "GunPoint", "--case", "200"), "has cases 0 to 199"),
        (("stft", "--dataset", "bundled"), "name one"),
    ],
)
def test_mistakes_are_named_and_leave_no_file(tsbench, tmp_path, arguments, message):
    code, _, err = tsbench("show", "transform", *arguments, "--offline")
    assert code == 2
    assert message in err
    assert not list(tmp_path.iterdir())


PLUGIN = """
from tsbench import Transform, hookimpl

class Mine(Transform):
    def __call__(self, x, rng=None):
        return BODY

@hookimpl
def tsbench_transforms(register):
    register("NAME", Mine)
"""


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("of-images", "x.sum(dim=3)", "cannot be applied to series (2, 1, 150)"),
        ("to-numbers", "x.mean(dim=(1, 2))", "gave shape (2,)"),
    ],
)
def test_what_is_not_a_map_of_series_is_refused(tsbench, tmp_path, name, body, message):
    (tmp_path / f"{name}.py").write_text(PLUGIN.replace("BODY", body).replace("NAME", name))
    code, _, err = tsbench("show", "transform", name, "--dataset", "GunPoint", "--offline", "--plugin", f"{name}.py")
    assert code == 1
    assert f"transform {name} {message}" in err


def test_data_that_is_not_here(tsbench):
    assert tsbench("show", "transform", "stft", "--dataset", "Adiac", "--offline")[0] == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tsbench, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    code, _, err = tsbench("show", "transform", "stft", "--dataset", "GunPoint", "--out", "locked/a.png")
    assert code == 2
    assert "cannot be written" in err


def test_matplotlib_missing_is_said_with_the_remedy(tsbench, monkeypatch):
    find = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "matplotlib" else find(name, *a))
    code, _, err = tsbench("show", "transform", "stft", "--dataset", "GunPoint", "--offline")
    assert code == 2
    assert 'pip install "tsbench[plots]"' in err


def test_options_of_drawing_are_refused_elsewhere(tsbench):
    code, _, err = tsbench("show", "method", "trls", "--dataset", "GunPoint")
    assert code == 2
    assert "tsbench show transform" in err


def test_help_stays_light():
    code = "import sys\nfrom tsbench.cli.show.command import show\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib", "numpy", "torch"} & set(loaded)
