"""Heads on top of a model: its own for masked words, and for tags and answers one on any model."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForQuestionAnswering,
    AutoModelForTokenClassification,
    PreTrainedModel,
)
from transformers.modeling_outputs import (
    BaseModelOutput,
    QuestionAnsweringModelOutput,
    Seq2SeqModelOutput,
    TokenClassifierOutput,
)

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


@torch.no_grad()
def sees_ahead(model: PreTrainedModel) -> bool:
    """Whether what a model returns for a token depends on the tokens after it, as no decoder's does."""
    base: Any = model.base_model
    ids = torch.tensor([[0, 1], [0, 0]], device=next(base.parameters()).device)
    mask = torch.ones_like(ids)
    training = base.training
    base.eval()
    first = base(**doubled(model, {"input_ids": ids, "attention_mask": mask})).last_hidden_state[:, 0]
    base.train(training)
    return not torch.allclose(first[0], first[1], rtol=1e-4, atol=1e-6)


def doubled(model: PreTrainedModel, inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a model; an encoder-decoder is given them as its target, too."""
    if not model.config.is_encoder_decoder:
        return inputs
    target = {"decoder_input_ids": inputs["input_ids"], "decoder_attention_mask": inputs["attention_mask"]}
    return inputs | target


class EmbeddingHead:
    """A head on the embeddings of any model: dropout and a linear map, as BERT has them.

    Mixed into a family's `PreTrainedModel` by `_on_top_of`, so that it is saved and loaded as any model.

    Attributes:
        reads: The width of the embeddings.
        labels: How many logits a token has; None: as many as the model's settings say.
    """

    reads: int
    labels: int | None = None

    def __init__(self, config: Any):
        super().__init__(config)  # type: ignore[call-arg]
        setattr(self, self.base_model_prefix, AutoModel.from_config(config))  # type: ignore[attr-defined]
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(self.reads, self.labels or config.num_labels)
        self.post_init()  # type: ignore[attr-defined]

    def logits(self, inputs: dict[str, Any]) -> Tensor:
        """(batch, tokens, labels), from what the model below takes."""
        model: Any = self
        hidden = model.base_model(**doubled(model, inputs)).last_hidden_state
        return self.classifier(self.dropout(hidden))


class Tagger(EmbeddingHead):
    """A head for tags: as many logits a token as there are tags."""

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
        logits = self.logits({"input_ids": input_ids, "attention_mask": attention_mask, **options})
        loss = None if labels is None else F.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return TokenClassifierOutput(loss=loss, logits=logits)


class Answerer(EmbeddingHead):
    """A head for answers: two logits a token, that an answer begins there and that it ends there."""

    labels = 2

    def forward(
        self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, **options: Any
    ) -> QuestionAnsweringModelOutput:
        """Logits of the first and of the last token of an answer, (batch, tokens) each.

        Args:
            input_ids: (batch, tokens).
            attention_mask: (batch, tokens), 0 where there is padding.
            **options: For the model below the head.
        """
        logits = self.logits({"input_ids": input_ids, "attention_mask": attention_mask, **options})
        start, end = logits.unbind(-1)
        return QuestionAnsweringModelOutput(start_logits=start, end_logits=end)


def tagging(model: PreTrainedModel) -> type:
    """The class that tags tokens with a model like this one: the family's own, or a `Tagger`.

    Encoder-decoders have a `Tagger` all the same: the family's own may leave the decoder out.
    """
    config = model.config
    if type(config) in AutoModelForTokenClassification._model_mapping and not config.is_encoder_decoder:
        return AutoModelForTokenClassification
    return _on_top_of(model, Tagger, "TokenClassification")


def answering(model: PreTrainedModel) -> type:
    """The class that finds answers with a model like this one: the family's own, or an `Answerer`.

    Encoder-decoders have an `Answerer` all the same, and so have families whose own class calls the model
    by another name than their base model does, which then could not be loaded without its head.
    """
    config = model.config
    own: Any = AutoModelForQuestionAnswering._model_mapping.get(type(config), None)
    prefix = type(model).base_model_prefix
    if own and own.base_model_prefix == prefix and not config.is_encoder_decoder:
        return AutoModelForQuestionAnswering
    return _on_top_of(model, Answerer, "QuestionAnswering")


def _on_top_of(model: PreTrainedModel, head: type[EmbeddingHead], task: str) -> type:
    family = next(kind for kind in type(model).__mro__ if kind.__name__.endswith("PreTrainedModel"))
    stem = family.__name__.removesuffix("PreTrainedModel")
    return type(
        f"{stem}For{task}", (head, family), {"config_class": type(model.config), "reads": width(model)}
    )
