"""Heads on top of a model: its own for masked words, and one for tags on any model."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForTokenClassification, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqModelOutput, TokenClassifierOutput

# How a head came about; `dissect tune --task mlm` writes the second into a model's config.json.
PRETRAINED, AFTERWARDS = "pretrained", "trained afterwards"
KINDS = (PRETRAINED, AFTERWARDS)
MARK = "masked_word_head"


class MaskedHead(nn.Module):
    """What a model for masked words makes of embeddings: (…, width) to logits (…, vocabulary).

    Its `kind` is "pretrained", or "trained afterwards" by `dissect tune`.
    """

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.model = model
        self.kind = AFTERWARDS if getattr(model.config, MARK, None) == AFTERWARDS else PRETRAINED

    def forward(self, embeddings: Tensor) -> Tensor:
        """Logits, (…, vocabulary), for embeddings (…, width)."""
        return after_embedding(self.model, embeddings)


def after_embedding(model: PreTrainedModel, embeddings: Tensor) -> Tensor:
    """The logits of a model with a head, (…, classes), for embeddings (…, width).

    The forward pass is the model's own: the embeddings stand in for what its base model returns.
    """
    base: Any = model.base_model
    sentences = embeddings if embeddings.dim() == 3 else embeddings.reshape(1, -1, embeddings.shape[-1])
    output = Seq2SeqModelOutput if model.config.is_encoder_decoder else BaseModelOutput
    given = output(last_hidden_state=sentences)
    base.forward = lambda *_, **__: given
    try:
        logits = model(inputs_embeds=sentences, return_dict=True).logits
    finally:
        del base.forward  # that of its class again
    return logits.reshape(*embeddings.shape[:-1], logits.shape[-1])


@torch.no_grad()
def width(model: PreTrainedModel) -> int:
    """How wide the embeddings are that a model returns, which no setting tells for every family."""
    base: Any = model.base_model
    token = torch.zeros(1, 1, dtype=torch.long, device=next(base.parameters()).device)
    target = {"decoder_input_ids": token} if base.config.is_encoder_decoder else {}
    return base(input_ids=token, **target).last_hidden_state.shape[-1]


class Tagger:
    """A head for tags on the embeddings of any model: dropout and a linear map, as BERT has them.

    Mixed into a family's `PreTrainedModel` by `tagging`, so that it is saved and loaded as any model.

    Attributes:
        reads: The width of the embeddings.
    """

    reads: int

    def __init__(self, config: Any):
        super().__init__(config)  # type: ignore[call-arg]
        setattr(self, self.base_model_prefix, AutoModel.from_config(config))  # type: ignore[attr-defined]
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(self.reads, config.num_labels)
        self.post_init()  # type: ignore[attr-defined]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **options: Any,
    ) -> TokenClassifierOutput:
        """Logits for each token, and the loss where there are labels.

        Args:
            input_ids: (batch, tokens).
            attention_mask: (batch, tokens), 0 where there is padding.
            labels: The tags by number, (batch, tokens); -100 where none is asked for.
            **options: For the model below the head.
        """
        if self.config.is_encoder_decoder:  # type: ignore[attr-defined]
            options |= {"decoder_input_ids": input_ids, "decoder_attention_mask": attention_mask}
        base: Any = self.base_model  # type: ignore[attr-defined]
        hidden = base(input_ids=input_ids, attention_mask=attention_mask, **options).last_hidden_state
        logits = self.classifier(self.dropout(hidden))
        loss = None if labels is None else F.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return TokenClassifierOutput(loss=loss, logits=logits)


def tagging(model: PreTrainedModel) -> type:
    """The class that tags tokens with a model like this one: the family's own, or a `Tagger`.

    Encoder-decoders have a `Tagger` all the same: the family's own may leave the decoder out.
    """
    config = model.config
    if type(config) in AutoModelForTokenClassification._model_mapping and not config.is_encoder_decoder:
        return AutoModelForTokenClassification
    family = next(kind for kind in type(model).__mro__ if kind.__name__.endswith("PreTrainedModel"))
    stem = family.__name__.removesuffix("PreTrainedModel")
    known = {"config_class": type(config), "reads": width(model)}
    return type(f"{stem}ForTokenClassification", (Tagger, family), known)
