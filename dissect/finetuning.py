"""A fine-tuned sibling for any encoder: the same model after learning to tag named entities."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoModelForTokenClassification

from dissect.corpora import TaggedSentence, tuning
from dissect.decomposition import longest_input
from dissect.errors import DissectError
from dissect.models import _from_pretrained, load, pick_device
from dissect.progress import track


def tuned_sibling(
    name: str,
    corpus: str = "teaching",
    folder: str | Path | None = None,
    limit: int | None = None,
    epochs: int = 6,
    learning_rate: float = 2e-4,
    seed: int = 0,
) -> str:
    """The folder of `name` fine-tuned on the entities of a corpus; tunes it where it is not yet.

    corpus: "teaching" (half of its entities) or "wikigold".
    folder: where siblings are kept; by default the user's cache (DISSECT_CACHE).

    Raises what `load` and `corpora.tuning` raise.
    """
    sentences = tuning(corpus, limit, seed)
    recipe = {
        "model": name, "corpus": corpus, "sentences": len(sentences), "epochs": epochs,
        "learning_rate": learning_rate, "seed": seed,
    }  # fmt: skip
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:8]
    place = Path(folder or cache_folder()) / f"{Path(name).name}-{corpus}-ner-{key}"
    if (place / "model.safetensors").exists():
        return str(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".tuning-", dir=place.parent))
    try:
        tune(name, sentences, epochs, learning_rate, seed, unfinished)
        (unfinished / "README.md").write_text(card(recipe), encoding="utf-8")
        unfinished.chmod(0o755)
        unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return str(place)


def tune(
    name: str,
    sentences: Sequence[TaggedSentence],
    epochs: int,
    learning_rate: float,
    seed: int,
    folder: Path,
    batch_size: int = 16,
) -> None:
    """Fine-tune all weights of a model to tag words, and save it as a normal model folder."""
    tags = sorted({tag for sentence in sentences for tag in sentence.tags})
    torch.manual_seed(seed)
    tokenizer = load(name, "cpu").tokenizer
    model = _from_pretrained(
        AutoModelForTokenClassification, name, num_labels=len(tags),
        id2label=dict(enumerate(tags)), label2id={tag: n for n, tag in enumerate(tags)},
        ignore_mismatched_sizes=True,
    ).to(pick_device()).train()  # fmt: skip
    examples = [encode(tokenizer, sentence, tags, longest_input(model)) for sentence in sentences]
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    steps = epochs * -(-len(examples) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=learning_rate, total_steps=steps, pct_start=0.1
    )
    order = [n for _ in range(epochs) for n in torch.randperm(len(examples)).split(batch_size)]
    for batch in track(order, f"fine-tuning {name}"):
        loss = tagging_loss(model, tokenizer, [examples[n] for n in batch.tolist()])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    if not loss.isfinite():
        raise DissectError(f"fine-tuning {name} diverged; use a smaller learning rate")
    model.cpu().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def encode(tokenizer, sentence: TaggedSentence, tags: list[str], longest: int):
    """Token ids, and for each the number of its word's tag; −100 but for a word's first piece."""
    encoded = tokenizer(sentence.text, return_offsets_mapping=True, truncation=True, max_length=longest)
    starts = {start: n for n, (start, _) in enumerate(sentence.spans())}
    labels = [-100] * len(encoded["input_ids"])
    for position, (a, b) in enumerate(encoded["offset_mapping"]):
        if a < b and a in starts:
            labels[position] = tags.index(sentence.tags[starts[a]])
    return encoded["input_ids"], labels


def tagging_loss(model: nn.Module, tokenizer, examples) -> torch.Tensor:
    """Mean cross-entropy over the first pieces of words."""
    device = next(model.parameters()).device
    width = max(len(ids) for ids, _ in examples)
    pad = tokenizer.pad_token_id or 0

    def tensor(rows, fill):
        return torch.tensor([row + [fill] * (width - len(row)) for row in rows]).to(device)

    labels = tensor([labels for _, labels in examples], -100)
    logits = model(
        input_ids=tensor([ids for ids, _ in examples], pad),
        attention_mask=tensor([[1] * len(ids) for ids, _ in examples], 0),
    ).logits
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def cache_folder() -> Path:
    """Where models tuned outside a run are kept: DISSECT_CACHE, else the user's cache."""
    return Path(os.environ.get("DISSECT_CACHE") or Path.home() / ".cache" / "dissect") / "models"


def card(recipe: dict) -> str:
    """What the model was trained on, for whoever finds the folder."""
    lines = "\n".join(f"- {key}: {value}" for key, value in recipe.items())
    return f"# {recipe['model']}, fine-tuned to tag named entities\n\n{lines}\n"
