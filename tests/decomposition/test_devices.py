"""Nothing mixes devices: all that a GPU would run, on a stand-in that has shapes and no values."""

import copy

import pytest
import torch
from torch.utils._pytree import tree_map_only

from dissect import corpora
from dissect.decomposition import decomposer as decomposition
from dissect.decomposition.families import find_all
from dissect.experiments import finer, least_squares, measures
from dissect.experiments.explain import explain
from dissect.experiments.masked_words import masked_targets, masked_words
from dissect.experiments.named_entities import named_entities, tagged_terms
from dissect.experiments.probes import Training
from dissect.experiments.word_senses import sense_terms, word_senses
from dissect.features.gathering import word_terms
from dissect.models.loading import Loaded
from dissect.site import sentences
from tests.conftest import inputs_of, read_by, tiny
from tests.decomposition.test_families import VARIANTS, both_stacks
from tests.decomposition.test_families import ways as all_ways
from tests.elsewhere import Elsewhere

pytestmark = pytest.mark.slow

QUICK = Training(epochs=1)


@pytest.fixture(autouse=True)
def elsewhere(request, monkeypatch):
    """Models without values are refused otherwise; probes are trained where DISSECT_DEVICE says.

    The stand-in has no float64 unless a test asks for it.
    """
    float64 = getattr(request, "param", False)
    monkeypatch.setattr(decomposition, "refuse_absent", lambda base: None)
    monkeypatch.setenv("DISSECT_DEVICE", "meta")
    if not float64:
        monkeypatch.setattr(least_squares, "WITHOUT_FLOAT64", {"meta"})
    with Elsewhere(float64):
        yield


@pytest.fixture
def there(minilm):
    """The default model, elsewhere."""
    return Loaded(minilm.label, copy.deepcopy(minilm.model).to("meta"), minilm.tokenizer)


def test_the_stand_in_refuses_two_devices():
    x = torch.empty(3, 2, device="meta")
    here = torch.ones(3, 2)
    assert all(one.is_meta for one in (x + 1, x * torch.tensor(2.0), x[torch.tensor([0])], here.to(x)))
    assert not x.cpu().is_meta
    for mixed in (lambda: x + here, lambda: here.T @ x, lambda: here[x > 0]):
        with pytest.raises(AssertionError, match="two devices"):
            mixed()


@pytest.mark.parametrize("variant", VARIANTS)
def test_families(variant):
    for model, decomposer, stack in both_stacks(variant, dtype=torch.float32):
        inputs = read_by(stack, inputs_of(model, lengths=[7, 3]))
        to_elsewhere(model)
        inputs = moved(inputs, "meta")
        assert decomposer(**inputs).terms.is_meta
        assert all(parts.terms.is_meta for parts in decomposer.layers(**inputs))
        assert all(x.is_meta and y.is_meta for _, x, y in decomposer.feedforwards(**inputs))
        for by in ways(decomposer):
            assert all(split.is_meta for split in decomposer(**inputs, by=by).split.values())


UNDIVIDED = ("albert", "xlm", "flaubert")


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name.split("/")[0] not in UNDIVIDED])
def test_families_on_two_devices(variant):
    """As `device_map` spreads a model: the second layer is on the processor, the rest is elsewhere.

    ALBERT's layers are one module, which is in one place, and XLM's are none."""
    for model, decomposer, stack in both_stacks(variant, dtype=torch.float32):
        inputs = read_by(stack, inputs_of(model, lengths=[7, 3]))
        to_elsewhere(model)
        second = find_all(decomposer.base, decomposer.family.layers)[1].to_empty(device="cpu")
        hooks = [
            second.register_forward_pre_hook(lambda _, *given: moved(given, "cpu"), with_kwargs=True),
            second.register_forward_hook(lambda _, args, out: moved(out, "meta")),
        ]
        inputs = moved(inputs, "meta")
        assert all(parts.terms.is_meta for parts in decomposer.layers(**inputs))
        for by in ways(decomposer):
            assert all(split.is_meta for split in decomposer(**inputs, by=by).split.values())
        for hook in hooks:
            hook.remove()


def to_elsewhere(model):
    """Move a model; its experts work on all tokens at once there, since to loop over some takes values."""
    model.to("meta")
    if hasattr(model, "set_experts_implementation"):
        model.set_experts_implementation("batched_mm")


def ways(decomposer):
    """How terms can be split where there are no values: which experts work depends on them."""
    return [by for by in all_ways(decomposer) if by != "expert"]


def moved(values, device):
    """The same with all tensors on a device."""
    return tree_map_only(torch.Tensor, lambda x: x.to(device), values)


@pytest.mark.parametrize("elsewhere", [True, False], ids=["float64", "no float64"], indirect=True)
def test_measures(there):
    text = corpora.text("teaching", 60)
    assert measures.importance(there, text).shape[:2] == (7, 4)
    assert len(measures.feedforward_r2(there, text)) == 6
    assert len(measures.term_dependence(there, text)) == 12


def test_features(there):
    features = word_terms(there, ["A crane stood."], [(0, 2, 7), (0, 8, 13)])
    assert features.shape == (4, 2, 384) and features.subset("i+f").device.type == "cpu"


def test_masked_words(there):
    targets = masked_targets(there, corpora.text("teaching", 60), 1, 0)
    assert len(masked_words(targets, [0], training=QUICK).scores) == 16 + 2  # of the control


def test_word_senses(there):
    items = sense_terms(there, corpora.senses("teaching", 60))
    assert len(word_senses(items, [0], training=QUICK).scores) == 32 + 4  # control, and no vectors


def test_named_entities(there):
    words = tagged_terms(there, corpora.entities("teaching", 60))
    assert len(named_entities({"base": words}, [0], QUICK).scores) == 16 + 2


def test_one_sentence(there):
    sentence = "A crane stood in the river."
    assert len(explain(there, sentence)) == 9
    assert len(sentences.dissected(there, [sentence])["sentences"]) == 1
    word = finer.word_in(there, sentence, "crane")
    for table in (word.terms(), word.by_layer(), word.by_head(), word.by_source(), word.by_unit([1])):
        assert len(table)


@pytest.mark.parametrize("by", ["layer", "head", "source", "neuron"])
def test_logits(there, by):
    sizes = {"vocab_size": 30522, "bos_token_id": 1, "eos_token_id": 2}
    model = tiny("gpt2", dtype=torch.float32, **sizes).to("meta")
    head = torch.nn.Linear(24, 30522, device="meta")
    assert len(finer.logits(Loaded("tiny", model, there.tokenizer), head, "the crane", ["bird"], by))
