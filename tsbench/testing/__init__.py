"""For tests of plugins: series, data of every kind, and checks that what a plugin brings survives it.

The checks and the generated data need hypothesis (`pip install hypothesis`), which is imported when one is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    **dict.fromkeys(("gaps", "noise", "one_step", "unequal"), "tsbench.testing.series"),
    **dict.fromkeys(("corners", "datasets", "features", "make_data", "quick"), "tsbench.testing.generated"),
    **dict.fromkeys(
        ("check_corruption", "check_encoder", "check_method", "check_probe", "check_transform"),
        "tsbench.testing.checks",
    ),
}
__all__ = sorted(_HOMES)

if TYPE_CHECKING:
    from tsbench.testing.checks import check_corruption as check_corruption
    from tsbench.testing.checks import check_encoder as check_encoder
    from tsbench.testing.checks import check_method as check_method
    from tsbench.testing.checks import check_probe as check_probe
    from tsbench.testing.checks import check_transform as check_transform
    from tsbench.testing.generated import corners as corners
    from tsbench.testing.generated import datasets as datasets
    from tsbench.testing.generated import features as features
    from tsbench.testing.generated import make_data as make_data
    from tsbench.testing.generated import quick as quick
    from tsbench.testing.series import gaps as gaps
    from tsbench.testing.series import noise as noise
    from tsbench.testing.series import one_step as one_step
    from tsbench.testing.series import unequal as unequal


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tsbench.testing' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ImportError(f"tsbench.testing.{name} needs hypothesis: pip install hypothesis") from error


def __dir__() -> list[str]:
    return __all__
