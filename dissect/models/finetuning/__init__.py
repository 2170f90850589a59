"""A fine-tuned sibling for any encoder: trained to tag named entities, or to guess masked words.

The `transformers` Trainer does the work; what it leaves is a normal model folder, safetensors, with
a card of what the model was trained on.
"""

from dissect.models.finetuning.recipe import DEFAULTS, Recipe, usual
from dissect.models.finetuning.sibling import tune, tuned_sibling
from dissect.models.finetuning.training import train

__all__ = ["DEFAULTS", "Recipe", "train", "tune", "tuned_sibling", "usual"]
