"""What a sibling is trained on and how, by default and as its card tells it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from dissect.models.finetuning.scores import in_words
from dissect.models.loading import _from_pretrained


@dataclass(frozen=True)
class Recipe:
    """What a model is trained on, and how: all that decides its weights.

    Attributes:
        task: One of `DEFAULTS`.
        corpus: As of `corpora.tuning`, `corpora.tags`, `corpora.questions` or `corpora.text`.
        column: Of a file of tags, the column they are in, from 1; None is the last, or, of entities, the one
            that holds tags alone.
        limit: Sentences or questions at most.
        epochs: Passes over the sentences.
        learning_rate: Of all but the head.
        batch_size: In sentences, or windows of passages.
        head_rate: Of the head, in learning rates of the rest.
        frozen: Train the head alone.
        seed: Of the head's first weights, the batches and dropout; what is trained on is the same for all.
        word_column: Of a file of tags, the column that words are in; None is the first that does not number
            them.
    """

    task: str
    corpus: str
    column: int | None = None
    limit: int | None = None
    epochs: int = 6
    learning_rate: float = 2e-4
    batch_size: int = 16
    head_rate: float = 1.0
    frozen: bool = False
    seed: int = 0
    word_column: int | None = None


DEFAULTS = {
    "ner": Recipe("ner", "wikigold"),
    "tags": Recipe("tags", "semcor", epochs=1),
    "qa": Recipe("qa", "squad", epochs=2),
    "mlm": Recipe("mlm", "europarl", epochs=3, learning_rate=1e-3, batch_size=32),
}
# On the teaching questions, of which there are few: with these MiniLM learns to answer half of others.
ON_FEW: dict[str, dict[str, Any]] = {"qa": {"epochs": 6, "learning_rate": 5e-4}}


def by_default(task: str, corpus: str | None = None) -> Recipe:
    """How a model of MiniLM's width is trained where nothing else is asked for.

    Args:
        task: One of `DEFAULTS`.
        corpus: What it is trained on; by default the task's.
    """
    few = ON_FEW.get(task, {}) if corpus == "teaching" else {}
    return replace(DEFAULTS[task], corpus=corpus or DEFAULTS[task].corpus, **few)


WIDTH = 384  # of the model that the rates were found on


def usual(task: str, name: str, corpus: str | None = None) -> Recipe:
    """How a model is trained where nothing else is asked for.

    Wide models take a smaller rate: 2e-4 suits MiniLM, and MPNet-base, twice as wide, learns nothing
    at it. A quarter of it is the largest rate that BERT-base was tuned at (Devlin et al. 2019). Their
    heads learn faster than the rest: MPNet's embeddings are short, and at the rate of the rest its head
    learned little but how frequent tags are.

    Args:
        task: One of `DEFAULTS`.
        name: The model's.
        corpus: What it is trained on; by default the task's.

    Raises:
        UnknownModel: There is no such model.
    """
    recipe = by_default(task, corpus)
    width = getattr(_from_pretrained(AutoConfig, name), "hidden_size", WIDTH)
    if task != "mlm" and width > WIDTH:
        return replace(recipe, learning_rate=recipe.learning_rate * (WIDTH / width) ** 2, head_rate=30.0)
    return recipe


TASKS = {
    "ner": "tag named entities", "tags": "tag words", "qa": "answer questions", "mlm": "guess masked words",
}  # fmt: skip
TRAINED_ON = {"qa": "questions"}  # others on sentences


def card(
    name: str, recipe: Recipe, trained_on: int, loss: float, held_out: int, scores: Mapping[str, float]
) -> str:
    """What the model was trained on and how well it does, for whoever finds the folder.

    Args:
        name: The model's.
        recipe: How it was trained, and on what.
        trained_on: How many sentences or questions there were.
        loss: The mean of the last epoch.
        held_out: How many were held out.
        scores: On those.
    """
    of = TRAINED_ON.get(recipe.task, "sentences")
    recipe = replace(recipe, corpus=Path(recipe.corpus).name)  # no path of the machine it was made on
    facts = {"model": Path(name).name, **asdict(recipe), of: trained_on, "last loss": f"{loss:.4f}"}
    facts |= {f"{of} held out": held_out} if scores else {}
    facts |= {f"held out: {score}": in_words(score, value) for score, value in scores.items()}
    lines = "\n".join(f"- {key}: {value}" for key, value in facts.items())
    return f"# {Path(name).name}, fine-tuned to {TASKS[recipe.task]}\n\n{lines}\n"
