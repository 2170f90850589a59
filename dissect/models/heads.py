"""Heads on top of a model: its own for masked or next words, and for tags and answers one on any model."""

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
    TokenClassifierOutput,
)

from dissect.decomposition import has_stacks, work_dtype

# How a head came about; `dissect tune --task mlm` writes the second into a model's config.json.
PRETRAINED, AFTERWARDS = "pretrained", "trained afterwards"
KINDS = (PRETRAINED, AFTERWARDS)
MARK = "masked_word_head"
TRIED = 4  # ids that are put in the place of a next token


class WordHead(nn.Module):
    """What a model for masked or next words makes of embeddings: (…, width) to logits (…, vocabulary).

    It reads in float32 at least: rounded to half a format, logits of different words are the same. Its `kind`
    is "pretrained", or "trained afterwards" by `dissect tune`.
    """

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        for part in model.children():
            if part is not model.base_model:
                part.to(work_dtype(model.dtype))
        self.model = model
        self.kind = AFTERWARDS if getattr(model.config, MARK, None) == AFTERWARDS else PRETRAINED

    def forward(self, embeddings: Tensor) -> Tensor:
        """Logits, (…, vocabulary), for embeddings (…, width)."""
        return after_embedding(self.model, embeddings)


class Embedded(BaseModelOutput):
    """Embeddings as a base model returns them; of what else a head may ask for there is nothing."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("_"):
            raise AttributeError(name)


def after_embedding(model: PreTrainedModel, embeddings: Tensor) -> Tensor:
    """The logits of a model with a head, (…, classes), for embeddings (…, width).

    The forward pass is the model's own, with its scales and caps: the embeddings stand in for what the model
    below the head returns, which some families call by its decoder.
    """
    sentences = embeddings if embeddings.dim() == 3 else embeddings.reshape(1, -1, embeddings.shape[-1])
    given = Embedded(last_hidden_state=sentences)
    below = [part for part in model.modules() if isinstance(part, PreTrainedModel) and part is not model]
    for part in below:
        part.forward = lambda *_, **__: given  # type: ignore[method-assign]
    try:
        logits = model(inputs_embeds=sentences, return_dict=True).logits
    finally:
        for part in below:
            del part.forward  # that of its class again
    return logits.reshape(*embeddings.shape[:-1], logits.shape[-1])


def of_pair(model: PreTrainedModel) -> bool:
    """Whether a model is an encoder-decoder, or the encoder of one."""
    return has_stacks(model) or model.config.is_encoder_decoder


def reader(model: PreTrainedModel) -> PreTrainedModel:
    """What of a model reads a text alone: the model below the head, of an encoder-decoder the encoder."""
    base: Any = model.base_model
    return base.get_encoder() if base.config.is_encoder_decoder else base


@torch.no_grad()
def width(model: PreTrainedModel) -> int:
    """How wide the embeddings are that a model returns, which no setting tells for every family."""
    base: Any = reader(model)
    token = torch.zeros(1, 1, dtype=torch.long, device=next(base.parameters()).device)
    return base(input_ids=token).last_hidden_state.shape[-1]


@torch.no_grad()
def sees_ahead(model: PreTrainedModel) -> bool:
    """Whether what a model returns for a token depends on the tokens after it, as no decoder's does."""
    base: Any = reader(model)
    ids = torch.tensor([[0, n] for n in range(TRIED)], device=next(base.parameters()).device)
    training = base.training
    base.eval()
    first = base(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[:, 0]
    base.train(training)
    return not torch.allclose(first, first[:1].expand_as(first), rtol=1e-4, atol=1e-6)


class EmbeddingHead:
    """A head on the embeddings of any model: dropout and a linear map, as BERT has them.

    Of an encoder-decoder it reads those of the encoder, as a run does.
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
        hidden = reader(model)(**inputs).last_hidden_state
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

    Encoder-decoders have a `Tagger` all the same: the family's own may leave the decoder out, without which
    the checkpoint could not be loaded again.
    """
    if type(model.config) in AutoModelForTokenClassification._model_mapping and not of_pair(model):
        return AutoModelForTokenClassification
    return _on_top_of(model, Tagger, "TokenClassification")


def answering(model: PreTrainedModel) -> type:
    """The class that finds answers with a model like this one: the family's own, or an `Answerer`.

    Encoder-decoders have an `Answerer` all the same, and so have families whose own class calls the model
    by another name than their base model does, which then could not be loaded without its head.
    """
    own: Any = AutoModelForQuestionAnswering._model_mapping.get(type(model.config), None)
    prefix = type(model).base_model_prefix
    if own and own.base_model_prefix == prefix and not of_pair(model):
        return AutoModelForQuestionAnswering
    return _on_top_of(model, Answerer, "QuestionAnswering")


def _on_top_of(model: PreTrainedModel, head: type[EmbeddingHead], task: str) -> type:
    family = next(kind for kind in type(model).__mro__ if kind.__name__.endswith("PreTrainedModel"))
    stem = family.__name__.removesuffix("PreTrainedModel")
    return type(
        f"{stem}For{task}", (head, family), {"config_class": type(model.config), "reads": width(model)}
    )
