"""Hyper-parameters by Bayesian optimisation with Optuna, as the paper chose them: for each task and subset.

A search sees the development items of one split only, that of the first seed, and judges a trial as probes
choose their weights: by the best score on them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import optuna
import pandas as pd
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from torch import Tensor

from dissect import reuse
from dissect.decomposition import subsets
from dissect.experiments.probes import Judged, Split, Training, Watch, learned_from, vectors_of
from dissect.experiments.probes.precision import pick_precision
from dissect.features import Features
from dissect.hashing import made_by, of_object
from dissect.models import pick_device
from dissect.pool import mapped
from dissect.progress import track

# The search space: name, smallest, largest, whether on a logarithmic scale.
SPACE = (
    ("learning_rate", 1e-4, 2e-2, True),
    ("dropout", 0.0, 0.7, False),
    ("weight_decay", 1e-4, 1.0, True),
)
COLUMNS = ["trial", "state", "score", "loss", *(name for name, *_ in SPACE)]
Trainings = Training | Mapping[str, Training]  # one for all subsets of the terms, or by subset


class Items(Protocol):
    """What an experiment's probes are trained on, such as `word_senses.SenseTerms`."""

    def choose(self, trials: int, seed: int) -> tuple[dict[str, Training], pd.DataFrame]:
        """Hyper-parameters for the probes of each subset; see `search_each`.

        Args:
            trials: How many for each subset.
            seed: Of the split, where one is drawn.
        """


def choose(items: Items, trials: int, seed: int = 0) -> tuple[dict[str, Training], pd.DataFrame]:
    """Hyper-parameters for an experiment's probes, and a table of the trials; see `search_each`.

    Args:
        items: What the probes are trained on.
        trials: How many for each subset; with 0 the recorded hyper-parameters are taken for all.
        seed: Of the split, where one is drawn.
    """
    return items.choose(trials, seed)


def trainings_for(subsets: Sequence[str], training: Trainings) -> dict[str, Training]:
    """How the probes of subsets are trained, by subset.

    Args:
        subsets: Of the terms, or what is read in their place.
        training: Of all, or by subset.
    """
    return {subset: training if isinstance(training, Training) else training[subset] for subset in subsets}


def search_each(
    probe: Callable[..., object],
    name: str,
    features: Features,
    labels: Tensor,
    split: Split,
    default: Training,
    trials: int,
    **data: Tensor,
) -> tuple[dict[str, Training], pd.DataFrame]:
    """`search` for a probe on each subset of the terms; trials are kept beside the features.

    The empty subset has nothing to be searched for, and keeps the default.

    Args:
        probe: Vectors (items, hidden), `training` and `watch` -> whatever; as `probes.two_layer`.
        name: Of its architecture.
        features: The terms of the items.
        labels: (items,).
        split: Which items are trained on, and which are not.
        default: The first trial.
        trials: How many for each subset.
        **data: What the probe learns from beside the labels.

    Returns:
        The training by subset, and a table of trials, with the columns terms, trial, state, score, loss and
        the parameters.
    """
    told = learned_from(labels, split, **data) if trials else ""
    of_each = [
        OfSubset(probe, name, features, subset, split.train, default, trials, told)
        for subset in subsets()[1:]
    ]
    found = mapped(searched, of_each, "searches for hyper-parameters")
    chosen = {one.subset: training for one, (training, _) in zip(of_each, found, strict=True)}
    return {"": default} | chosen, pd.concat([table for _, table in found], ignore_index=True)


@dataclass(frozen=True)
class OfSubset:
    """The search for one subset of the terms, whose trials follow one another.

    What is tried next depends on those before. So only searches are worked on side by side, and no trials:
    else what is found would hang on which of them ended first.

    Attributes:
        probe: As of `search_each`.
        name: Of its architecture.
        train: Places of the items that are trained on.
        told: A hash of what the probe learns from beside the terms.
    """

    probe: Callable[..., object]
    name: str
    features: Features
    subset: str
    train: Tensor
    default: Training
    trials: int
    told: str


def searched(one: OfSubset) -> tuple[Training, pd.DataFrame]:
    """The training that was found for a subset, and its trials with a column "terms" in front."""
    x = vectors_of(one.features, one.subset, one.train) if one.trials else None

    def trial(training: Training, watch: Watch) -> object:
        return one.probe(x, training=training, watch=watch)

    training, table = search(
        trial, one.default, one.trials, one.features.folder, kind=one.name, terms=one.subset, data=one.told
    )
    table.insert(0, "terms", one.subset)
    return training, table


def search(
    probe: Callable[[Training, Watch], object],
    default: Training,
    trials: int,
    folder: Path | None = None,
    seed: int = 0,
    **about: Any,
) -> tuple[Training, pd.DataFrame]:
    """The training with the best score on the development items among so many trials.

    Args:
        probe: Trains one, telling its Watch of every epoch; a trial whose best score so far is below the
            median of the others' at the same epoch is broken off.
        default: The first trial.
        trials: How many, the first among them.
        folder: Keeps the finished trials, so that an interrupted search goes on.
        seed: Of what is tried.
        **about: What else the trials depend on.

    Returns:
        The training, of those with equal scores that with the lowest loss, and a table of trials, with the
        columns trial, state, score, loss and the parameters. With trials 0 these are `default` and an empty
        table.
    """
    if trials == 0:
        return default, pd.DataFrame(columns=COLUMNS)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    about |= {
        "default": asdict(default), "space": SPACE, "seed": seed, "device": pick_device().type,
        "precision": pick_precision(),
    }  # fmt: skip
    study = optuna.create_study(
        storage=storage(folder, about | made_by("experiments.hyperparameters")), direction="maximize",
        study_name="probes", load_if_exists=True, pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )  # fmt: skip

    def objective(trial: optuna.Trial) -> float:
        kept = Judged(float("-inf"), float("inf"))

        def watch(epoch: int, now: Judged, best: Judged) -> None:
            nonlocal kept
            kept = best
            trial.report(best.score, epoch)
            if trial.should_prune():
                trial.set_user_attr("loss", best.loss)
                raise optuna.TrialPruned

        probe(proposed(trial, default), watch)
        trial.set_user_attr("loss", kept.loss)
        return kept.score

    there = finished(study)
    for trial in there:
        reuse.record("trials", _seconds(trial), reused=True, epochs=len(trial.intermediate_values))
    for n in track(range(len(there), trials), "trials of hyper-parameters"):
        # a sampler a trial: what it proposes depends on the trials before, not on interruptions
        study.sampler = optuna.samplers.TPESampler(seed=seed + n, n_startup_trials=5)
        if n == 0:
            study.enqueue_trial({name: getattr(default, name) for name, *_ in SPACE}, skip_if_exists=True)
        with reuse.timed("trials") as timer:
            study.optimize(objective, n_trials=1)
            timer.sizes["epochs"] = len(finished(study)[-1].intermediate_values)
    tried = table(study)
    return replace(default, **best_of(tried)), tried


def best_of(trials: pd.DataFrame) -> dict[str, Any]:
    """The parameters of the trial with the best score; of equal ones that with the lowest loss.

    Args:
        trials: State, score, loss and the parameters; those that were broken off do not count.
    """
    complete = trials[trials["state"] == "complete"].sort_values("loss", kind="stable")
    best = complete.loc[complete["score"].idxmax()]
    return {name: float(best[name]) for name, *_ in SPACE}


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
    """A row a trial, in the order they were made; a pruned one has the best that it had come to."""
    rows = [
        (n, trial.state.name.lower(), trial.value, trial.user_attrs["loss"],
         *(trial.params[name] for name, *_ in SPACE))
        for n, trial in enumerate(finished(study))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def storage(folder: Path | None, about: dict) -> BaseStorage:
    """A journal in `folder`, named by a hash of what the trials depend on; without one, memory."""
    if folder is None:
        return InMemoryStorage()
    key = of_object(about)
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / f"trials-{key[:16]}.log"
    drop_half_a_line(journal)
    lock = JournalFileOpenLock(str(journal))  # the usual one is a link, which Windows lets few make
    return JournalStorage(JournalFileBackend(str(journal), lock))


def drop_half_a_line(journal: Path) -> None:
    """Cut what an interruption or a full disk left of the last line; Optuna reads whole ones only."""
    if journal.exists() and not (written := journal.read_bytes()).endswith(b"\n"):
        with journal.open("r+b") as file:
            file.truncate(written.rfind(b"\n") + 1)
