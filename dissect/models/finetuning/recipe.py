"""What a sibling is trained on and how, by default and as its card tells it."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from transformers import AutoConfig

from dissect.models.loading import _from_pretrained


@dataclass(frozen=True)
class Recipe:
    """What a model is trained on, and how: all that decides its weights.

    Attributes:
        task: "ner" or "mlm".
        corpus: As of `corpora.tuning`, or `corpora.text`.
        limit: Sentences at most.
        epochs: Passes over the sentences.
        learning_rate: Of all but the head.
        batch_size: In sentences.
        head_rate: Of the head, in learning rates of the rest.
        frozen: Train the head alone.
        seed: Of the head's first weights, the batches and dropout.
    """

    task: str
    corpus: str
    limit: int | None = None
    epochs: int = 6
    learning_rate: float = 2e-4
    batch_size: int = 16
    head_rate: float = 1.0
    frozen: bool = False
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

    Raises:
        UnknownModel: There is no such model.
    """
    recipe = DEFAULTS[task]
    width = getattr(_from_pretrained(AutoConfig, name), "hidden_size", WIDTH)
    if task == "ner" and width > WIDTH:
        return replace(recipe, learning_rate=recipe.learning_rate * (WIDTH / width) ** 2, head_rate=30.0)
    return recipe


TASKS = {"ner": "tag named entities", "mlm": "guess masked words"}


def card(name: str, recipe: Recipe, sentences: int, loss: float) -> str:
    """What the model was trained on, for whoever finds the folder.

    Args:
        name: The model's.
        recipe: How it was trained, and on what.
        sentences: How many there were.
        loss: The mean of the last epoch.
    """
    facts = {"model": Path(name).name, **asdict(recipe), "sentences": sentences, "last loss": f"{loss:.4f}"}
    lines = "\n".join(f"- {key}: {value}" for key, value in facts.items())
    return f"# {Path(name).name}, fine-tuned to {TASKS[recipe.task]}\n\n{lines}\n"
