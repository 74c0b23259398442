"""Bench: the door from Python. The command line is a skin over it: what it prints is what is returned here."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from tsbench.data.memory import limit_reading
from tsbench.discovery.plugins import Plugins, plugins_with
from tsbench.discovery.plugins import plugins as installed
from tsbench.errors import UsageError
from tsbench.execute.where import Where, check_count, check_hours
from tsbench.identity import permuted
from tsbench.output import check_folder
from tsbench.plan.asked import (
    Names,
    Numbers,
    read_choice,
    read_folders,
    read_folds,
    read_keys,
    read_names,
    read_overrides,
    read_request,
    read_seeds,
    trained_on,
    with_tasks,
)
from tsbench.plan.plan import make_plan
from tsbench.plan.problems import notes
from tsbench.registry import Registry, load_registry
from tsbench.store.store import DEFAULT_STORE, Store
from tsbench.tune import require
from tsbench.variables import variable, variables

if TYPE_CHECKING:
    import pandas as pd

    from tsbench.compare.published import Comparison
    from tsbench.execute.ran import Ran
    from tsbench.leaderboard.table import Board
    from tsbench.papers.reproduced import Reproduced
    from tsbench.reading.attribution import Explanation, Over
    from tsbench.reading.reading import Reading
    from tsbench.reading.retrieve import Retrieved
    from tsbench.store.wanted import Wanted
    from tsbench.tasks.score import Predictions

# Seeds, threads and the name of the owner of claims are those of the process: drivers in it take turns.
_TURN = threading.RLock()


class Bench:
    """A store of results, and how runs are done: `Bench("results.db").run("trls", "uea", seeds=3)`.

    Arguments and messages are those of the command line: names are a text with commas or a sequence. Nothing of it
    stays in the process: the environment is as before after each call, plugin files are known to this object alone.

    store : a file or a database's URL; None: TSBENCH_STORE, else tsbench.db. device, workers, threads, executor,
    address : as of 'tsbench run'. data_dir : folders with datasets, beside those of TSBENCH_DATA. plugins : single
    Python files with plugins. registry : your own registry.yaml. offline : never touch the network. artifacts : where
    checkpoints are kept. progress : show on standard error what happens. Raises UsageError.
    """

    def __init__(
        self,
        store: str | Path | None = None,
        *,
        device: str = "auto",
        workers: int = 1,
        threads: int = 1,
        executor: str = "local",
        address: str = "",
        data_dir: Names = (),
        plugins: Names | Plugins = (),
        registry: str | Path | None = None,
        offline: bool = False,
        artifacts: str | Path | None = None,
        progress: bool = True,
    ) -> None:
        check_count("--threads", threads)
        self.url, self.artifacts = str(store or variable("TSBENCH_STORE") or DEFAULT_STORE), artifacts
        self.where, self.threads, self.progress = Where(str(device), workers, executor, address), threads, progress
        self.where.check()
        if not isinstance(plugins, Plugins):
            files = read_names(plugins, "--plugin")
            plugins = plugins_with(map(Path, files)) if files else installed()
        self.plugins = plugins
        self._variables = {"TSBENCH_OFFLINE": "1"} if offline else {}
        if folders := read_folders(data_dir):
            known = variable("TSBENCH_DATA")
            self._variables["TSBENCH_DATA"] = os.pathsep.join([*folders, *([known] if known else [])])
        self._registry, self._closed = registry, False

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Refuse further calls. Every call opens the store and closes it, so that nothing else is held."""
        self._closed = True

    @cached_property
    def registry(self) -> Registry:
        """What is benchmarked on what: registry.yaml with the user's own merged over it."""
        return load_registry(None if self._registry is None else Path(self._registry))

    def run(
        self,
        methods: Names = (),
        datasets: Names = (),
        protocol: Names | None = None,
        seeds: Numbers | None = None,
        *,
        suite: str | None = None,
        task: str | None = None,
        skip_bad: bool = False,
        folds: Numbers = (),
        params: Mapping[str, Any] | None = None,
        train_on: str | Path | None = None,
        pretrain_on: Names = (),
        exclude_target: bool = False,
        tuned: str | bool = False,
        floors: bool = False,
        available: bool = False,
        retry: bool = False,
        force: bool = False,
        budget: float = float("inf"),
        time_limit: float | None = None,
        memory_limit: str | int | None = None,
        **set: Any,
    ) -> Ran:
        """Run methods on datasets and store every result; what the store has already is not done again.

        protocol : one or several; None: the dataset's. seeds : how many, or which (a text as --seeds takes it, or a
        sequence); None: one, or the suite's. suite : in place of methods, datasets and protocol. task : what the labels
        of files are, such as "regression"; None: what they say. skip_bad : leave out recordings of a folder
        that cannot be used. train_on : a dataset of the same channels and classes that is trained on, so that all cases
        of `datasets` are tested on; results are of "DATASET from TRAIN_ON".
        set : parameters, such as lr=0.01 or **{"encoder.cell": "gru"}; params : the
        same, also of names that are arguments here. tuned : True, or the metric by which the
        study chose. budget : hours. All others are the options of 'tsbench run'.

        A run that fails raises nothing: see `failures` and `exit_code` of what is returned (130 after Ctrl-C).
        """
        from tsbench.execute.ran import run_plan

        asked = read_request(self.registry, methods, datasets, protocol, seeds, suite, floors)
        source = [] if train_on is None else [str(train_on)]
        named = with_tasks([*asked.datasets, *source], task, self.plugins, self.registry, skip_bad)
        request = replace(
            asked,
            datasets=trained_on(named[: len(asked.datasets)], named[-1] if source else None),
            overrides=read_overrides(params or {}, set),
            threads=self.threads,
            pretrain_on=read_choice(pretrain_on, "--pretrain-on"),
            exclude_target=exclude_target,
            folds=read_folds(folds),
        )
        seconds = check_hours("--budget", budget)
        with self._working(time_limit, memory_limit) as where:
            plan, told = make_plan(request, self.plugins, self.registry), list[str]()
            with self._open() as store:
                if tuned:
                    metric = None if tuned is True else str(tuned)
                    require("optuna")
                    from tsbench.tune.tuned import tuned_plan

                    plan, found = tuned_plan(plan, store, self.plugins, metric, request.overrides)
                    told = [f"warning: {note}" for note in found]
                told += notes(plan, hint=not available)
                how = (self.progress, self._rows, available, retry, force, seconds)
                return run_plan(plan, store, self.plugins, where, told, *how)

    def results(
        self,
        methods: Names = (),
        datasets: Names = (),
        protocol: Names = (),
        status: Names = (),
        since: str | None = None,
    ) -> pd.DataFrame:
        """Return a row per run: key, method, dataset, protocol, fold, seed, status, metrics, costs, parameters.

        Arguments choose rows as the options of 'tsbench results' do. Raises UsageError for a name that no row has.
        """
        from tsbench.leaderboard.results import results_frame

        with self._open(must_exist=True) as store:
            wanted = self._wanted(store, methods, datasets, protocol, status, since)
            return results_frame([row for batch in store.batches(wanted) for row in batch])

    def frames(
        self,
        methods: Names = (),
        datasets: Names = (),
        protocol: Names = (),
        status: Names = (),
        since: str | None = None,
    ) -> Iterator[pd.DataFrame]:
        """Return the same a piece at a time: what is held does not grow with the store."""
        from tsbench.leaderboard.results import frames

        with contextlib.ExitStack() as stack:  # here: what is wrong is told before the first piece
            store = stack.enter_context(self._open(must_exist=True))
            wanted, opened = self._wanted(store, methods, datasets, protocol, status, since), stack.pop_all()

        def pieces() -> Iterator[pd.DataFrame]:
            with opened:
                yield from frames(store, wanted)

        return pieces()

    def prediction_frames(
        self,
        methods: Names = (),
        datasets: Names = (),
        protocol: Names = (),
        status: Names = (),
        since: str | None = None,
    ) -> Iterator[pd.DataFrame]:
        """Return what runs predicted, a table per run and a row per test case: whose it is, truth, prediction, scores.

        Arguments choose runs as those of `results` do; runs of several tasks are refused. Columns are those of
        'tsbench results --predictions'.
        """
        from tsbench.reading.about import People
        from tsbench.reading.predictions import prediction_frames

        with variables(self._variables), self._open(must_exist=True) as store:
            wanted = self._wanted(store, methods, datasets, protocol, status, since)
            yield from prediction_frames(store, wanted, People(self.plugins))

    def _wanted(self, store: Store, *asked: Any) -> Wanted:
        from tsbench.leaderboard.wanted import read_wanted

        return read_wanted(store, self.plugins, self.registry, time.time(), *asked)

    def leaderboard(
        self,
        names: Names,
        protocol: str | None = None,
        metric: str | None = None,
        *,
        task: str | None = None,
        skip_bad: bool = False,
        methods: Names = (),
        shared: bool = False,
        clean: bool = False,
        costs: bool | str = False,
        intervals: bool = False,
    ) -> Board:
        """Return the board of collections, datasets, paths or suites: `cells`, `summary`, and `evidence` of each cell.

        protocol : None: that of what is named first. metric : None: the primary one of the datasets' task. task,
        skip_bad : as of `run`. methods : only these rows. shared : rank every method, on the datasets that all of them
        have. clean : leave out what is exposed, and what is unknown. costs : True for `costs`, seconds and memory of
        each cell; "sum" or "mean" for those of each method in `summary` too. intervals : of each cell over other test
        cases, for accuracy and areas. Raises UsageError where the store has no result for it.
        """
        from tsbench.leaderboard.query import query

        asked = read_names(names, "leaderboard")
        if not asked:
            raise UsageError("name a collection, a dataset or a path; see 'tsbench leaderboard --help'")
        with variables(self._variables):
            stored = partial(self._open, must_exist=True)
            how = (shared, self.plugins, self.registry, stored, clean, costs, skip_bad)
            return query(asked, protocol, metric, task, methods, *how, intervals=intervals)

    def compare(
        self,
        names: Names,
        method: str,
        published: str,
        protocol: str | None = None,
        metric: str | None = None,
        *,
        task: str | None = None,
        clean: bool = False,
    ) -> Comparison:
        """Return a method's row of a board beside published results: `frame` per dataset, `paired`, `notes()`.

        published : a name of 'tsbench list published', such as "rankscl/ts2vec". All others are as of `leaderboard`.
        Raises UsageError where the two share no dataset, and for several methods.
        """
        from tsbench.compare.published import compare
        from tsbench.papers.named import results

        board = self.leaderboard(names, protocol, metric, task=task, methods=[method], clean=clean)
        rows = [str(name) for name in board.cells.index]
        if len(rows) != 1:
            raise UsageError(
                f"--method {method}: this compares one row, and that names {len(rows)}: {', '.join(sorted(rows))}; "
                "compare each by itself"
            )
        return compare(board, rows[0], results(published, board.metric, self.registry))

    def reproduce(
        self,
        table: str,
        datasets: Names = (),
        seeds: Numbers = 1,
        *,
        protocol: str | None = None,
        out: str | Path | None = None,
        params: Mapping[str, Any] | None = None,
        retry: bool = False,
        time_limit: float | None = None,
        memory_limit: str | int | None = None,
        **set: Any,
    ) -> pd.DataFrame:
        """Run what is missing of a paper's table ("trls/table1") and return ours beside the published numbers.

        datasets : other data than the paper's. protocol : another one than the table's, which a row with one of its own
        keeps. out : also write the table (and its map) into this folder. All others are as of `run`; what came of the
        runs is in `reproduction`.
        """
        given = read_overrides(params or {}, set)
        return self.reproduction(table, datasets, seeds, out, given, retry, time_limit, memory_limit, protocol).frame

    def reproduction(
        self,
        table: str,
        datasets: Names = (),
        seeds: Numbers = 1,
        out: str | Path | None = None,
        params: Mapping[str, Any] | None = None,
        retry: bool = False,
        time_limit: float | None = None,
        memory_limit: str | int | None = None,
        protocol: str | None = None,
    ) -> Reproduced:
        """Return what `reproduce` does with what came of the runs, the table as Markdown, and the files written."""
        from tsbench.execute.ran import run_plan
        from tsbench.papers.reproduce import plan_paper
        from tsbench.papers.reproduced import reproduced

        if out is not None:
            check_folder(Path(out))
        asked, wanted, overrides = read_names(datasets, "--dataset"), read_seeds(seeds), read_overrides(params or {})
        with self._working(time_limit, memory_limit) as where:
            planned = plan_paper(table, asked, wanted, overrides, self.plugins, self.registry, self.threads, protocol)
            with self._open() as store:
                how = (notes(planned.plan), self.progress, self._rows)
                ran = run_plan(planned.plan, store, self.plugins, where, *how, retry=retry)
                found = reproduced(table, planned, ran, store, self.registry, protocol)
                if out is not None:
                    found.write(Path(out), lambda: where.make_worker(self.plugins, store))
        return found

    def predictions(self, key: str) -> pd.DataFrame:
        """Return what a run predicted, a row per test case: case, fold, truth, prediction, and a score:CLASS per class.

        Of imputation there is a row per hidden value, with `channel` and `step` after the fold, in prepared units.
        A dataset whose cases have names (recordings, windows) has them as `name`.

        key : its start is enough. Raises UsageError for a run that predicted nothing, since it failed.
        """
        from tsbench.leaderboard.results import predictions_frame

        run, found = self._find(key)
        if found is None:
            raise UsageError(f"run {run['key'][:12]} predicted nothing: it is {run['status']}")
        return predictions_frame(found, run["fold"])

    def read(
        self,
        keys: Names,
        positive: str | None = None,
        by: Names = (),
        against: Names = (),
        *,
        all_folds: bool = False,
        resamples: int = 1000,
    ) -> Reading:
        """Return what a run predicted as clinical papers report it: `numbers` with intervals, `groups`, `benefit`, ...

        keys : starts are enough; several are folds of one configuration. positive : a class against the rest; None: of
        two the one of the dataset's card, else the last. by : columns such as "static:sex", "meta:unit" or
        "age=18,65,80" in a sequence. against : keys of another configuration on the same test cases. all_folds : also
        the other folds of each. resamples : of the bootstrap of subjects. Raises UsageError.
        """
        from tsbench.reading.about import People
        from tsbench.reading.reading import read
        from tsbench.reading.stored import open_pooled

        asked, others = read_keys(keys), read_names(against, "--against")
        columns = [str(by)] if isinstance(by, str | Path) else [*map(str, by)]  # edges have commas
        with variables(self._variables), self._open(must_exist=True) as store:
            people = People(self.plugins)
            found = open_pooled(store, asked, people, all_folds)
            other = open_pooled(store, others, people, all_folds) if others else None
            return read(found, positive, columns, other, resamples)

    def predict(self, key: str, dataset: str | Path, skip_bad: bool = False) -> pd.DataFrame:
        """Return what a trained run says of new data, a row per recording: name, prediction, score:CLASS, weights.

        dataset : a name or path; it needs no labels. Where some cases have one there is a column truth (of several
        labels, which may be none, labelled beside it), and `attrs` of the table has metrics over them. Channels are
        matched by name. The data that the run was trained on must be here. skip_bad : leave out, with a warning,
        recordings that cannot be used. weights : "checkpoint", or "trained anew" and the like, of which a warning is
        given before. Raises UsageError, MissingDataError and InvalidDataError.
        """
        from tsbench.reading.predict import predict

        with self._working(None, None) as where, self._open(must_exist=True) as store:
            worker = where.make_worker(self.plugins, store)
            (named,) = with_tasks([str(dataset)], None, self.plugins, self.registry, skip_bad)
            return predict(store.find(key), named, worker, self.plugins, self.registry)

    def explain(
        self, key: str, case: str, target: str | None = None, steps: int = 64, over: Over = "values"
    ) -> Explanation:
        """Return on which values a run's score of a test case hangs, with what judges it, by integrated gradients.

        case : its name, or number. target : a class; None: that of the largest score. steps : of the integral. over :
        "values" of the series, or "pixels" of the pictures that the method's net sees. Weights come from the run's
        checkpoint; where there is none, the method is trained anew. Raises UsageError.
        """
        from tsbench.plan.again import spec_of
        from tsbench.reading.attribution import explain, require

        require()
        run = self.show(key)
        name = f"run {run['key'][:12]} ({run['label']} on {run['dataset']})"
        if run["status"] != "succeeded":
            raise UsageError(f"{name} has nothing to explain: it is {run['status']}")
        if permuted(str(run["method"])):
            raise UsageError(f"{name} is a control on shuffled series: take a run of the method itself")
        with self._working(None, None) as where, self._open(must_exist=True) as store:
            worker = where.make_worker(self.plugins, store)
            opened = worker.opened(spec_of(run, self.plugins, self.registry))
            return explain(opened.explainable(), case, target, steps, over)

    @overload
    def retrieve(self, key: str, query: str, k: int = 5) -> Retrieved: ...
    @overload
    def retrieve(self, key: str, query: list[str], k: int = 5) -> list[Retrieved]: ...
    def retrieve(self, key: str, query: str | list[str], k: int = 5) -> Retrieved | list[Retrieved]:
        """Return the cases of a run's dataset that are nearest to a text or a recording: `frame`, a row per case.

        query : the file or folder of one recording, whose channels are matched by name, else a text; of a list of
        queries there is a list of answers, and what can be found is embedded once for all. The data that the run was
        trained on must be here. Raises UsageError, MissingDataError and InvalidDataError.
        """
        from tsbench.reading.retrieve import Retriever

        with self._working(None, None) as where, self._open(must_exist=True) as store:
            worker = where.make_worker(self.plugins, store)
            retriever = Retriever(store.find(key), worker, self.plugins, self.registry)
            if isinstance(query, str):
                return retriever.ask(query, k)
            return [retriever.ask(one, k) for one in query]

    def realism(self, keys: Names) -> pd.DataFrame:
        """Return, of runs that fill in missing values, how well a small classifier tells their windows from true ones.

        A row per run: key, method, dataset, protocol, fold, seed, cases, hidden, accuracy (0.5 is chance), low, high.
        Weights come from the runs' checkpoints; where there is none, the method is trained anew. Raises UsageError.
        """
        from tsbench.plan.again import spec_of
        from tsbench.reading.realism import realism

        runs = [self.show(key) for key in read_keys(keys)]
        with self._working(None, None) as where, self._open(must_exist=True) as store:
            worker = where.make_worker(self.plugins, store)
            return realism(runs, lambda run: worker.opened(spec_of(run, self.plugins, self.registry)).windows())

    def show(self, key: str) -> dict[str, Any]:
        """Return everything stored about a run, with its task, its counts and classes; the key's start is enough.

        confusion : as `Task.confusion` has it, for several labels a table of 2 by 2 for each; None for numbers.
        """
        from tsbench.tasks import measured_by

        run, found = self._find(key)
        del run["current"]  # one of the attempts
        if found is None:
            return {**run, "task": "", "confusion": None, "classes": []}
        counts = measured_by(found.task).confusion(found.y_true, found.y_pred, len(found.classes))
        matrix = None if counts is None else counts.tolist()
        return {**run, "task": found.task, "confusion": matrix, "classes": list(found.classes)}

    def _find(self, key: str) -> tuple[dict[str, Any], Predictions | None]:
        with self._open(must_exist=True) as store:
            run = store.find(key)
            return run, store.predictions(run["key"])

    def _rows(self, keys: Sequence[str]) -> pd.DataFrame:
        """Return the rows of runs, for what `run` has returned: also after the end of this Bench."""
        from tsbench.leaderboard.results import results_frame

        with contextlib.closing(Store(self.url, must_exist=True)) as store:
            return results_frame(store.rows(keys))

    def _open(self, must_exist: bool = False) -> contextlib.closing[Store]:
        if self._closed:
            raise UsageError("this Bench is closed; make another")
        artifacts = None if self.artifacts is None else str(self.artifacts)
        return contextlib.closing(Store(self.url, must_exist, artifacts))

    @contextlib.contextmanager
    def _working(self, time_limit: float | None, memory_limit: str | int | None) -> Iterator[Where]:
        """Have runs done here, one driver of this process at a time; planning reads no more than a run may."""
        where = replace(self.where, time_limit=time_limit, memory_limit=memory_limit)
        with _TURN, variables(self._variables):
            limit_reading(where.check().memory)
            try:
                yield where
            finally:
                limit_reading(None)
