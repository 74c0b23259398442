"""Defaults against the papers and their published code, copied from there; what those leave open is not here."""

import pytest
import torch

from tsbench.data.batch import Batch
from tsbench.methods.params import declarations, resolve
from tsbench.testing import noise
from tsbench.testing.checks import trains

# arXiv 2401.05431, section 3.1 and Table 5; tau of "trls" is not the paper's
TRLS = {
    **{"epochs": 50, "batch_size": 32, "lr": 3e-4, "weight_decay": 1e-4, "beta1": 0.9, "beta2": 0.99},
    **{"view1": "jitter", "view2": "blur", "encoder.cell": "lstm", "encoder.blocks": 3, "encoder.scales": 5},
}
RAINDROP = {"epochs": 20, "batch_size": 128, "lr": 1e-3, "balance": "upsample", "select": "auroc", "plateau": 1}
PAPERS = {
    "trls": TRLS,
    "trls-paper": {**TRLS, "tau": 0.7, "min_steps": 0},
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
    # The baselines of the published code of arXiv 2110.05357, for P12
    "transformer": {**RAINDROP, "layers": 1, "heads": 1, "ffn": 72, "dropout": 0.3},
    "trans-mean": {**RAINDROP, "layers": 1, "heads": 1, "ffn": 72, "dropout": 0.3},
    # arXiv 1606.01865 leaves these data's settings open: trained as the baselines beside it
    "gru-d": {"epochs": 20, "batch_size": 128, "lr": 1e-3},
    # The published code of arXiv 1805.10572
    "brits": {"batch_size": 32, "lr": 1e-3, "hidden": 64, "consistency_weight": 0.1},
    # A summary of arXiv 2502.06134
    "seqimage": {
        **{"branches": "both", "generator_hidden": 128, "generator_layers": 4, "rec_loss": "nt-xent"},
        **{"maps": "line+spectrum+gasf+gadf+mtf+recurrence", "joint_width": 1024, "joint_bottleneck": 512},
        **{"image_encoder": "swin_base_patch4_window7_224.ms_in22k", "loss": "auto", "rec_anchor": 0.0},
    },
    # The commands for PhysioNet of github.com/reml-lab/mTAN
    "mtand": {
        **{"epochs": 200, "batch_size": 128, "lr": 1e-4, "hidden": 128, "embedding": 128, "heads": 1},
        **{"references": 128, "times": "learnt", "mlp": 300},
    },
    "mtand-full": {
        **{"epochs": 300, "batch_size": 50, "lr": 1e-4, "hidden": 256, "embedding": 128, "heads": 1},
        **{"references": 128, "times": "learnt", "mlp": 300, "latent": 20, "decoded": 50, "alpha": 100.0},
    },
    # github.com/BorgwardtLab/Set_Functions_for_Time_Series, what is not searched there
    "seft": {"epochs": 300, "psi_layers": 2, "psi_width": 64, "psi_latent": 128, "heads": 4, "key_dim": 64},
    # github.com/mims-harvard/Raindrop for P12, and its baselines
    "raindrop": {
        **{**RAINDROP, "lr": 1e-4, "size": 4, "time_dims": 16, "receiver": 16, "layers": 2, "pruned": 0.5},
        **{"regulariser": 0.02, "heads": 2, "dropout": 0.2},
    },
    "ip-net": {
        **{**RAINDROP, "batch_size": 256, "hidden": 100, "references": 192, "sharper": 10.0, "reconstruction": 0.001},
        "held_out": 0.2,
    },
    "mtgnn": {
        **{**RAINDROP, "batch_size": 32, "lr": 1e-4, "layers": 5, "conv_channels": 16, "residual_channels": 16},
        **{"skip_channels": 32, "end_channels": 64, "depth": 2, "keep": 0.05, "neighbours": 20, "saturation": 3.0},
        "dropout": 0.3,
    },
    "dgm2-o": {**RAINDROP, "latent": 10, "clusters": 20},
    # arXiv 2303.12799 and its code, for P12
    "vitst": {"epochs": 4, "batch_size": 192, "lr": 2e-5, "cell_size": 64, "hidden": 512, "dropout": 0.1},
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
    asked = {
        **{"lr": 0.0123, "image_lr": 0.0123, "joint_lr": 0.0123, "weight_decay": 0.0456},
        **{"beta1": 0.78, "beta2": 0.89, "image_encoder": "small-cnn"},
    }
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
