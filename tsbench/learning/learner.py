"""Learner: a method with its normalisation, which learns from panels, gives features of panels and decides on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tsbench.data.batch import Batch
from tsbench.data.normalise import Statistics, channel_statistics
from tsbench.data.panel import Panel, PanelShape
from tsbench.data.scratch import on_disk
from tsbench.data.static import StaticStatistics, static_statistics
from tsbench.data.stream import Streamed
from tsbench.errors import CODE_OF_OTHERS_FAILS, InvalidDataError, MethodError, TsbenchError, UsageError, returned
from tsbench.identity import generators_kept, seed_everything, untrained
from tsbench.learning import loop, saved
from tsbench.learning.given import check_panel, check_steps, check_validation, named, settings_of
from tsbench.learning.rank import RANK_CASES, effective_rank, rank_warnings
from tsbench.learning.selection import LAST, Selection, asked_of, check_select
from tsbench.methods.capabilities import check_able
from tsbench.methods.contracts import as_scores, check_features, check_numbers
from tsbench.methods.frozen import files_of, to_save, whole
from tsbench.methods.params import Settings
from tsbench.methods.ssl import Diagnosis, SSLMethod, chunk_size, in_chunks, prepared
from tsbench.tasks import task_of
from tsbench.tasks.base import Answer, served_by

Normalisation = Literal["channel", "none"]
MODALITIES = ("series", "text")  # of what is embedded
STREAMED_VALUES = 2_000_000  # of cases that are read to be encoded
UNTOUCHED: Mapping[str, Any] = {"steps": 0, "seconds": 0.0}


class Learner:
    """A method with its normalisation: `Learner("ts2vec", epochs=5).fit(panel).encode(panel)`.

    Parameters
    ----------
    method : a registered name, "random:NAME" for its untrained twin, or a class of methods.
    normalisation : "channel" z-scores each channel with the statistics of the panel that `fit` is given, "none" leaves
        values alone; a method that insists on one has its own. Static values are prepared in any case, as
        `StaticStatistics` says.
    device : where it trains and encodes, as torch names it.
    params : the method's parameters, as on the command line: `**{"encoder": "tfr", "encoder.cell": "gru"}`.

    Whoever has prepared panels takes the steps of `fit` alone, which normalise nothing: `build`, then `train` or
    `restore`. Build, training and encoding are seeded from one key each time, through the global generators of random,
    numpy and torch: same key, same bits. `report` says how the training went (steps, seconds, curve, diagnosis,
    warnings); it is None until there is something to encode with.
    """

    method: SSLMethod
    key: str
    shapes: tuple[PanelShape, ...]

    def __init__(
        self,
        method: str | type[SSLMethod],
        /,
        *,
        normalisation: Normalisation = "channel",
        device: str = "cpu",
        **params: Any,
    ) -> None:
        name, cls = named(method)
        self._set(name, cls, settings_of(name, cls, params), normalisation, device)

    @classmethod
    def of(
        cls,
        name: str,
        method: type[SSLMethod],
        settings: Settings,
        normalisation: Normalisation = "channel",
        device: str = "cpu",
    ) -> Self:
        """Make a learner of a class of methods, its name (after "random:" for the twin) and resolved parameters."""
        learner = cls.__new__(cls)
        learner._set(name, method, settings, normalisation, device)
        return learner

    def _set(
        self, name: str, cls: type[SSLMethod], settings: Settings, normalisation: Normalisation, device: str
    ) -> None:
        if normalisation not in ("channel", "none"):
            raise UsageError(f"normalisation '{normalisation}': choose channel or none")
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:  # a name it does not know, a device that is not here
            raise UsageError(f"device '{device}' cannot be used: {str(error).splitlines()[0]}") from None
        self.name, self.cls, self.settings, self.device = name, cls, settings, device
        self.normalisation: Normalisation = cls.normalisation or normalisation
        self.statistics: Statistics | None = None
        self.statics: StaticStatistics | None = None
        self.report: dict[str, Any] | None = None

    @property
    def untrained(self) -> bool:
        """Say whether the method is built and never trained."""
        return untrained(self.name)

    def fit(
        self,
        panel: Panel,
        *,
        unlabelled: Panel | Iterable[Panel] = (),
        validation: Panel | None = None,
        seed: int = 0,
        progress: loop.Progress | None = None,
    ) -> Self:
        """Learn from a panel anew, with labels where the method uses them; same seed, same bits.

        unlabelled : further cases to learn from, of the same channels and any length; the statistics are the panel's.
        validation : labelled cases by which the state that is kept is chosen, where the parameter `select` names a
            metric.
        progress : called with (step, steps in all, loss).

        Raises InvalidDataError where the panel does not do, and MethodError when the training fails.
        """
        extra = [unlabelled] if isinstance(unlabelled, Panel) else list(unlabelled)
        for one in (panel, *extra):
            check_panel(one, "fit")
        if self.cls.supervised and (panel.y is None or panel.task not in served_by(self.cls)):
            served = " or ".join(sorted(served_by(self.cls)))
            raise InvalidDataError(f"{self.name} learns from labels of {served}, and the panel has none")
        if self.cls.supervised and extra:
            raise UsageError(f"{self.name} learns from labels alone: leave out the unlabelled cases")
        if validation is not None:
            check_validation(validation, panel)
        self.statistics = None
        if self.normalisation == "channel":
            self.statistics = channel_statistics(panel, np.arange(len(panel)))
        self.statics = static_statistics(panel, np.arange(len(panel)))
        panels = [self._normalised(one) for one in (panel, *(one.without_labels() for one in extra))]
        self.build([one.shape for one in panels], f"seed {seed}")
        if not self.untrained:
            self.train(panels, progress, None if validation is None else self._normalised(validation))
        return self

    def build(self, shapes: Sequence[PanelShape], key: str) -> None:
        """Make the method for panels of these shapes, in its first state; an untrained twin needs no more."""
        self.key, self.report = key, dict(UNTOUCHED) if self.untrained else None
        unlabelled = (replace(shape, n_classes=0, task="none") for shape in shapes)
        self.shapes = tuple(shapes if self.cls.supervised else unlabelled)
        self.method = self.cls(self.settings)
        seed_everything(key, "build")
        self.method.build(list(self.shapes))
        self.method.to(self.device)
        self.method.eval()

    def train(
        self, panels: Sequence[Panel], progress: loop.Progress | None = None, validation: Panel | None = None
    ) -> None:
        """Train the method that `build` made on these panels as they are; raises MethodError when that fails.

        validation : labelled cases, as they are, that choose the state where `select` names a metric.
        """
        method, name = self.method, type(self.method).__name__
        seen = panels[0].select(np.arange(min(RANK_CASES, len(panels[0]))))
        ranks = self.untrained_twin()._rank(seen, "rank_untrained") if method.trains else {}
        read = {"labels": method.supervised, "text": "text" in method.reads}
        sources = [Batch.from_panel(panel, self.device, **read) for panel in panels]
        selection = self._selection(validation)
        fitted = loop.fit(method, sources, seed_everything(self.key, "fit"), progress, selection)
        check_steps(method, fitted.steps)
        ranks |= self._rank(seen, "rank") if method.trains else {}
        data = [prepared(method, source) for source in sources]
        diagnosis = returned(method.diagnose(data), Diagnosis, f"{name}.diagnose")
        chosen, unchosen = ({}, []) if selection is None else (selection.facts(), selection.warnings())
        self.report = {
            "steps": fitted.steps,
            "seconds": fitted.seconds,
            "curve": fitted.curve,
            "diagnosis": {**check_numbers(f"{name}.diagnose", diagnosis.values), **ranks, **chosen},
            "warnings": [*diagnosis.warnings, *rank_warnings(ranks, len(seen)), *unchosen],
        }

    def _selection(self, validation: Panel | None) -> Selection | None:
        """Return what chooses the state that is kept; None for the last."""
        params, shape = self.method.params, self.shapes[0]
        check_select(self.name, self.cls, params)
        if asked_of(params)[0] == LAST:
            return None

        def decide() -> Answer:
            assert validation is not None
            with generators_kept():
                return self.predict_prepared(validation)

        y = None if validation is None else task_of(shape.task).target(validation)
        return Selection(params, shape.task, shape.n_classes, y, self.method, decide)

    def untrained_twin(self) -> Self:
        """Return a learner whose method is as this one's was built, and shares no generator or cache with it."""
        twin = type(self).of(self.name, self.cls, self.settings, self.normalisation, self.device)
        with generators_kept():
            twin.build(self.shapes, self.key)
        return twin

    def _rank(self, panel: Panel, name: str) -> dict[str, float]:
        """Return {name: effective rank} of the features of a prepared panel, {} where it has none."""
        ranks: dict[str, float] = {}
        with generators_kept(), suppress(*CODE_OF_OTHERS_FAILS):  # what is wrong with features, who needs them says
            if len(panel) > 1:
                ranks[name] = effective_rank(self.encode_prepared(panel))
        return ranks

    def restore(self, state: Mapping[str, Tensor], report: Mapping[str, Any]) -> None:
        """Give the method that `build` made the weights of one that was trained, with the report of its training."""
        if not self.untrained:
            check_steps(self.method, report["steps"])
        self.method.load_state_dict(whole(self.method, state))
        self.report = dict(report)

    def encode(self, panel: Panel) -> npt.NDArray[np.float32]:
        """Return features, float32 (n_cases, d), of any panel of the channels it was fitted on; labels are not read.

        Raises MethodError for other channels, a wrong shape, and where a feature is NaN or infinite.
        """
        return self.encode_prepared(self._taken(panel, "encode"))

    def encode_prepared(self, panel: Panel) -> npt.NDArray[np.float32]:
        """Return the features of a panel as it is, already normalised; of a streamed one as a map of a file."""
        check_able(self.name, self.cls, "represent")
        seed_everything(self.key, "encode")
        owner = type(self.method).__name__
        parts = (check_features(owner, self.method.encode(batch), len(batch)) for batch in self._batches(panel))
        return on_disk(parts) if isinstance(panel.X, Streamed) else next(parts)

    def predict(self, panel: Panel) -> Answer:
        """Return what the method's own rule says of any panel of the channels it was fitted on; labels are not read.

        Raises UsageError where it has no such rule, and MethodError as `encode` does.
        """
        return self.predict_prepared(self._taken(panel, "predict"))

    def predict_prepared(self, panel: Panel) -> Answer:
        """Return what the method's own rule says of a panel as it is, already normalised."""
        check_able(self.name, self.cls, "decide")
        seed_everything(self.key, "predict")
        owner, shape = type(self.method).__name__, self.shapes[0]
        parts = [as_scores(owner, in_chunks(self.method, batch, "decide")) for batch in self._batches(panel)]
        scores = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return task_of(shape.task).of_net(owner, scores, len(panel), shape.n_classes)

    def embed(self, panel: Panel, modality: str) -> npt.NDArray[np.float32]:
        """Return vectors, float32 (n_cases, d), of the "series" or the "text" of the cases of any panel.

        Raises UsageError where the method cannot, or the panel has no texts, and MethodError as `encode` does.
        """
        return self.embed_prepared(self._taken(panel, "embed"), modality)

    def embed_prepared(self, panel: Panel, modality: str) -> npt.NDArray[np.float32]:
        """Return the vectors (n_cases, d) of one modality of the cases of a panel as it is, already normalised."""
        check_able(self.name, self.cls, "embed")
        if modality not in MODALITIES:
            raise UsageError(f"modality '{modality}': choose {' or '.join(MODALITIES)}")
        if modality == "text" and panel.text is None:
            raise UsageError(f"{self.name} embeds texts, and the panel has none: give it `text`")
        seed_everything(self.key, "embed")
        owner = f"{type(self.method).__name__}, {modality}"
        embed = partial(in_chunks, self.method, step="embed", modality=modality)
        return np.concatenate([check_features(owner, embed(batch), len(batch)) for batch in self._batches(panel)])

    def match_prepared(
        self, panel: Panel, series: npt.NDArray[np.int64], texts: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Return how well the series of some cases and the texts of others go together (k,), larger is better.

        panel : as it is, already normalised, and in memory. series, texts : indices of cases (k,).
        """
        seed_everything(self.key, "match")
        batch = Batch.from_panel(panel.loaded().without_labels(), self.device, text=True)
        pairs = [torch.from_numpy(index).to(self.device) for index in (series, texts)]
        self.method.eval()
        with torch.no_grad():
            found = self.method.match(prepared(self.method, batch), *pairs)
        return check_features(f"{type(self.method).__name__}.match", found[:, None], len(series))[:, 0]

    def reconstruct(self, panel: Panel) -> npt.NDArray[np.float32]:
        """Return the values of any panel of the channels it was fitted on with missing ones filled in, in its unit.

        Float32 (n_cases, n_channels, n_timepoints); observed values are as they are, NaN stands beyond a case's end.
        Raises UsageError where the method cannot, and MethodError as `encode` does.
        """
        panel = panel.loaded()
        X = np.concatenate(list(self.reconstruct_prepared(self._taken(panel, "reconstruct"))))
        X = X if self.statistics is None else self.statistics.restored(X)
        inside = np.arange(panel.n_timepoints) < panel.lengths[:, None]
        return np.where(np.isnan(panel.X), np.where(inside[:, None], X, np.float32(np.nan)), panel.X)

    def reconstruct_prepared(self, panel: Panel) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the values of a panel as it is, already normalised, with missing ones filled in, block by block.

        Observed values are as they were, 0 stands beyond a case's end.
        """
        check_able(self.name, self.cls, "reconstruct")
        seed_everything(self.key, "reconstruct")
        for batch in self._batches(panel):
            yield in_chunks(self.method, batch, "reconstruct").float().cpu().numpy()

    def _batches(self, panel: Panel) -> Iterator[Batch]:
        """Yield the cases of a panel without labels: all at once, or some chunks of a streamed one at a time."""
        cases = Batch.from_panel(panel.without_labels(), self.device, text="text" in self.cls.reads)
        size, n_values = len(panel), panel.n_channels * panel.n_timepoints
        if isinstance(panel.X, Streamed):
            chunk = chunk_size(self.method, n_values)
            size = chunk * max(1, STREAMED_VALUES // (chunk * n_values))
        for first in range(0, len(panel), size):
            yield cases if size == len(panel) else cases.select(slice(first, first + size))

    def check_channels(self, n_channels: int, what: str) -> None:
        """Raise MethodError where series of so many channels cannot be encoded; `what` names them in the message."""
        known = sorted({shape.n_channels for shape in self.shapes})
        if n_channels in known or (self.cls.any_channels and self.statistics is None):
            return
        able = "; it could with normalisation 'none'" if self.cls.any_channels else ""
        raise MethodError(
            f"{self.name} is pre-trained on series of {' or '.join(map(str, known))} channels and cannot "
            f"encode {what}, which has {n_channels}{able}"
        )

    def save(self, folder: Path | str) -> None:
        """Write weights.safetensors and learner.json into a folder, which is made; raises TsbenchError.

        What is still as it was read from a file of weights is not written: `load` reads that file again.
        """
        report, statistics = self._checked_report("is saved"), self.statistics
        state, files = to_save(self.method)
        header = saved.Header(
            method=self.name,
            version=self.cls.version,
            versions=self.settings.versions(),
            params=self.settings.flat(),
            normalisation=self.normalisation,
            statistics=None if statistics is None else (statistics.mean.tolist(), statistics.std.tolist()),
            statics=None if self.statics is None else self.statics.columns,
            shapes=self.shapes,
            key=self.key,
            report=saved.Report(**report),
            read=files,
        )
        saved.write(Path(folder), header, state)

    @classmethod
    def load(cls, folder: Path | str, device: str = "cpu", method: type[SSLMethod] | None = None) -> Self:
        """Return what `save` wrote, on a device; method : its class, where no plugin registers it.

        Nothing that is read is executed. Raises UsageError when something is missing, is not what was written, or was
        written with another version of the method or its encoder.
        """
        header, state = saved.read(Path(folder))
        try:
            name, found = named(header.method) if method is None else (header.method, method)
            learner = cls.of(name, found, settings_of(name, found, header.params), header.normalisation, device)
            for what, then, now in (
                (name, header.version, found.version),
                *((part, header.versions.get(part), now) for part, now in learner.settings.versions().items()),
            ):
                if then != now:
                    raise UsageError(f"it was made with version {then} of {what}, which is now {now}; fit it anew")
            if header.statistics is not None:
                learner.statistics = Statistics(*map(np.asarray, header.statistics))
            learner.statics = None if header.statics is None else StaticStatistics(header.statics)
            learner.build(header.shapes, header.key)
            if header.read and header.read != files_of(learner.method):
                raise UsageError("its method now reads other files of weights; fit it anew")
            learner.restore(state, header.report.model_dump())
        except CODE_OF_OTHERS_FAILS as error:  # torch's on weights of other shapes, say
            reason = str(error) if isinstance(error, TsbenchError) else f"{type(error).__name__}: {error}"
            raise UsageError(f"{folder} cannot be loaded: {' '.join(reason.split())}") from error
        return learner

    def _taken(self, panel: Panel, step: str) -> Panel:
        """Return a panel normalised; raises UsageError and MethodError where a step cannot take it."""
        check_panel(panel, step)
        self._checked_report(f"{step}s")
        self.check_channels(panel.n_channels, "this panel")
        return self._normalised(panel)

    def _normalised(self, panel: Panel) -> Panel:
        panel = panel if self.statistics is None else self.statistics.apply(panel)
        return panel if self.statics is None else self.statics.apply(panel)

    def _checked_report(self, does: str) -> dict[str, Any]:
        if self.report is None:
            raise UsageError(f"{self.name} {does} when it has been fitted: call fit(panel) first")
        return self.report
