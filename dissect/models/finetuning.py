"""A fine-tuned sibling for any encoder: trained to tag named entities, or to guess masked words.

The `transformers` Trainer does the work; what it leaves is a normal model folder, safetensors, with
a card of what the model was trained on.
"""

import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    DataCollatorForLanguageModeling,
    DataCollatorForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from dissect import reuse
from dissect.corpora import TaggedSentence, rest_of_text, tuning
from dissect.corpora.files import cache
from dissect.decomposition import longest_input
from dissect.errors import DissectError, TooLarge
from dissect.files import write_text, writing
from dissect.hashing import made_by, of_object
from dissect.memory import ran_out
from dissect.models.heads import AFTERWARDS, MARK, after_embedding, tagging
from dissect.models.loading import _from_pretrained, fingerprint, load, pick_device, tokenizer_sha256
from dissect.progress import note, track

MADE = "made.json"  # in a model's folder: how long making it took
IGNORED = -100  # the label of a position that has no part in the loss


@dataclass(frozen=True)
class Recipe:
    """What a model is trained on, and how: all that decides its weights."""

    task: str  # "ner" or "mlm"
    corpus: str
    limit: int | None = None  # sentences at most
    epochs: int = 6
    learning_rate: float = 2e-4
    batch_size: int = 16
    head_rate: float = 1.0  # of the head, in learning rates of the rest
    frozen: bool = False  # train the head alone
    seed: int = 0


DEFAULTS = {
    "ner": Recipe("ner", "wikigold"),
    "mlm": Recipe("mlm", "europarl", epochs=3, learning_rate=1e-3, batch_size=32),
}


WIDTH = 384  # of the model that the rate for entities was found on


def usual(task: str, name: str) -> Recipe:
    """How a model is trained where nothing else is asked for.

    Wide models take a smaller rate: 2e-4 suits MiniLM, and MPNet-base, twice as wide, learns nothing
    at it. A quarter of it is the largest rate that BERT-base was tuned at (Devlin et al. 2019). Their
    heads learn faster than the rest: MPNet's embeddings are short, and at the rate of the rest its head
    learned little but how frequent tags are.

    Raises `UnknownModel` when there is no such model.
    """
    recipe = DEFAULTS[task]
    width = getattr(_from_pretrained(AutoConfig, name), "hidden_size", WIDTH)
    if task == "ner" and width > WIDTH:
        return replace(recipe, learning_rate=recipe.learning_rate * (WIDTH / width) ** 2, head_rate=30.0)
    return recipe


def tuned_sibling(
    name: str,
    corpus: str = "teaching",
    folder: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    **changes: Any,
) -> str:
    """The folder of `name` fine-tuned on the entities of a corpus; tunes it where it is not yet.

    corpus: "teaching" (half of its entities), "wikigold", or a file with a word and a tag a line.
    folder: where siblings are kept; by default the user's cache (DISSECT_CACHE).
    changes: of `Recipe`, such as epochs or learning_rate.

    Raises what `tune` raises.
    """
    recipe = replace(usual("ner", name), corpus=corpus, limit=limit, seed=seed, **changes)
    loaded = load(name, "cpu")
    about = {
        "model": [name, fingerprint(loaded.model), tokenizer_sha256(loaded.tokenizer)],
        "recipe": asdict(recipe), "data": repr(tuning(corpus, limit, seed)),
        "device": pick_device().type, **made_by("models.finetuning"),
    }  # fmt: skip
    key = of_object(about)[:8]
    place = Path(folder or cache() / "models") / f"{Path(name).name}-{Path(corpus).stem}-ner-{key}"
    if place.exists():
        try:
            load(str(place), "cpu")
            reuse.record("fine-tuned models", _seconds_of(place), reused=True)
        except DissectError:
            note(f"{place.name} is damaged and is made again")
            shutil.rmtree(place)
    if not place.exists():
        tune(name, recipe, place)
        reuse.record("fine-tuned models", _seconds_of(place), reused=False)
    return str(place)


def _seconds_of(place: Path) -> float:
    """That making a sibling took. Raises `DissectError` when its folder does not tell."""
    try:
        return float(json.loads((place / MADE).read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DissectError(f"{place} does not tell how long it was trained: delete it") from None


def tune(name: str, recipe: Recipe, out: Path) -> Path:
    """Fine-tune a model by a recipe and save it in the folder `out`, which appears when it is done.

    Raises `DissectError` when `out` is there already or training diverges, and what `load` and the
    corpora raise.
    """
    if out.exists():
        raise DissectError(f"{out} is there already: give another folder, or delete it")
    tokenizer = load(name, "cpu").tokenizer
    begun = time.monotonic()
    make = partial({"ner": tagger, "mlm": guesser}[recipe.task], name, recipe, tokenizer)
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with writing(out), tempfile.TemporaryDirectory(prefix=".tuning-", dir=out.parent) as scratch:
        trained = Path(scratch) / "model"
        model, examples, loss = train_in_parts(make, recipe, f"fine-tuning {Path(name).name}", scratch)
        if recipe.task == "ner" and loss > 0.9 * guessing(examples):
            note(
                f"{Path(name).name} has learned little but how frequent tags are: more epochs, another rate?"
            )
        model.cpu().save_pretrained(trained)
        tokenizer.save_pretrained(trained)
        (trained / "README.md").write_text(card(name, recipe, len(examples), loss), encoding="utf-8")
        write_text(trained / MADE, json.dumps({"seconds": round(time.monotonic() - begun, 1)}))
        shutil.move(trained, out)
    return out


Made = tuple[PreTrainedModel, list[dict], Any]  # a model, what it learns from, and what pads that


def train_in_parts(
    make: Callable[[], Made], recipe: Recipe, label: str, scratch: str
) -> tuple[PreTrainedModel, list[dict], float]:
    """A model trained from the start, in parts of batches that fit in memory; what from, and its `train`.

    The gradient is that of the whole batch, but dropout draws other units.

    Raises `TooLarge` when one sentence at a time does not fit, and what `train` raises.
    """
    at_once = recipe.batch_size
    while True:
        model, examples, collator = make()
        model.base_model.requires_grad_(not recipe.frozen)
        try:
            return model, examples, train(model, examples, collator, recipe, label, scratch, at_once)
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
        del model  # before another is made
        if at_once == 1:
            raise TooLarge(f"{label} does not fit in memory, one sentence at a time: use a smaller model")
        then = next(n for n in range(at_once // 2, 0, -1) if recipe.batch_size % n == 0)
        note(f"out of memory with {at_once} sentences at once: {label} begins again with {then}")
        at_once = then


def tagger(name: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Made:
    """The model with a new head for tags, the sentences with their tags, and what pads them."""
    sentences = tuning(recipe.corpus, recipe.limit, recipe.seed)
    tags = sorted({tag for sentence in sentences for tag in sentence.tags})
    model = _from_pretrained(
        tagging(load(name, "cpu").model), name, recipe.seed, num_labels=len(tags),
        id2label=dict(enumerate(tags)), label2id={tag: n for n, tag in enumerate(tags)},
    )  # fmt: skip
    examples = encode_all(tokenizer, sentences, tags, longest_input(model))
    return model, examples, DataCollatorForTokenClassification(tokenizer, label_pad_token_id=IGNORED)


def guesser(name: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Made:
    """The model with its head for masked words or a new one, sentences, and what masks them anew in
    each epoch."""
    try:
        model = _from_pretrained(AutoModelForMaskedLM, name, recipe.seed)
    except ValueError:
        raise DissectError(f"{name!r} is of a family that has no head for masked words") from None
    setattr(model.config, MARK, AFTERWARDS)
    sentences = rest_of_text(recipe.corpus, recipe.limit, recipe.seed)
    encoded = [
        tokenizer(sentence, truncation=True, max_length=longest_input(model)) for sentence in sentences
    ]
    if cut := sum(bool(one.encodings[0].overflowing) for one in encoded):
        note(f"the ends of {cut} of {len(encoded)} sentences are cut off: they are too long for the model")
    examples = [{"input_ids": one["input_ids"]} for one in encoded]
    return model, examples, DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)


def encode_all(
    tokenizer: PreTrainedTokenizerBase, sentences: Sequence[TaggedSentence], tags: list[str], longest: int
) -> list[dict[str, list[int]]]:
    """What `encode` makes of the sentences; says how many words have no label there, and why.

    Raises `DissectError` when most have none.
    """
    encoded = [encode(tokenizer, sentence, tags, longest) for sentence in sentences]
    lost = Counter(why for _, reasons in encoded for why in reasons)
    words = sum(len(sentence.words) for sentence in sentences)
    if lost:
        said = f"of {words} words {', '.join(f'{many} {why}' for why, many in lost.items())}"
        if lost.total() > words / 2:
            raise DissectError(
                f"most words would have no label: {said}; give shorter sentences, or a model for their script"
            )
        note(f"words without a label: {said}")
    return [row for row, _ in encoded]


def encode(
    tokenizer: PreTrainedTokenizerBase, sentence: TaggedSentence, tags: list[str], longest: int
) -> tuple[dict[str, list[int]], list[str]]:
    """Token ids and labels, and for each word without a label the reason why.

    A word's label, the number of its tag, is at its first piece: the first that overlaps with it in
    characters and is not that of a word before it.
    """
    encoded = tokenizer(sentence.text, return_offsets_mapping=True, truncation=True, max_length=longest)
    labels, lost = [IGNORED] * len(encoded["input_ids"]), []
    cut = [piece for part in encoded.encodings[0].overflowing for piece in part.offsets]
    for span, tag in zip(sentence.spans(), sentence.tags, strict=True):
        pieces = overlapping(encoded["offset_mapping"], span)
        free = [n for n in pieces if labels[n] == IGNORED]
        if free:
            labels[free[0]] = tags.index(tag)
        elif pieces:
            lost.append("share a piece with the word before them")
        else:
            lost.append("are cut off" if overlapping(cut, span) else "have no piece")
    return {"input_ids": encoded["input_ids"], "labels": labels}, lost


def overlapping(pieces: Sequence[tuple[int, int]], span: tuple[int, int]) -> list[int]:
    """The places of the pieces that share a character with the span."""
    return [n for n, (a, b) in enumerate(pieces) if max(a, span[0]) < min(b, span[1])]


def train(
    model: PreTrainedModel,
    examples: Sequence[dict],
    collator: Any,
    recipe: Recipe,
    label: str,
    scratch: str,
    at_once: int | None = None,
) -> float:
    """Train the model in place; returns the mean loss of the last epoch.

    at_once: so many sentences of a batch, of which it has to be a divisor; all by default.

    Raises `DissectError` when the loss is not finite.
    """
    model.config.pad_token_id = collator.tokenizer.pad_token_id
    parts = recipe.batch_size // (at_once or recipe.batch_size)
    arguments = OnOneDevice(
        output_dir=scratch,
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        per_device_train_batch_size=recipe.batch_size // parts,
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
    )
    kind = MaskedOnly if recipe.task == "mlm" else Trainer
    trainer = kind(
        model, arguments, train_dataset=list(examples), data_collator=collator, callbacks=[Shown(label)],
        optimizers=(optimizer_of(model, recipe), None), compute_loss_func=of_whole if parts > 1 else None,
    )  # fmt: skip
    trainer.pop_callback(PrinterCallback)
    trainer.train()
    loss = [row["loss"] for row in trainer.state.log_history if "loss" in row][-1]
    if not torch.tensor(loss).isfinite() or loss == 0:
        raise DissectError(f"{label} diverged; use a smaller learning rate")
    return loss


def of_whole(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor) -> torch.Tensor:
    """A part's share of the mean loss of its batch, which has so many labels."""
    return mean_loss(outputs.logits.flatten(0, 1), labels.flatten(), num_items_in_batch)


def mean_loss(logits: torch.Tensor, labels: torch.Tensor, many: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in nats, (labels, classes) and (labels,), summed and divided by so many."""
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


def guessing(examples: Sequence[dict]) -> float:
    """The mean loss, in nats, of who knows nothing but how frequent each label is."""
    labels = torch.tensor([label for example in examples for label in example["labels"] if label != IGNORED])
    return torch.special.entr(labels.bincount() / len(labels)).sum().item()


class OnOneDevice(TrainingArguments):
    """On several GPUs a batch would be that many times the recipe's, and the model not its own class."""

    @property
    def n_gpu(self) -> int:
        """How many GPUs the `Trainer` spreads a model over; 0 on the processor."""
        return min(super().n_gpu, 1)


class MaskedOnly(Trainer):
    """Asks the head at masked positions only; its answers elsewhere, six times as many, have no part in
    the loss, and over a whole vocabulary they are most of the work."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
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
        self.steps = iter(track(range(state.max_steps), self.label))
        next(self.steps)

    def on_step_end(self, args, state, control, **kwargs):
        next(self.steps, None)


TASKS = {"ner": "tag named entities", "mlm": "guess masked words"}


def card(name: str, recipe: Recipe, sentences: int, loss: float) -> str:
    """What the model was trained on, for whoever finds the folder."""
    facts = {"model": Path(name).name, **asdict(recipe), "sentences": sentences, "last loss": f"{loss:.4f}"}
    lines = "\n".join(f"- {key}: {value}" for key, value in facts.items())
    return f"# {Path(name).name}, fine-tuned to {TASKS[recipe.task]}\n\n{lines}\n"
