"""Memory of one training step of ecg-text-base on the CPU: python benchmarks/ecgtext_memory.py [CASES A STEP ...]

Each in a process of its own: resident memory at its peak, and the bytes of weights, momentum copies and optimizer.
"""

import subprocess
import sys

import numpy as np

SETTINGS = {"max_steps": 1, "min_steps": 0, "vocabulary": 1000, "queue": 64}


def one_step(n):
    """Print what a step of n cases takes; BERT's 30,000 words are left out, so 1,000 are learnt."""
    import torch

    from tsbench import Learner
    from tsbench.measure.resources import peak_memory, reset_peak_memory
    from tsbench_ecgtext.made import Made

    torch.set_num_threads(1)
    data = Made(n_train=1).load()
    pairs = data.panel.select(data.folds["archive"][0].train[:n])
    before = peak_memory("cpu")
    reset_peak_memory("cpu")
    learner = Learner("ecg-text-base", batch_size=n, **SETTINGS).fit(pairs)
    weights = sum(one.numel() * one.element_size() for one in learner.method.parameters())
    peak = peak_memory("cpu")
    print(
        f"{n} cases a step: {peak / 2**30:.2f} GiB at its peak ({before / 2**30:.2f} before), weights "
        f"{weights / 2**30:.2f} GiB ({np.round(weights / 4e6):.0f} M), AdamW's two moments {2 * weights / 2**30:.2f}, "
        f"gradients and momentum copies as much as the weights each"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one_step(int(sys.argv[2]))
    else:
        for n in sys.argv[1:] or ("2", "4"):
            subprocess.run([sys.executable, __file__, "one", n], check=True)
