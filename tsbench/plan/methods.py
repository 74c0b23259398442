"""The methods of a request, with their parameters checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tsbench.discovery.catalog import did_you_mean
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.identity import PERMUTED, UNTRAINED, base_method, untrained
from tsbench.methods.capabilities import capabilities, fits_itself, trains
from tsbench.methods.params import Settings, declarations, resolve
from tsbench.plan.exposure import Past
from tsbench.plan.request import Request
from tsbench.registry import Registry

if TYPE_CHECKING:
    from tsbench.methods.classifier import Classifier
    from tsbench.methods.ssl import SSLMethod


@dataclass(frozen=True)
class Method:
    """A method of a request; overrides : of its label, past : what it was pre-trained on."""

    name: str
    cls: type[SSLMethod] | type[Classifier]
    settings: Settings
    overrides: Mapping[str, Any]
    past: Past
    asked: bool  # by its name; a floor may come along


def accepts(name: str, key: str, plugins: Plugins) -> bool:
    """Say whether a method has the parameter that --set names; raises UsageError for a method that is not known."""
    return _declares(_class_of(name, plugins), key)


def resolve_methods(request: Request, plugins: Plugins, registry: Registry) -> list[Method]:
    """Return the methods asked for, and their floors; raises UsageError for a name or parameter that is not known."""
    names = list(dict.fromkeys(request.methods))
    classes = {name: _class_of(name, plugins) for name in names}
    for name, cls in classes.items():
        if not capabilities(cls):
            raise UsageError(
                f"{name} can neither represent nor decide: its class is to be an SSLMethod or a Classifier"
            )
        if untrained(name) and not trains(cls):
            raise UsageError(f"'{name}': {base_method(name)} has no training to leave out")
    if request.floors:
        twins = [UNTRAINED + name for name, cls in classes.items() if name == base_method(name) and trains(cls)]
        for name in [*registry.floors, *twins]:
            classes.setdefault(name, _class_of(name, plugins))
    accepted: dict[str, dict[str, str]] = {
        name: {key: value for key, value in request.overrides.items() if _declares(cls, key)}
        for name, cls in classes.items()
    }
    for key in request.overrides:
        if not any(key in accepted[name] for name in names):
            known = sorted({d.name for name in names for d in declarations(classes[name].Params)})
            hint = did_you_mean(key.split(".")[0], known) or f"; parameters: {', '.join(known) or 'none'}"
            raise UsageError(f"no parameter '{key}' in {', '.join(names)}{hint}")

    def find(kind: str, name: str) -> type[Any]:
        found: type[Any] = plugins[kind].get(name)
        return found

    from tsbench.learning.selection import check_select

    methods = []
    for name, cls in classes.items():
        settings, given = resolve(cls.Params, accepted[name], find, name), accepted[name]
        for part in () if fits_itself(cls) else settings.components.values():
            cls.check_component(part)
        if trains(cls) and not untrained(name):
            _check_steps(name, cls, settings.params)
            check_select(name, cls, settings.params)
        elif not fits_itself(cls):  # what only training reads makes no other row
            given = {key: value for key, value in given.items() if key not in settings.keys_at("training")}
            settings = resolve(cls.Params, given, find, name)
        past, changed = Past.of(name, cls, settings, plugins, registry), _changed(cls, settings, given, find, name)
        methods.append(Method(name, cls, settings, changed, past, name in names))
    return methods


def _class_of(name: str, plugins: Plugins) -> Any:
    """Return the class behind a method's name; raises UsageError where controls are named twice or in another order."""
    base = base_method(name)
    if base_method(base) != base:
        base = base.replace(PERMUTED, "").replace(UNTRAINED, "")
        raise UsageError(f"'{name}': write {UNTRAINED}{base}, {PERMUTED}{base} or {PERMUTED}{UNTRAINED}{base}")
    return plugins["methods"].get(base)


def _check_steps(name: str, cls: type[SSLMethod], params: Any) -> None:
    """Raise UsageError where parameters leave no training step; a method that counts on its own is seen in its run."""
    from tsbench.learning.stages import Recipe
    from tsbench.methods.ssl import SSLMethod

    zero = ["max_steps"] if getattr(params, "max_steps", None) == 0 else []
    if not zero and cls.total_steps is SSLMethod.total_steps and not (params.epochs or params.min_steps):
        zero = ["epochs", "min_steps"]
    if zero:
        given = " and ".join(f"{key}=0" for key in zero)
        raise UsageError(
            f"{name}: {given} trains no step; set {' or '.join(zero)} above 0, or take {UNTRAINED}{name}, which is "
            "meant to be untrained"
        )
    most, warmup = getattr(params, "max_steps", None), Recipe.of(params).warmup_steps
    if most is not None and warmup > most:
        raise UsageError(f"{name}: warmup_steps={warmup} is longer than max_steps={most}; lower it")


def _changed(cls: Any, settings: Settings, overrides: Mapping[str, str], find: Any, name: str) -> dict[str, Any]:
    """Return the overrides that make a difference to the defaults, with their checked values."""
    components = {key: value for key, value in overrides.items() if key in settings.components}
    defaults = resolve(cls.Params, components, find, name).flat()
    changed = {key: value for key, value in settings.flat().items() if defaults.get(key) != value}
    plain = resolve(cls.Params, {}, find, name).flat()
    return {**{key: value for key, value in components.items() if plain.get(key) != value}, **changed}


def _declares(cls: Any, key: str) -> bool:
    """Say whether a method has the parameter, or the component a dotted key starts with."""
    head, _, rest = key.partition(".")
    found = {declared.name: declared for declared in declarations(cls.Params)}
    return head in found and (not rest or found[head].component is not None)
