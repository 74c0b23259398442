"""A plugin file: a classifier that does what its parameter says, and a dataset that needs no import.

Tests give it to worker processes.
"""

import ctypes
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tsbench import Card, Data, Dataset, Fold, Panel, hookimpl, param
from tsbench.methods.classifier import Classifier


class Trouble(Classifier):
    """Does something bad."""

    class Params(Classifier.Params):
        what: str = param("nothing", doc="what goes wrong")
        note: str = param("", doc="file in which process ids are noted")

    def fit(self, train, validation, rng):
        self.k = len(train.classes)
        if self.params.note:
            Path(self.params.note).write_text(f"{os.getpid()}")
        getattr(self, self.params.what)()

    def predict_scores(self, panel):
        return np.zeros((len(panel), self.k))

    def nothing(self):
        pass

    def new_module(self):
        sys.path.insert(0, str(Path(self.params.note).parent))
        Path(self.params.note).with_name("made_just_now.py").touch()
        importlib.invalidate_caches()
        importlib.import_module("made_just_now")

    def hold(self):
        self.held = np.ones(32_000_000)

    def wait(self):
        """Until there is a file `go` beside the note."""
        while not Path(self.params.note).with_name("go").exists():
            time.sleep(0.02)

    def error(self):
        raise ValueError("no good")

    def segfault(self):
        ctypes.string_at(0)

    def leave(self):
        os._exit(0)

    def leave_7(self):
        os._exit(7)

    def hang(self):
        """Deaf to SIGTERM, with the interpreter's lock held, and with a child of its own."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        note = Path(self.params.note + ".new")
        note.write_text(f"{os.getpid()} {child.pid}")
        note.replace(self.params.note)
        while True:
            ctypes.PyDLL(None).sleep(600)

    def eat(self):
        self.food = []
        while True:
            self.food.append(np.ones(4_000_000))
            time.sleep(0.002)


class Tiny(Dataset):
    card = Card("tiny", summary="Noise.")

    def load(self):
        panel = Panel.build(np.random.default_rng(0).normal(size=(8, 1, 5)), np.arange(8) % 2)
        return Data(panel, {"archive": [Fold(np.arange(4), None, np.arange(4, 8))]})


@hookimpl
def tsbench_datasets(register):
    register("tiny", Tiny)


@hookimpl
def tsbench_methods(register):
    register("trouble", Trouble)
