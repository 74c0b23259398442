"""Typed hyper-parameters: default, bounds, documentation, search space and identity in one declaration.

class Params(SSLMethod.Params):
    temperature: float = param(0.2, low=0.01, high=1.0, log=True, tune=True, doc="NT-Xent temperature, eq. 4")
    cell: Literal["lstm", "gru"] = param("lstm", tune=True, doc="recurrent cell")
    epochs: int = param(40, like="epochs")  # another default, all else as inherited
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticUndefined

from tsbench.discovery.catalog import did_you_mean
from tsbench.errors import UsageError
from tsbench.methods.weights import Corpora, Corpus, corpora_of, pin

Stage = Literal["pretrain", "training", "probe"]
_UNSET: Any = object()


def param(
    default: Any,
    *,
    doc: str = _UNSET,
    low: float | None = _UNSET,
    high: float | None = _UNSET,
    log: bool = _UNSET,
    tune: bool = _UNSET,
    stage: Stage = _UNSET,
    component: str | None = _UNSET,
    neutral: Any = _UNSET,
    versions: Mapping[Any, int] = _UNSET,
    like: str | None = None,
) -> Any:
    """Declare one hyper-parameter of a Params class; its type is the annotation, its choices a Literal's.

    Parameters
    ----------
    default : value used where the user gives none.
    doc : one line; says "not specified in the paper" where that is so. Needed without `like`.
    low, high : inclusive bounds, also the search space; none by default.
    log : search on a logarithmic scale; not by default.
    tune : part of the search space; not by default.
    stage : "training" for what only training reads, so that it does not matter to a method that is not trained;
        "probe" when a change does not need the method to be trained again; else "pretrain". By default as a base class
        declares the parameter, else "pretrain".
    component : the parameter names an entry of this catalogue ("encoders"), whose own parameters are set as
        `name.key`.
    neutral : the value under which the parameter changes nothing; left out of a run's identity, so that adding
        a parameter does not orphan earlier results.
    versions : the version of each value whose numbers have changed since 1; only runs with that value hold it.
    like : name of an inherited parameter, from whose declaration comes all that is not given here.
    """
    said: dict[str, Any] = {"doc": doc, "low": low, "high": high, "log": log, "tune": tune, "stage": stage}
    said |= {"component": component, "neutral": neutral, "versions": versions}
    given = {name: value for name, value in said.items() if value is not _UNSET}
    return _field(default, **given) if like is None else _Like(default, like, given)


def weights(
    default: str | None = None,
    *,
    doc: str,
    stage: Stage = "pretrain",
    pretrained_on: Mapping[str, Iterable[str | Corpus]] | None = None,
    words: Iterable[str] = (),
) -> Any:
    """Declare pre-trained weights: none, a file, or "package:NAME" for the one that an installed package serves.

    The value becomes "sha256:HEX@PLACE", of which the digest alone enters a run's identity. `load_weights` of
    `tsbench.methods.frozen` gives them to a module. The annotation is `str | None`.

    pretrained_on : the corpora behind a word or the sha256 (hex) of a file: names of datasets and collections, or a
        `Corpus` with a fingerprint. Rows say by it whether they are clean; those of other files are unknown.
    words : values that name no file, such as "pretrained" for a library that fetches its own.
    """
    declared = {key: tuple(corpora) for key, corpora in (pretrained_on or {}).items()}
    return _field(default, doc=doc, stage=stage, weights={"words": tuple(words), "pretrained_on": declared})


def _field(default: Any, *, doc: str, low: float | None = None, high: float | None = None, **extra: Any) -> Any:
    return Field(default, ge=low, le=high, description=doc, json_schema_extra=extra, validate_default=True)


@dataclass(frozen=True)
class _Like:
    """A declaration that waits for the class it stands in, whose bases have what it does not say."""

    default: Any
    name: str
    given: Mapping[str, Any]


class BaseParams(BaseModel):
    """Base of every Params class: frozen, unknown keys refused, NaN refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _pinned(cls, value: Any, info: ValidationInfo) -> Any:
        """Pin what names weights."""
        extra = cls.model_fields[str(info.field_name)].json_schema_extra
        kind: Any = extra.get("weights") if isinstance(extra, dict) else None
        return value if kind is None else pin(value, str(info.field_name), kind["words"])

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Complete the declarations that are `like` an inherited one, before pydantic reads them."""
        super().__init_subclass__(**kwargs)
        inherited = {
            declared.name: declared
            for base in reversed(cls.__mro__[1:])
            if issubclass(base, BaseParams)
            for declared in declarations(base)
        }
        for name, value in list(vars(cls).items()):
            if not isinstance(value, _Like):
                continue
            if value.name not in inherited:
                hint = did_you_mean(value.name, inherited) or "; inherited are: " + (", ".join(inherited) or "none")
                raise TypeError(f"parameter '{name}' is to be like '{value.name}', which is not inherited{hint}")
            setattr(cls, name, _field(value.default, **{**inherited[value.name].arguments(), **value.given}))


@dataclass(frozen=True)
class Declaration:
    """One declared parameter, as `tsbench show method` prints it and the tuner reads it."""

    name: str
    type: str
    default: Any
    doc: str
    low: float | None
    high: float | None
    choices: tuple[Any, ...]
    log: bool
    tune: bool
    stage: Stage
    component: str | None
    neutral: Any
    has_neutral: bool
    versions: Mapping[Any, int]
    weights: Mapping[str, Any] | None = None

    def arguments(self) -> dict[str, Any]:
        """Return what `param` was given beside the default."""
        names = ["doc", "low", "high", "log", "tune", "stage", "component", "versions"]
        names += ["neutral"] * self.has_neutral + ["weights"] * (self.weights is not None)
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Component:
    """A chosen catalogue entry (an encoder) with its own parameters."""

    name: str
    cls: type[Any]
    params: BaseParams


@dataclass(frozen=True)
class Settings:
    """A Params object with the components it names, from one flat mapping of overrides."""

    params: BaseParams
    components: Mapping[str, Component]

    def flat(self) -> dict[str, Any]:
        """Return {key: value} of every parameter; component keys are dotted, keys sorted."""
        return {key: value for key, (_, value) in sorted(self._declared().items())}

    def keys_at(self, stage: Stage) -> tuple[str, ...]:
        """Return the keys of one stage, sorted."""
        return tuple(key for key, (declared, _) in sorted(self._declared().items()) if declared.stage == stage)

    def neutral_keys(self) -> tuple[str, ...]:
        """Return the keys whose value is their neutral one, sorted: they do not enter a run's identity."""
        return tuple(
            key
            for key, (declared, value) in sorted(self._declared().items())
            if declared.has_neutral and value == declared.neutral
        )

    def _declared(self) -> dict[str, tuple[Declaration, Any]]:
        owners = [("", self.params), *((f"{name}.", part.params) for name, part in self.components.items())]
        return {
            prefix + declared.name: (declared, getattr(model, declared.name))
            for prefix, model in owners
            for declared in declarations(type(model))
        }

    def corpora(self) -> dict[str, Corpora | None]:
        """Return {key: what they were pre-trained on} of every parameter for weights; None where that is not known."""
        return {
            key: corpora_of(value, declared.weights["pretrained_on"], key)
            for key, (declared, value) in self._declared().items()
            if declared.weights is not None
        }

    def versions(self) -> dict[str, int]:
        """Return {"encoder:tfr": version} of every component, and of each value that has a version of its own."""
        parts = {f"{slot}:{part.name}": int(part.cls.version) for slot, part in self.components.items()}
        raised = {
            f"{key}:{value}": declared.versions[value]
            for key, (declared, value) in self._declared().items()
            if declared.versions and value in declared.versions
        }
        return {**parts, **raised}


def declarations(cls: type[BaseParams]) -> list[Declaration]:
    """Return the declared parameters of a Params class, in order."""
    found = []
    for name, info in cls.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        bounds = {type(rule).__name__: rule for rule in info.metadata}
        found.append(
            Declaration(
                name=name,
                type=_type_name(info.annotation),
                default=None if info.default is PydanticUndefined else info.default,
                doc=info.description or "",
                low=getattr(bounds.get("Ge"), "ge", None),
                high=getattr(bounds.get("Le"), "le", None),
                choices=get_args(info.annotation) if get_origin(info.annotation) is Literal else (),
                log=bool(extra.get("log")),
                tune=bool(extra.get("tune")),
                stage=_stage(cls, name),
                component=str(extra["component"]) if extra.get("component") else None,
                neutral=extra.get("neutral"),
                has_neutral="neutral" in extra,
                versions=cast(Mapping[Any, int], extra.get("versions", {})),
                weights=cast(Any, extra.get("weights")),
            )
        )
    return found


def _stage(cls: type[BaseParams], name: str) -> Stage:
    """Return the stage that the nearest class declares which says one."""
    for base in cls.__mro__:
        info = base.model_fields.get(name) if issubclass(base, BaseModel) else None
        extra = info.json_schema_extra if info is not None and isinstance(info.json_schema_extra, dict) else {}
        if extra.get("stage"):
            return cast(Stage, extra["stage"])
    return "pretrain"


def resolve(
    cls: type[BaseParams],
    overrides: Mapping[str, Any],
    find_component: Callable[[str, str], type[Any]],
    owner: str,
) -> Settings:
    """Turn flat overrides ({"lr": "1e-3", "encoder": "tfr", "encoder.cell": "gru"}) into checked Settings.

    find_component(catalogue, name) returns the class of a component. `owner` names the method in errors.
    Raises UsageError naming the key, the value and what is allowed.
    """
    own = {key: value for key, value in overrides.items() if "." not in key}
    dotted = {key: value for key, value in overrides.items() if "." in key}
    params = validate(cls, own, owner)
    components = {}
    for declared in declarations(cls):
        if declared.component is None:
            continue
        name = getattr(params, declared.name)
        component_cls = find_component(declared.component, name)
        prefix = declared.name + "."
        part = {key[len(prefix) :]: dotted.pop(key) for key in list(dotted) if key.startswith(prefix)}
        checked = validate(component_cls.Params, part, f"{owner}, {declared.name} {name}", prefix)
        components[declared.name] = Component(name, component_cls, checked)
    if dotted:
        key = next(iter(dotted))
        raise UsageError(f"{owner} has no component '{key.split('.')[0]}' (in --set {key}=...)")
    return Settings(params, components)


def validate(cls: type[BaseParams], values: Mapping[str, Any], owner: str, prefix: str = "") -> BaseParams:
    """Make a Params object, turning every mistake into one line of UsageError."""
    known = list(cls.model_fields)
    for key in values:
        if key not in known:
            hint = did_you_mean(key, known)
            raise UsageError(f"{owner} has no parameter '{prefix}{key}'{hint or '; it has: ' + ', '.join(known)}")
    try:
        return cls(**{key: _none_from_text(cls, key, value) for key, value in values.items()})
    except ValidationError as error:
        first = error.errors()[0]
        key, said = str(first["loc"][0]) if first["loc"] else "?", first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{owner}: parameter '{prefix}{key}' = {first['input']!r}: {said}") from None


def _none_from_text(cls: type[BaseParams], key: str, value: Any) -> Any:
    """Read 'none' as None where the parameter allows it."""
    optional = type(None) in get_args(cls.model_fields[key].annotation)
    return None if optional and isinstance(value, str) and value.lower() == "none" else value


def _type_name(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _type_name(get_args(annotation)[0])
    if origin is Literal:
        return " | ".join(repr(choice) for choice in get_args(annotation))
    if origin in (Union, types.UnionType):
        return " | ".join(_type_name(part) for part in get_args(annotation))
    if annotation is type(None):
        return "None"
    return str(getattr(annotation, "__name__", annotation)) if origin is None else str(annotation)
