"""Probes: how good a representation is for a simple classifier, and as a start for fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsbench import hookimpl

if TYPE_CHECKING:
    from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_probes(register: Register) -> None:
    """Register the probes."""
    register(
        "svm-rbf",
        "tsbench_probes.svm:SVM",
        summary="RBF support vector machine, C by cross-validation on the training part, as TS2Vec and T-Loss do.",
        paper="arXiv:2106.10466",
    )
    register(
        "linear",
        "tsbench_probes.linear:Linear",
        summary="Multinomial logistic regression to convergence, C chosen on validation, else by cross-validation.",
    )
    register(
        "linear-paper",
        "tsbench_probes.linear_paper:LinearPaper",
        summary="One linear layer, 100 epochs of Adam, as in the linear evaluation of TRLS.",
        paper="arXiv:2401.05431",
    )
    register(
        "logistic",
        "tsbench_probes.linear:Logistic",
        summary="One-vs-rest logistic regression with C = 1, TS2Vec's second protocol.",
        paper="arXiv:2106.10466",
    )
    register(
        "ridge",
        "tsbench_probes.ridge:Ridge",
        summary="Ridge regression in closed form, penalty by leave-one-out error; for numbers, classes and labels.",
    )
    register("knn", "tsbench_probes.knn:KNN", summary="k nearest neighbours, Euclidean or cosine; k = 1 by default.")
    register(
        "finetune",
        "tsbench_probes.finetune:FineTune",
        summary="All weights and a linear head trained on labels; on random:<method>, supervised from scratch.",
        paper="arXiv:2401.05431",
    )
