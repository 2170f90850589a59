"""Input that a model cannot take, and models that are none, end in one sentence each."""

import pytest
import torch
from torch import nn
from transformers import BertForTokenClassification

from dissect import Decomposer, DissectError, decompose
from dissect.errors import UnsupportedModel
from tests.conftest import batch, inputs_of, tiny

IDS = torch.tensor([[4, 5, 6], [7, 8, 1]])
MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"input_ids": IDS + 60}, "input_ids has 68, and this model knows 0 to 63.*tokenizer"),
        ({"input_ids": IDS - 5}, "input_ids has -4, and this model knows"),
        ({"input_ids": IDS.double()}, "input_ids is of torch.float64: give a tensor of whole numbers"),
        ({"input_ids": IDS.bool()}, "input_ids is of torch.bool"),
        ({"input_ids": IDS, "attention_mask": 0 * MASK}, "0 everywhere.*no token"),
        ({"input_ids": IDS, "attention_mask": MASK[:, :2]}, r"attention_mask is \(2, 2\).*\(2, 3\)"),
        ({"input_ids": IDS, "attention_mask": MASK[0]}, r"attention_mask is \(3,\)"),
        ({"input_ids": IDS, "attention_mask": 2.5 * MASK}, "other numbers than 0 and 1"),
        ({"input_ids": IDS, "attention_mask": MASK.to("meta")}, "attention_mask is on meta"),
        ({"input_ids": IDS.to("meta")}, "input_ids is on meta and the model on cpu"),
        ({"input_ids": IDS, "token_type_ids": 3 * MASK}, "token_type_ids has 3, and this model knows 0 to 1"),
        ({"input_ids": IDS, "token_type_ids": MASK[:1]}, r"token_type_ids is \(1, 3\)"),
        ({"inputs_embeds": torch.zeros(2, 3, 23).double()}, r"inputs_embeds is \(2, 3, 23\).*24\)"),
        ({"inputs_embeds": torch.zeros(2, 3, 24)}, r"inputs_embeds is of torch.float32.*inputs_embeds\.to"),
        ({"input_ids": IDS.tolist()}, "no input_ids of shape"),
    ],
)  # fmt: skip
def test_input_that_no_model_takes(inputs, said):
    for family in ("bert", "roberta"):
        with pytest.raises(DissectError, match=said) as caught:
            decompose(tiny(family, type_vocab_size=2), **inputs)
        assert "\n" not in str(caught.value)


def test_the_source_and_the_target_are_looked_at():
    model = tiny("t5")
    good = inputs_of(model)
    for name in ("input_ids", "decoder_input_ids"):
        with pytest.raises(DissectError, match=f"^{name} has 164"):
            decompose(model, **good | {name: torch.full_like(good[name], 164)})
    with pytest.raises(DissectError, match="decoder_attention_mask is 0 everywhere"):
        decompose(model, **good | {"decoder_attention_mask": 0 * good["decoder_attention_mask"]})


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool, torch.float64])
def test_masks_of_any_format(dtype):
    model = tiny("bert")
    expected = decompose(model, input_ids=IDS, attention_mask=MASK).terms
    parts = decompose(model, input_ids=IDS.int(), attention_mask=MASK.to(dtype))
    assert torch.allclose(parts.terms[:, parts.mask], expected[:, parts.mask])


def test_a_row_of_padding_among_others():
    inputs = batch(3, 5, lengths=[5, 0, 3])
    parts = decompose(tiny("bert"), **inputs)
    assert parts.error < 1e-13 and parts.mask.sum() == 8


@pytest.mark.parametrize("what", [nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)), "minilm", None])
def test_what_is_no_model(what):
    with pytest.raises(DissectError, match="is no model of transformers: give the model itself"):
        Decomposer(what)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", ["output.dense", "attention.self.value"])
def test_quantised_layers(path):
    class Integers(nn.Module):
        """As quantised layers are: what they keep is no parameter, or one of integers."""

        in_features = 24

    model = tiny("bert", dtype=torch.float32)
    layer = model.encoder.layer[1]
    layer.set_submodule(path, Integers())
    with pytest.raises(UnsupportedModel, match=f"the weights of {path} are quantised.*float32"):
        Decomposer(model)
    kept = Integers()
    kept.weight = nn.Parameter(torch.zeros(24, 24, dtype=torch.int8), requires_grad=False)
    layer.set_submodule(path, kept)
    with pytest.raises(UnsupportedModel, match="quantised"):
        Decomposer(model)


class Tuner(nn.Module):
    """What adapters' libraries put around a model: it gives the attributes of the model inside."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.model, name)


class Adapted(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.base_model = Tuner(model)


class Lora(nn.Module):
    """A projection with a product of two narrow matrices beside it."""

    def __init__(self, base):
        super().__init__()
        self.base_layer, self.in_features = base, base.in_features
        self.down = nn.Linear(base.in_features, 2, bias=False).double()
        self.up = nn.Linear(2, base.out_features, bias=False).double()

    def forward(self, x):
        return self.base_layer(x) + self.up(self.down(x))


@pytest.mark.parametrize("headed", [False, True])
def test_adapters_with_a_head_and_without(headed):
    base = tiny("bert")
    whole = base
    if headed:
        whole = BertForTokenClassification(base.config).double()
        whole.bert.load_state_dict(base.state_dict(), strict=False)
    for layer in whole.base_model.encoder.layer:
        layer.attention.self.value = Lora(layer.attention.self.value)
    parts = decompose(Adapted(whole), **inputs_of(base))
    assert parts.error < 1e-13
    assert torch.equal(parts.terms, decompose(whole, **inputs_of(base)).terms)
