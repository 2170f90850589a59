"""What a sibling is trained on and how, by default and as its card tells it."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from transformers import AutoConfig

from dissect.models.loading import _from_pretrained


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


TASKS = {"ner": "tag named entities", "mlm": "guess masked words"}


def card(name: str, recipe: Recipe, sentences: int, loss: float) -> str:
    """What the model was trained on, for whoever finds the folder."""
    facts = {"model": Path(name).name, **asdict(recipe), "sentences": sentences, "last loss": f"{loss:.4f}"}
    lines = "\n".join(f"- {key}: {value}" for key, value in facts.items())
    return f"# {Path(name).name}, fine-tuned to {TASKS[recipe.task]}\n\n{lines}\n"
