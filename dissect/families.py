"""Where each model family keeps the parts that write to the residual stream.

One row a family and no code: a new family is a new row. Paths start at `model.base_model`;
those of a layer start at the layer. A path that ends in "?" may be absent.
"""

from dataclasses import dataclass, replace

from torch import nn
from transformers import PreTrainedModel

from dissect.errors import UnsupportedModel


@dataclass(frozen=True)
class Family:
    """Module paths of a post-norm encoder."""

    embedding: tuple[str, ...]  # in order; the input of the first is the raw sum of embeddings
    layers: str
    value: str
    attention_out: str
    attention_norm: str
    feedforward_in: str
    feedforward_out: str
    feedforward_norm: str


BERT = Family(
    embedding=("embeddings.LayerNorm",),
    layers="encoder.layer",
    value="attention.self.value",
    attention_out="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    feedforward_in="intermediate.dense",
    feedforward_out="output.dense",
    feedforward_norm="output.LayerNorm",
)

FAMILIES = {
    "bert": BERT,
    "roberta": BERT,
    "xlm-roberta": BERT,
    "camembert": BERT,
    "electra": replace(BERT, embedding=("embeddings.LayerNorm", "embeddings_project?")),
    "distilbert": Family(
        embedding=("embeddings.LayerNorm",),
        layers="transformer.layer",
        value="attention.v_lin",
        attention_out="attention.out_lin",
        attention_norm="sa_layer_norm",
        feedforward_in="ffn.lin1",
        feedforward_out="ffn.lin2",
        feedforward_norm="output_layer_norm",
    ),
    "mpnet": replace(
        BERT,
        value="attention.attn.v",
        attention_out="attention.attn.o",
        attention_norm="attention.LayerNorm",
    ),
}


def family_of(model: PreTrainedModel) -> Family:
    """The row of a `transformers` model's family.

    Raises `UnsupportedModel` when there is none; nothing is guessed.
    """
    name = model.config.model_type
    if name not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise UnsupportedModel(
            f"no row for the model family {name!r}; known families are {known}; "
            "to add one, add a row to FAMILIES in dissect/families.py"
        )
    return FAMILIES[name]


def is_absent(root: nn.Module, path: str) -> bool:
    """Whether a path that ends in "?" leads nowhere in this model."""
    return path.endswith("?") and not hasattr(root, path.removesuffix("?"))


def find(root: nn.Module, path: str) -> nn.Module:
    """The module at `path` below `root`.

    Raises `UnsupportedModel` when there is none.
    """
    try:
        return root.get_submodule(path.removesuffix("?"))
    except AttributeError:
        raise UnsupportedModel(
            f"{type(root).__name__} has no part {path!r}: this version of transformers keeps it "
            "elsewhere; mend the family's row in dissect/families.py"
        ) from None
