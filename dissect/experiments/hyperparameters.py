"""Hyper-parameters by Bayesian optimisation with Optuna, as the paper chose them.

The search sees the development items of the first seed's split only, and the whole set of terms;
what it finds is used for every subset, so that no subset is favoured by its luck in the search.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import optuna
import pandas as pd
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from torch import Tensor

from dissect import reuse
from dissect.experiments.probes import Split, Training, Watch, learned_from, vectors_of
from dissect.features import Features
from dissect.hashing import made_by, of_object
from dissect.models import pick_device
from dissect.progress import track

# The search space: name, smallest, largest, whether on a logarithmic scale.
SPACE = (
    ("learning_rate", 1e-4, 2e-2, True),
    ("dropout", 0.0, 0.7, False),
    ("weight_decay", 1e-4, 1.0, True),
)
COLUMNS = ["trial", "state", "loss", *(name for name, *_ in SPACE)]


class Items(Protocol):
    """What an experiment's probes are trained on, such as `word_senses.SenseTerms`."""

    def choose(self, trials: int) -> tuple[Training, pd.DataFrame]:
        """Hyper-parameters for the probes of these items; see `search`."""


def choose(items: Items, trials: int) -> tuple[Training, pd.DataFrame]:
    """Hyper-parameters for an experiment's probes, and a table of the trials; see `search`."""
    return items.choose(trials)


def search_on(
    probe: Callable[..., object],
    name: str,
    features: Features,
    subset: str,
    labels: Tensor,
    split: Split,
    default: Training,
    trials: int,
    **data: Tensor,
) -> tuple[Training, pd.DataFrame]:
    """`search` for a probe on the vectors of a subset; trials are kept beside the features.

    Args:
        probe: Vectors (items, hidden), `training` and `watch` -> whatever; as those of `probes.trained`.
        name: Of its architecture.
        features: The terms of the items.
        subset: Of the terms, such as "i+h".
        labels: (items,).
        split: Which items are trained on, and which are not.
        default: The first trial.
        trials: How many.
        **data: What the probe learns from beside the labels.

    Returns:
        As of `search`.
    """

    def trial(training: Training, watch: Watch) -> object:
        return probe(vectors_of(features, subset, split.train), training=training, watch=watch)

    told = learned_from(labels, split, **data)
    return search(trial, default, trials, features.folder, kind=name, terms=subset, data=told)


def search(
    probe: Callable[[Training, Watch], object],
    default: Training,
    trials: int,
    folder: Path | None = None,
    seed: int = 0,
    **about: Any,
) -> tuple[Training, pd.DataFrame]:
    """The training with the lowest loss on the development items among so many trials.

    Args:
        probe: Trains one, telling its Watch of every epoch; a trial that does worse than the median of
            the others at the same epoch is broken off.
        default: The first trial.
        trials: How many, the first among them.
        folder: Keeps the finished trials, so that an interrupted search goes on.
        seed: Of what is tried.
        **about: What else the trials depend on.

    Returns:
        The training and a table of trials, with the columns trial, state, loss and the parameters. With
        trials 0 these are `default` and an empty table.
    """
    if trials == 0:
        return default, pd.DataFrame(columns=COLUMNS)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    about |= {"default": asdict(default), "space": SPACE, "seed": seed, "device": pick_device().type}
    study = optuna.create_study(
        storage=storage(folder, about | made_by("experiments.hyperparameters")),
        study_name="probes", load_if_exists=True, pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )  # fmt: skip

    def objective(trial: optuna.Trial) -> float:
        losses: list[float] = []

        def watch(epoch: int, loss: float) -> None:
            losses.append(loss)
            trial.report(loss, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        probe(proposed(trial, default), watch)
        return min(losses)

    there = finished(study)
    for trial in there:
        reuse.record("trials", _seconds(trial), reused=True)
    for n in track(range(len(there), trials), "trials of hyper-parameters"):
        # a sampler a trial: what it proposes depends on the trials before, not on interruptions
        study.sampler = optuna.samplers.TPESampler(seed=seed + n, n_startup_trials=5)
        if n == 0:
            study.enqueue_trial({name: getattr(default, name) for name, *_ in SPACE}, skip_if_exists=True)
        study.optimize(objective, n_trials=1)
        reuse.record("trials", _seconds(finished(study)[-1]), reused=False)
    return replace(default, **study.best_params), table(study)


def proposed(trial: optuna.Trial, default: Training) -> Training:
    """A point of the search space."""
    point: dict[str, Any] = {
        name: trial.suggest_float(name, low, high, log=log) for name, low, high, log in SPACE
    }
    return replace(default, **point)


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that count; one that was killed does not."""
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return study.get_trials(deepcopy=False, states=states)


def _seconds(trial: optuna.trial.FrozenTrial) -> float:
    return trial.duration.total_seconds() if trial.duration else 0.0


def table(study: optuna.Study) -> pd.DataFrame:
    """A row a trial, in the order they were made; a pruned one has the loss it was pruned at."""
    rows = [
        (n, trial.state.name.lower(), trial.value, *(trial.params[name] for name, *_ in SPACE))
        for n, trial in enumerate(finished(study))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def storage(folder: Path | None, about: dict) -> BaseStorage:
    """A journal in `folder`, named by a hash of what the trials depend on; without one, memory."""
    if folder is None:
        return InMemoryStorage()
    key = of_object(about)
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / f"trials-{key[:16]}.log"
    drop_half_a_line(journal)
    return JournalStorage(JournalFileBackend(str(journal)))


def drop_half_a_line(journal: Path) -> None:
    """Cut what an interruption or a full disk left of the last line; Optuna reads whole ones only."""
    if journal.exists() and not (written := journal.read_bytes()).endswith(b"\n"):
        with journal.open("r+b") as file:
            file.truncate(written.rfind(b"\n") + 1)
