"""Checkpoints of a training, from which an interrupted one goes on as if it had not been interrupted.

A checkpoint is a folder that appears whole or not at all; of those of a training the latest is kept.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from transformers import PreTrainedModel, Trainer, TrainerCallback

from dissect.errors import DissectError
from dissect.files import writing
from dissect.hashing import made_by, of_object
from dissect.models.finetuning import state as kept_state
from dissect.models.finetuning.recipe import Recipe
from dissect.models.loading import fingerprint, pick_device
from dissect.progress import note

PAUSE = 60.0  # seconds of training between two checkpoints
AFTER_AN_EPOCH = 10.0  # the same at the end of an epoch
SHARE = 20  # for each second that a checkpoint takes, so many without one: large models take long


def key_of(model: PreTrainedModel, examples: Sequence[dict], recipe: Recipe) -> str:
    """Of all that decides what a training gives: a checkpoint with another key is of another training.

    Args:
        model: As it begins, with its head.
        examples: What it learns from.
        recipe: How it is trained.
    """
    data = hashlib.sha256()
    for example in examples:
        data.update(repr([(name, list(value)) for name, value in sorted(example.items())]).encode())
    about = {"model": fingerprint(model), "data": data.hexdigest(), "recipe": asdict(recipe)}
    return of_object(about | {"device": pick_device().type, **made_by("models.finetuning")})


class Checkpoints:
    """Where a training keeps how far it is.

    Attributes:
        latest: The checkpoint to go on from; None where there is none of this training.
        at_once: So many examples of a batch at a time that one takes.
        seconds: That the training took before it was interrupted.

    Args:
        folder: For them alone.
        key: As `key_of` makes it.
    """

    def __init__(self, folder: Path, key: str):
        self.folder, self.key = folder, key
        self.begun, self.told = time.monotonic(), False
        self.latest = self._latest()
        about = kept_state.about(self.latest) if self.latest else {}
        self.at_once: int | None = about.get("at_once")
        self.seconds: float = about.get("seconds", 0.0)

    def _latest(self) -> Path | None:
        """The one with most steps that is whole and of this training."""
        places = sorted(self.folder.glob("[0-9]*"), key=lambda place: (len(place.name), place.name))
        of_this = (place for place in reversed(places) if kept_state.about(place).get("key") == self.key)
        return next(filter(kept_state.whole, of_this), None)

    def save(self, trainer: Trainer, at_once: int) -> None:
        """Keep where a training is, in the place of what was kept before; what hinders it is told once.

        Args:
            trainer: Between two steps.
            at_once: So many examples of a batch at a time it takes.
        """
        place = self.folder / f"{trainer.state.global_step}"
        arriving = self.folder / f".{place.name}.{os.getpid()}"
        seconds = round(self.seconds + time.monotonic() - self.begun, 1)
        try:
            with writing(place):
                arriving.mkdir(parents=True)
                kept_state.write(trainer, arriving, {"key": self.key, "at_once": at_once, "seconds": seconds})
                arriving.rename(place)
        except DissectError as error:
            if not self.told:
                note(f"the training goes on, and no checkpoint is kept: {error}")
            self.told = True
            shutil.rmtree(arriving, ignore_errors=True)
            return
        for other in self.folder.iterdir():
            if other != place:
                shutil.rmtree(other, ignore_errors=True)

    def remove(self) -> None:
        """Keep none of them."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.latest, self.at_once, self.seconds = None, None, 0.0


class Resumable(Trainer):
    """Goes on from one of our checkpoints, where its own would be pickled."""

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
        kept_state.read_weights(self, Path(resume_from_checkpoint))

    def _load_optimizer_and_scheduler(self, checkpoint):
        if checkpoint is not None:
            kept_state.read_optimizer(self, Path(checkpoint))

    def _load_rng_state(self, checkpoint):
        if checkpoint is not None:
            kept_state.read_random(self, Path(checkpoint))


class Keeping(TrainerCallback):
    """Keeps a checkpoint now and then, and takes over the loss of the one that is gone on from.

    At the last step of an epoch none is kept, but a moment later, when the epoch's loss is told.

    Args:
        trainer: That is called back.
        checkpoints: Of its training.
        at_once: So many examples of a batch at a time it takes.
    """

    def __init__(self, trainer: Trainer, checkpoints: Checkpoints, at_once: int):
        self.trainer, self.checkpoints, self.at_once = trainer, checkpoints, at_once
        self.last, self.least = time.monotonic(), 0.0

    def on_train_begin(self, args, state, control, **kwargs):
        """Go on with the loss of the epoch so far.

        Args:
            args: The trainer's settings.
            state: Where the trainer is.
            control: What it is to do.
            **kwargs: What else it knows.
        """
        if self.checkpoints.latest:
            kept_state.read_loss(self.trainer, self.checkpoints.latest)

    def on_step_end(self, args, state, control, **kwargs):
        """Keep a checkpoint where the last is long ago.

        Args:
            args: The trainer's settings.
            state: Where the trainer is.
            control: What it is to do.
            **kwargs: What else it knows.
        """
        if state.global_step % (state.max_steps // int(args.num_train_epochs)):
            self._save(PAUSE)

    def on_log(self, args, state, control, logs=None, **kwargs):
        """Keep a checkpoint at the end of an epoch, but for the last.

        Args:
            args: The trainer's settings.
            state: Where the trainer is.
            control: What it is to do.
            logs: What is told.
            **kwargs: What else it knows.
        """
        if "loss" in (logs or {}) and state.global_step < state.max_steps:
            self._save(AFTER_AN_EPOCH)

    def _save(self, pause: float) -> None:
        begun = time.monotonic()
        if begun - self.last >= max(pause, self.least):
            self.checkpoints.save(self.trainer, self.at_once)
            self.last = time.monotonic()
            self.least = SHARE * (self.last - begun)
