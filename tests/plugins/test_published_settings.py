"""Defaults against the papers and their published code, copied from there; what those leave open is not here."""

import pytest
import torch

from tsbench.data.batch import Batch
from tsbench.methods.params import declarations, resolve
from tsbench.testing import noise
from tsbench.testing.checks import trains

PAPERS = {
    # arXiv 2401.05431, section 3.1 and Table 5
    "trls": {
        **{"epochs": 50, "batch_size": 32, "lr": 3e-4, "weight_decay": 1e-4, "beta1": 0.9, "beta2": 0.99, "tau": 0.7},
        **{"view1": "jitter", "view2": "blur"},
        **{"encoder.cell": "lstm", "encoder.blocks": 3, "encoder.dropout": 0.2, "encoder.scales": 5},
    },
    # arXiv 2401.05431, section 3.1, the downstream stage
    "supervised": {"epochs": 100, "batch_size": 128, "lr": 3e-4, "weight_decay": 1e-4},
    # arXiv 2106.10466, section 4.1 and appendix B; weight decay and steps are those of the published code
    "ts2vec": {
        **{"batch_size": 8, "lr": 1e-3, "weight_decay": 0.01, "alpha": 0.5, "temporal_unit": 0, "mask": "binomial"},
        **{"max_train_length": 3000, "encoder.hidden": 64, "encoder.depth": 10, "encoder.out_dim": 320},
        **{"encoder.dropout": 0.1},
    },
    # arXiv 2106.14112, section 4.2, and config_files/HAR_Configs.py of the published code
    "ts-tcc": {
        **{"epochs": 40, "batch_size": 128, "lr": 3e-4, "weight_decay": 3e-4, "beta1": 0.9, "beta2": 0.99},
        **{"hidden": 100, "depth": 4, "heads": 4, "mlp": 64, "dropout": 0.1, "lambda1": 1.0, "lambda2": 0.7},
        **{"temperature": 0.2, "scale_sigma": 1.1, "jitter_sigma": 0.8, "max_segments": 8},
        **{"encoder.dropout": 0.35},
    },
    # default_hyperparameters.json of the published code of arXiv 1901.10738
    "t-loss": {
        **{"batch_size": 10, "min_steps": 1500, "lr": 1e-3, "negatives": 10, "negative_penalty": 1.0},
        **{"compared_length": None, "encoder.channels": 40, "encoder.depth": 10, "encoder.reduced": 160},
        **{"encoder.out": 320, "encoder.kernel": 3},
    },
    # arXiv 2106.00750, section 4, and the simulated data's settings in the published code
    "tnc": {
        **{"w": 0.05, "epochs": 100, "batch_size": 10, "lr": 1e-3, "weight_decay": 1e-5, "epsilon": 3.0, "delta": 5.0},
        **{"dropout": 0.5, "encoder.hidden": 100},
    },
    # arXiv 2106.14112, section 4.2: the comparison, in which CPC is trained as TS-TCC
    "cpc": {"epochs": 40, "batch_size": 128, "lr": 3e-4, "weight_decay": 3e-4, "beta1": 0.9, "beta2": 0.99},
    # arXiv 2002.05709, section 2.1 and appendix B.1
    "simclr": {"projection": 128, "epochs": 100},
    # arXiv 2504.09993 and the scripts of its published code
    "aimts": {
        **{"epochs": 60, "warmup_epochs": 1, "batch_size": 16, "lr": 7e-4, "weight_decay": 0.01},
        **{"jitter": 0.3, "scaling": 0.5, "slicing": 0.5, "time_warping": 100, "speed_ratio": 10.0},
        **{"window_warping": 0.3, "shrink": 0.5, "stretch": 2.0, "inter_weight": 0.9, "intra_weight": 0.1},
        **{"temperature_low": 1.0, "temperature_high": 1.01, "mix_alpha": 0.1, "cell_size": 64},
        **{"encoder.hidden": 64, "encoder.depth": 10, "encoder.out_dim": 512, "dropout": 0.1},
    },
}
PROBES = {
    # arXiv 2401.05431, section 3.1, the downstream stage
    "finetune": {"epochs": 100, "batch_size": 128, "lr": 3e-4, "weight_decay": 1e-4},
    # The scripts of the published code of arXiv 2504.09993
    "finetune-aimts": {"batch_size": 8, "lr": 3e-3, "head_lr": 1e-3, "weight_decay": 0.01, "hidden": 256},
}


@pytest.mark.parametrize("method", PAPERS)
def test_defaults_of_methods_are_those_of_their_papers(installed, method):
    flat = resolve(installed["methods"].get(method).Params, {}, lambda kind, name: installed[kind].get(name), "").flat()
    assert {key: flat[key] for key in PAPERS[method]} == PAPERS[method]


@pytest.mark.parametrize("probe", PROBES)
def test_defaults_of_probes_are_those_of_their_papers(installed, probe):
    defaults = {d.name: d.default for d in declarations(installed["probes"].get(probe).Params)}
    assert {key: defaults[key] for key in PROBES[probe]} == PROBES[probe]


def test_every_method_that_trains_has_its_papers_settings_here(installed):
    classes = {
        entry.name: installed["methods"].get(entry.name) for entry in installed["methods"] if entry.name[-1] != ":"
    }
    ours = {
        name for name, cls in classes.items() if trains(cls) and "text" not in cls.reads
    }  # those with tests of their own
    assert ours == set(PAPERS)


@pytest.mark.parametrize("method", PAPERS)
def test_the_optimisers_follow_the_parameters(installed, method):
    cls = installed["methods"].get(method)
    asked = {"lr": 0.0123, "weight_decay": 0.0456, "beta1": 0.78, "beta2": 0.89, "image_encoder": "small-cnn"}
    made = cls.create(**{key: value for key, value in asked.items() if key in cls.Params.model_fields})
    panel = noise(4, length=30)
    made.build([panel.shape])
    made.on_fit_start([made.prepare(Batch.from_panel(panel, "cpu"))])
    groups = [group for optimizer in made.optimizers().values() for group in optimizer.param_groups]
    assert groups
    for group in groups:
        assert (group["lr"], group["weight_decay"]) == (0.0123, 0.0456)
        if "beta1" in cls.Params.model_fields:
            assert group["betas"] == (0.78, 0.89)


def test_the_betas_of_the_supervised_method_are_the_papers(installed):
    # arXiv 2401.05431, section 3.1
    made = installed["methods"].get("supervised").create()
    made.encoder, made.head = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    assert made.optimizers()["main"].param_groups[0]["betas"] == (0.9, 0.99)
