"""Time until tsbench answers: median and spread of whole processes. Run: python benchmarks/startup.py"""

import statistics
import subprocess
import sys
import time

COMMANDS = (("--help",), ("list", "methods"), ("list", "datasets"), ("run", "--help"))
REPEATS = 15


def seconds(arguments: tuple[str, ...]) -> float:
    started = time.perf_counter()
    code = "from tsbench.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


for command in COMMANDS:
    seconds(command)  # warm the file cache
    times = [seconds(command) for _ in range(REPEATS)]
    print(
        f"tsbench {' '.join(command):16} median {statistics.median(times):.3f} s, {min(times):.3f} to {max(times):.3f}"
    )
