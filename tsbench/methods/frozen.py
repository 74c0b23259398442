"""Pre-trained weights within a method: read without running code, and not saved again while they are as read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tsbench.errors import UsageError
from tsbench.methods.weights import content_of, digest_of, pin, place_of

_MARK = "_tsbench_read_from"


def read_weights(value: str, parameter: str = "weights") -> dict[str, Tensor]:
    """Return the tensors of a file by name, on the CPU, given the value of a `weights` parameter.

    Safetensors, or a file of torch that holds nothing but tensors. Raises UsageError, in one line, for any other file,
    one that is gone, and one that is not what was pinned.
    """
    value = pin(value, parameter) or ""
    content, place = content_of(value, parameter), place_of(value)
    try:
        state = _from_bytes(content)
    except Exception as error:  # torch and safetensors have errors of many kinds, some of many lines
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(
            f"{parameter}: {place} cannot be loaded: it is damaged, or no file of tensors alone ({reason})"
        ) from None
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        held = ", ".join(map(str, list(state)[:3])) if isinstance(state, Mapping) else type(state).__name__
        raise UsageError(
            f"{parameter}: {place} does not map names to tensors (it holds {held}); save a state_dict alone"
        )
    return dict(state)


def load_weights(
    module: nn.Module,
    value: str,
    parameter: str = "weights",
    *,
    state: Mapping[str, Tensor] | None = None,
    freeze: bool = True,
    what: str = "",
) -> None:
    """Give a module the weights of a file, leaving out what only the file has (a head).

    value : of a `weights` parameter. state : the tensors under the names of the module, where those of the file differ;
    made of what `read_weights` returns. freeze : no weight of it trains. What is still as it was read when the method
    is saved is not saved again: the checkpoint names the file's sha256. what : the module in messages.

    Raises UsageError as `read_weights` does, and names the first weight that is missing or of another shape.
    """
    value = pin(value, parameter) or ""
    found, wanted = read_weights(value, parameter) if state is None else state, module.state_dict()
    owner = what or type(module).__name__
    for name, tensor in wanted.items():
        if name not in found:
            raise UsageError(f"{parameter}: {place_of(value)} has no '{name}', so it is not of {owner}")
        if found[name].shape != tensor.shape:
            theirs, ours = tuple(found[name].shape), tuple(tensor.shape)
            raise UsageError(
                f"{parameter}: {place_of(value)}: '{name}' is {theirs}, in {owner} {ours}, so it is not of {owner}"
            )
    module.load_state_dict({name: found[name] for name in wanted})
    if freeze:
        module.requires_grad_(False)
    setattr(module, _MARK, (digest_of(value), {name: _digest(one) for name, one in module.state_dict().items()}))


def to_save(method: nn.Module) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the state of a method without what is as it was read, and {module: sha256 of the file} of all read."""
    state = dict(method.state_dict())
    for prefix, _, digests in _marked(method):
        for name, digest in digests.items():
            if prefix + name in state and _digest(state[prefix + name]) == digest:
                del state[prefix + name]
    return state, files_of(method)


def files_of(method: nn.Module) -> dict[str, str]:
    """Return {module: sha256 of the file it was read from}."""
    return {prefix.removesuffix("."): file for prefix, file, _ in _marked(method)}


def whole(method: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a saved state with what was left out, as the method, which was just built, has read it."""
    known = method.state_dict()
    read = {prefix + name for prefix, _, digests in _marked(method) for name in digests}
    return {**{name: known[name] for name in read & known.keys() - state.keys()}, **state}


def _marked(method: nn.Module) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield prefix of names, sha256 of the file and digest of each tensor of the modules that were read from files."""
    for name, module in method.named_modules():
        if mark := getattr(module, _MARK, None):
            yield f"{name}." if name else "", *mark


def _digest(tensor: Tensor) -> str:
    content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return hashlib.sha256(content.data).hexdigest()


def _from_bytes(content: bytes) -> Any:
    """Return what a file holds, by what it is: a safetensors file begins with the length of its header in JSON."""
    if content[8:9] == b"{":
        from safetensors.torch import load

        return load(content)
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
