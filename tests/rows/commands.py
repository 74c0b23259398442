"""The commands whose rows `rows.db` holds: every kind of row there is, of as few and as short runs as that takes."""

import os
from pathlib import Path

WARD = str(Path(__file__).with_name("ward.csv"))
FEW = ("--set", "max_steps=3")
FITTED = "ts2vec,t-loss,tnc,ts-tcc,simclr,cpc,trls,supervised"
UNFITTED = "minirocket-features,random:ts2vec,minirocket,1nn-ed,majority"
DEV_DATA = Path(os.environ.get("TSBENCH_DEV_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


def run(methods, dataset, *options):
    return ("run", "--method", methods, "--dataset", dataset, *options)


TUNE = ("tune", "--method", "ts2vec", "--dataset", "SmoothSubspace", "--trials", "2", *FEW)
RUNS = {
    "methods": run(f"{FITTED},{UNFITTED}", "SmoothSubspace", *FEW),
    "seeds": run("ts2vec", "SmoothSubspace", "--seeds", "1,", *FEW),
    "multivariate": run("ts2vec", "BasicMotions", *FEW),
    "uneven": run("ts2vec,majority", "JapaneseVowels", *FEW),
    "encoder": run("simclr", "JapaneseVowels", "--set", "encoder=gru", *FEW),
    "probes": run("ts2vec", "SmoothSubspace", "--protocol", "linear,logistic,knn,linear-paper", *FEW),
    "fine-tuned": run(
        "aimts", "SmoothSubspace", "--protocol", "finetune-aimts", *FEW, "--set", "image_encoder=small-cnn"
    ),
    "groups": run("ts2vec,1nn-ed", WARD, "--protocol", "svm-rbf-cv5", *FEW),
    "labels": run("ts2vec,supervised", "SmoothSubspace", "--protocol", "svm-rbf+labels=0.5", *FEW),
    "dropout": run("ts2vec", "SmoothSubspace", "--protocol", "svm-rbf+dropout=0.2@all", *FEW),
    "noise": run("ts2vec,minirocket", "SmoothSubspace", "--protocol", "svm-rbf+noise=5", *FEW),
    "pre-trained": run("ts2vec", "SmoothSubspace", "--pretrain-on", "UnitTest,SmoothSubspace", *FEW),
    "tuned": run("ts2vec", "SmoothSubspace", "--tuned", *FEW),
}
