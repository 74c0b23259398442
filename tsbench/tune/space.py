"""The search space of a method: what its parameters declare, cut to the neighbourhood of the defaults."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tsbench.discovery.catalog import did_you_mean
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.methods.params import Declaration, Settings, declarations, resolve

if TYPE_CHECKING:
    from optuna import Trial

    from tsbench.plan.spec import RunSpec

# Declared bounds say what is valid (1 to 8192 channels), not what is worth trying: a number is searched within this
# factor of its default. Integers, mostly sizes that cost time, are searched on a logarithmic scale.
LOG_FACTOR = 10.0
LINEAR_FACTOR = 3.0
INTEGER_FACTOR = 4
LARGEST = sys.float_info.max / 2


@dataclass(frozen=True)
class Dimension:
    """One searched parameter: a range of numbers (integer or not, log or not), or choices."""

    key: str
    low: float = 0.0
    high: float = 0.0
    integer: bool = False
    log: bool = False
    choices: tuple[Any, ...] = ()

    def suggest(self, trial: Trial) -> Any:
        """Return the value of a trial."""
        if self.choices:
            return trial.suggest_categorical(self.key, self.choices)
        if self.integer:
            return trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        """Say whether a value lies in it."""
        return value in self.choices if self.choices else value is not None and self.low <= value <= self.high

    def finite(self) -> bool:
        """Say whether a number can be drawn from it: its width is finite as well."""
        return abs(self.low) <= LARGEST and abs(self.high) <= LARGEST

    def text(self) -> str:
        """Return "lr 3e-05:0.003:log" or "encoder.cell lstm,gru", as --space takes it after the key."""
        if self.choices:
            return f"{self.key} {','.join(map(str, self.choices))}"
        return f"{self.key} {self.low:g}:{self.high:g}{':log' if self.log else ''}"

    def as_json(self) -> dict[str, Any]:
        """Return what a study remembers of it."""
        return {**asdict(self), "choices": list(self.choices)}


def search_space(
    settings: Settings, fixed: Collection[str] = (), spaces: Mapping[str, str] | None = None, owner: str = "the method"
) -> list[Dimension]:
    """Return the dimensions of every parameter declared with tune=True, those of components included, in order.

    fixed : keys that are not searched. spaces : {key: "low:high[:log]" or "a,b"} in place of what is declared; a key
    may also be one without tune=True.

    Raises UsageError when nothing is left to search, or a space cannot be read.
    """
    declared, spaces = _declared(settings), spaces or {}
    for key in spaces:
        if key not in declared:
            raise UsageError(f"--space {key}: {owner} has no such parameter{did_you_mean(key, declared)}")
        if declared[key].component or key in fixed:
            raise UsageError(f"--space {key}: {'a component' if declared[key].component else 'fixed by --set'}")
    found = []
    for key, one in declared.items():
        if key in spaces:
            found.append(_asked_for(key, one, spaces[key]))
        elif one.tune and key not in fixed:
            found.append(_from_declaration(key, one))
    if not found:
        raise UsageError(f"{owner} has no parameter to tune; --space KEY=LOW:HIGH names one")
    return found


def settings_of(spec: RunSpec, params: Mapping[str, Any], plugins: Plugins) -> Settings:
    """Return the checked settings of a planned run's method with these parameters ({"encoder.hidden": 64})."""

    def find(kind: str, name: str) -> type[Any]:
        found: type[Any] = plugins[kind].get(name)
        return found

    return resolve(plugins["methods"].get(spec.base_method).Params, params, find, spec.method)


def tunable(settings: Settings) -> bool:
    """Say whether a method or a component of it declares anything to search."""
    return any(one.tune for one in _declared(settings).values())


def _declared(settings: Settings) -> dict[str, Declaration]:
    owners = [("", settings.params), *((f"{slot}.", part.params) for slot, part in settings.components.items())]
    return {prefix + one.name: one for prefix, params in owners for one in declarations(type(params))}


def _from_declaration(key: str, one: Declaration) -> Dimension:
    choices = _choices(one)
    if choices:
        return Dimension(key, choices=choices)
    integer, default = "int" in one.type.split(" | "), one.default
    low, high = one.low, one.high
    if isinstance(default, (int, float)) and default > 0:
        factor = INTEGER_FACTOR if integer else LOG_FACTOR if one.log else LINEAR_FACTOR
        near = max(1, default // factor) if integer else default / factor
        low = low if low == 0 else near if low is None else max(low, near)  # 0 often means "off": it stays
        high = default * factor if high is None else min(high, default * factor)
    if low is None or high is None or not Dimension(key, low, high).finite():
        raise UsageError(f"parameter '{key}' is declared without bounds; give them by --space {key}=LOW:HIGH")
    return Dimension(key, low, high, integer, (one.log or integer) and low > 0)


def _asked_for(key: str, one: Declaration, text: str) -> Dimension:
    numeric = {"int", "float"} & set(one.type.split(" | "))
    if ":" in text and numeric:
        low, high, *log = text.split(":")
        integer, to_number = "int" in numeric, int if "int" in numeric else float
        try:
            dimension = Dimension(
                key, to_number(low), to_number(high), integer, log == ["log"] or (one.log and not log)
            )
        except ValueError:
            dimension = None
        if dimension is None or log not in ([], ["log"]) or not dimension.low < dimension.high:
            raise UsageError(f"--space {key}={text}: write LOW:HIGH or LOW:HIGH:log, numbers with LOW below HIGH")
        if not dimension.finite():
            raise UsageError(f"--space {key}={text}: give two finite numbers; the search draws evenly between them")
        if (one.low is not None and dimension.low < one.low) or (one.high is not None and dimension.high > one.high):
            raise UsageError(f"--space {key}={text}: the method takes {one.low} to {one.high}")
        if dimension.log and dimension.low <= 0:
            raise UsageError(f"--space {key}={text}: on a logarithmic scale LOW must be above 0")
        return dimension
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = {str(choice): choice for choice in _choices(one)}
    if numeric and not known:
        raise UsageError(f"--space {key}={text}: a number is searched in a range, LOW:HIGH or LOW:HIGH:log")
    if len(words) < 2 or not set(words) <= set(known):
        raise UsageError(f"--space {key}={text}: give at least two of {', '.join(known) or 'nothing: it is text'}")
    return Dimension(key, choices=tuple(known[word] for word in words))


def _choices(one: Declaration) -> tuple[Any, ...]:
    return (False, True) if one.type == "bool" else one.choices
