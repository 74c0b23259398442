"""What a study found: its history and which parameters mattered, as text and as a drawing."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import optuna
from optuna.trial import FrozenTrial, TrialState

from tsbench.errors import UsageError
from tsbench.text import plain
from tsbench.tune.storage import best, died, sign_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def describe(trial: FrozenTrial) -> str:
    """Return one line of a trial: number, score or what went wrong, seconds, parameters."""
    state, value = trial.state.name.lower(), trial.value
    if trial.state == TrialState.FAIL:
        interrupted = "interrupted" in trial.user_attrs and "error" not in trial.user_attrs
        state = "interrupted" if interrupted else f"failed: {trial.user_attrs.get('error') or 'its process died'}"
    elif trial.state == TrialState.PRUNED and value is None and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    outcome = f"{value:.4f}" if trial.state == TrialState.COMPLETE else f"{state} {value:.4f}" if value else state
    seconds = f" ({trial.duration.total_seconds():.1f} s)" if trial.duration and not died(trial) else ""
    return f"trial {trial.number}: {outcome}{seconds}  {settings_text(trial)}"


def settings_text(trial: FrozenTrial) -> str:
    """Return the parameters of a trial as "key=value key=value"."""
    return " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in sorted(trial.params.items()))


def importances(study: optuna.Study) -> dict[str, float]:
    """Return each parameter's share of the score's variance (fANOVA), the largest first; empty where none can be told.

    That needs at least two completed trials with different scores.
    """
    values = {trial.value for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))}
    if len(values) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.importance.get_param_importances(study, evaluator=evaluator)


def lines(study: optuna.Study) -> list[str]:
    """Return the history of a study and the importance of its parameters, a line each."""
    top, shares = best(study), importances(study)
    found = [f"{study.study_name} ({study.user_attrs.get('metric', '?')} within the training part)"]
    found += [f"  {describe(trial)}" for trial in study.get_trials(deepcopy=False)]
    found += [f"best: {describe(top)}" if top else "best: no trial has completed"]
    found += [f"  {share:.2f}  {key}" for key, share in shares.items()]
    return found if shares else [*found, "importance: needs two completed trials with different scores"]


def plot(study: optuna.Study, figure: Figure) -> None:
    """Draw the scores over the trials, the best so far, and the importances; raises UsageError without a score."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not done:
        raise UsageError(f"--plot: no trial of {study.study_name} has completed")
    numbers, values = [trial.number for trial in done], [trial.value or 0.0 for trial in done]
    shares = importances(study)
    history, importance = figure.subplots(1, 2)
    history.plot(numbers, values, "o", color="0.6", label="trial")
    best_yet = max if sign_of(study) > 0 else min
    history.step(numbers, [best_yet(values[: i + 1]) for i in range(len(values))], where="post", label="best so far")
    metric = plain(str(study.user_attrs.get("metric", "score")))
    history.set(xlabel="trial", ylabel=f"{metric} within the training part")
    history.legend()
    importance.barh([plain(key) for key in shares][::-1], list(shares.values())[::-1])
    importance.set(xlabel="share of the variance", xlim=(0, 1))
    figure.suptitle(plain(study.study_name))
