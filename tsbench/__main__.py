"""python -m tsbench."""

from tsbench.cli import main

main()
