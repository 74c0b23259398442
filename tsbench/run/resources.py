"""What a run uses and where it runs: device, threads, peak memory, environment."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from tsbench.errors import UsageError

PACKAGES = ("tsbench", "torch", "numpy", "scipy", "scikit-learn", "aeon", "sktime", "pandas")


def pick_device(wanted: str) -> str:
    """Return "cpu" or "cuda" for auto, cpu, cuda or cuda:N; raises UsageError when there is no such device."""
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cpu":
        return wanted
    kind, _, number = wanted.partition(":")
    if kind != "cuda" or (number and not number.isdigit()):
        raise UsageError(f"--device {wanted}: choose auto, cpu, cuda or cuda:N")
    if int(number or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"--device {wanted}: this machine has {torch.cuda.device_count()} CUDA devices; use --device cpu"
        )
    return wanted


def pick_devices(wanted: str) -> list[str]:
    """Return the devices of a comma-separated list, each once; raises UsageError when one is not there."""
    return list(dict.fromkeys(pick_device(name.strip()) for name in wanted.split(",")))


def reset_peak_memory(device: str) -> None:
    """Start measuring the peak anew, from what is held now; where the system cannot, it stays that of the process."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: str) -> int:
    """Return the peak in bytes since the reset: of the GPU's allocator there, else of resident memory."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


_limited: tuple[int, int] | None = None


def limit_threads(count: int) -> None:
    """Limit torch and the numeric libraries to this many threads: with another number, sums come out otherwise.

    Looking for the libraries takes milliseconds, so it is done again only when modules have been imported since.
    """
    import torch
    from threadpoolctl import threadpool_limits

    global _limited
    torch.set_num_threads(count)
    if _limited != (count, len(sys.modules)):
        threadpool_limits(count)
        _limited = (count, len(sys.modules))


@cache
def environment() -> dict[str, Any]:
    """Return what a reader needs to judge or repeat a number: versions, commit, hardware."""
    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cpu_count": os.cpu_count(),
        "gpu": _gpu_name(),
        "commit": _commit(),
        "packages": versions,
    }


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def _gpu_name() -> str | None:
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def _commit() -> str | None:
    """Return the commit of the checkout tsbench runs from, with + when it has changes; None when installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        head = _git(root, "rev-parse", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
