"""Training by a recipe: the `transformers` Trainer, on one device, in parts of batches that fit in memory."""

from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from transformers import PreTrainedModel, PrinterCallback, TrainerCallback, TrainingArguments

from dissect.errors import DissectError, TooLarge
from dissect.memory import ran_out
from dissect.models.finetuning.data import IGNORED, Made
from dissect.models.finetuning.hidden_words import Masking
from dissect.models.finetuning.recipe import Recipe
from dissect.models.finetuning.resuming import Checkpoints, Keeping, Resumable, key_of
from dissect.models.heads import after_embedding
from dissect.models.loading import pick_device
from dissect.progress import note, track


def train_in_parts(
    make: Callable[[], Made], recipe: Recipe, label: str, scratch: str, kept: Path
) -> tuple[Made, float, float]:
    """A model trained from the start or a checkpoint, in parts of batches that fit in memory.

    The gradient is that of the whole batch, but dropout draws other units.

    Raises what `train` raises.

    Args:
        make: Makes the model, what it is trained on, and what collates that.
        recipe: How it is trained.
        label: What the progress is called.
        scratch: A folder.
        kept: A folder for checkpoints, which is there after an interruption.

    Returns:
        The model, trained, with what it was trained on; its mean loss in the last epoch; and the seconds
        that the training took before an interruption.

    Raises:
        TooLarge: One sentence or window at a time does not fit.
    """
    checkpoints: Checkpoints | None = None
    at_once = recipe.batch_size
    unit = "window" if recipe.task == "qa" else "sentence"
    while True:
        made = make()
        model = made.model
        model.base_model.requires_grad_(not recipe.frozen)
        if checkpoints is None:
            checkpoints = Checkpoints(kept, key_of(model, made.examples, recipe))
            at_once = checkpoints.at_once or at_once
        try:
            loss = train(model, made.examples, made.collator, recipe, label, scratch, at_once, checkpoints)
            return made, loss, checkpoints.seconds
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
        del made, model  # before another is made
        checkpoints.remove()
        if at_once == 1:
            raise TooLarge(f"{label} does not fit in memory, one {unit} at a time: use a smaller model")
        then = next(n for n in range(at_once // 2, 0, -1) if recipe.batch_size % n == 0)
        note(f"out of memory with {at_once} {unit}s at once: {label} begins again with {then}")
        at_once = then


def train(
    model: PreTrainedModel,
    examples: Sequence[dict],
    collator: Any,
    recipe: Recipe,
    label: str,
    scratch: str,
    at_once: int | None = None,
    checkpoints: Checkpoints | None = None,
) -> float:
    """Train the model in place, or go on with it; returns the mean loss of the last epoch.

    Args:
        model: With its head.
        examples: Token ids and labels; for answers the places of the first and the last token.
        collator: Makes a batch of some.
        recipe: How it is trained.
        label: What the progress is called.
        scratch: A folder.
        at_once: So many examples of a batch, of which it has to be a divisor; all by default.
        checkpoints: Where it keeps how far it is, and goes on from where it was interrupted.

    Raises:
        DissectError: The loss is not finite.
    """
    model.config.pad_token_id = collator.tokenizer.pad_token_id
    at_once = at_once or recipe.batch_size
    parts = recipe.batch_size // at_once
    arguments = OnOneDevice(
        output_dir=scratch,
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=parts,
        warmup_steps=0.1,
        lr_scheduler_type="cosine",
        seed=recipe.seed,
        use_cpu=pick_device().type == "cpu",
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        label_names=["labels"],
    )
    kind = MaskedOnly if recipe.task == "mlm" else Resumable
    loss_of = of_answers if recipe.task == "qa" else of_whole if parts > 1 else None
    trainer = kind(
        model, arguments, train_dataset=list(examples), data_collator=collator, callbacks=[Shown(label)],
        optimizers=(optimizer_of(model, recipe), None), compute_loss_func=loss_of,
    )  # fmt: skip
    trainer.pop_callback(PrinterCallback)
    if checkpoints:
        trainer.add_callback(Keeping(trainer, checkpoints, at_once))
    latest = checkpoints.latest if checkpoints else None
    if latest:
        note(f"{label} goes on after step {latest.name}, where it was interrupted")
        if isinstance(collator, Masking):
            collator.batches = batches_before(int(latest.name), len(examples), at_once, parts)
    trainer.train(resume_from_checkpoint=str(latest) if latest else None)
    loss = [row["loss"] for row in trainer.state.log_history if "loss" in row][-1]
    if not torch.tensor(loss).isfinite() or loss == 0:
        if checkpoints:
            checkpoints.remove()
        raise DissectError(f"{label} diverged; use a smaller learning rate")
    return loss


def batches_before(step: int, examples: int, at_once: int, parts: int) -> int:
    """How many parts of batches come before a step.

    Args:
        step: Of the training, from 0.
        examples: How many there are.
        at_once: So many are in a part.
        parts: So many are in a batch, but for the last of an epoch.
    """
    an_epoch = ceil(examples / at_once)
    epochs, steps = divmod(step, ceil(an_epoch / parts))
    return epochs * an_epoch + steps * parts


def of_whole(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor) -> torch.Tensor:
    """A part's share of the mean loss of its batch.

    Args:
        outputs: The model's, with logits.
        labels: -100 where none is asked for.
        num_items_in_batch: How many labels the batch has.
    """
    return mean_loss(outputs.logits.flatten(0, 1), labels.flatten(), num_items_in_batch)


def of_answers(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor) -> torch.Tensor:
    """A part's share of the mean loss of its batch, over first and last places alike.

    Args:
        outputs: The model's, with logits of first and last tokens.
        labels: The place of the first and that of the last, (batch, 2).
        num_items_in_batch: How many places the batch has.
    """
    logits = torch.stack([outputs.start_logits, outputs.end_logits], dim=1)
    return mean_loss(logits.flatten(0, 1), labels.flatten(), num_items_in_batch)


def mean_loss(logits: torch.Tensor, labels: torch.Tensor, many: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in nats, summed and divided by so many.

    Args:
        logits: (labels, classes).
        labels: (labels,).
        many: What the sum is divided by.
    """
    return F.cross_entropy(logits, labels, reduction="sum", ignore_index=IGNORED) / many


def optimizer_of(model: PreTrainedModel, recipe: Recipe) -> torch.optim.Optimizer | None:
    """AdamW with a rate of its own for the head; None, the Trainer's, where it is that of the rest."""
    if recipe.head_rate == 1:
        return None
    body = list(model.base_model.parameters())
    of_body = set(map(id, body))
    head = [parameter for parameter in model.parameters() if id(parameter) not in of_body]
    groups: list[dict[str, Any]] = [
        {"params": body},
        {"params": head, "lr": recipe.learning_rate * recipe.head_rate},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=0.0)


class OnOneDevice(TrainingArguments):
    """On several GPUs a batch would be that many times the recipe's, and the model not its own class."""

    @property
    def n_gpu(self) -> int:
        """How many GPUs the `Trainer` spreads a model over; 0 on the processor."""
        return min(super().n_gpu, 1)


class MaskedOnly(Resumable):
    """Asks the head at masked positions only.

    Its answers elsewhere, six times as many, have no part in the loss, and over a whole vocabulary they
    are most of the work.
    """

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """A part's share of the mean loss of its batch.

        Args:
            model: With its head.
            inputs: Token ids, a mask and labels.
            return_outputs: Whether the outputs are wanted beside it.
            num_items_in_batch: How many labels the batch has.
        """
        labels = inputs.pop("labels")
        masked = labels != IGNORED
        hidden = model.base_model(**inputs).last_hidden_state
        logits = after_embedding(model, hidden[masked])
        many = masked.sum().clamp_min(1) if num_items_in_batch is None else num_items_in_batch
        loss = mean_loss(logits, labels[masked], many)
        return (loss, logits) if return_outputs else loss


class Shown(TrainerCallback):
    """Shows progress as all other work here does."""

    def __init__(self, label: str):
        self.label = label

    def on_train_begin(self, args, state, control, **kwargs):
        """Begin to show how far the training is.

        Args:
            args: The trainer's settings.
            state: Where the trainer is.
            control: What it is to do.
            **kwargs: What else it knows.
        """
        done = state.global_step
        self.steps = iter(track(range(done, state.max_steps), self.label, before=done))
        next(self.steps)

    def on_step_end(self, args, state, control, **kwargs):
        """Show that a batch is done.

        Args:
            args: The trainer's settings.
            state: Where the trainer is.
            control: What it is to do.
            **kwargs: What else it knows.
        """
        next(self.steps, None)
