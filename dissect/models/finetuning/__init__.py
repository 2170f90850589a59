"""Fine-tuned siblings of a model: trained to tag, to answer questions, or to guess masked words.

The `transformers` Trainer does the work; what it leaves is a normal model folder, safetensors, with
a card of what the model was trained on and of what it scores on what was held out.
"""

from dissect.models.finetuning.recipe import DEFAULTS, Recipe, by_default, usual
from dissect.models.finetuning.sibling import head_table, siblings_table, tune, tuned_sibling
from dissect.models.finetuning.training import train

__all__ = [
    "DEFAULTS",
    "Recipe",
    "by_default",
    "head_table",
    "siblings_table",
    "train",
    "tune",
    "tuned_sibling",
    "usual",
]
