"""One word's vector in finer parts, and what parts say through an unembedding."""

import pytest
import torch

from dissect import DissectError, models
from dissect.decomposition.decomposer import Decomposer
from dissect.experiments import finer
from dissect.models.loading import Loaded
from tests.conftest import tiny

SENTENCE = "A crane lifted the steel beam above the harbour."


def test_the_tables_add_up(minilm):
    word = finer.word_in(minilm, SENTENCE, "crane")
    assert [word.tokens[n] for n in word.positions] == ["crane"]
    terms = word.terms().set_index("term")["importance"]
    assert terms.sum() == pytest.approx(1, abs=1e-5)
    both = terms["h"] + terms["f"]
    assert word.by_layer()["importance"].sum() == pytest.approx(both, abs=1e-5)
    assert word.by_head()["importance"].sum() == pytest.approx(terms["h"], abs=1e-5)
    assert word.by_source()["importance"].sum() == pytest.approx(terms["h"], abs=1e-5)
    assert word.by_unit()["importance"].sum() == pytest.approx(terms["f"], abs=1e-4)
    layers = word.by_layer().query("term == 'f'").set_index("layer")["importance"]
    assert word.by_unit([2])["importance"].sum() == pytest.approx(layers[2], abs=1e-5)
    heads = word.by_head()
    assert heads["head"].min() == 1 and heads["head"].max() == 12 and set(heads["layer"]) == set(range(1, 7))


def test_a_word_of_several_pieces_is_the_sum_of_them(minilm):
    word = finer.word_in(minilm, "An unputdownable book.", "unputdownable")
    assert len(word.positions) > 1
    assert word.terms()["importance"].sum() == pytest.approx(1, abs=1e-5)


def test_a_word_that_is_not_there(minilm):
    for missing in ("bridge", ""):
        with pytest.raises(DissectError, match="give a word that it holds"):
            finer.word_in(minilm, SENTENCE, missing)


@pytest.mark.parametrize(
    ("sentence", "word", "pieces"),
    [
        ("The crane ran away.", "ran", ["ran"]),
        ("The cranes saw a crane.", "crane", ["crane"]),
        ("crane_1 met a crane", "crane", ["crane"]),
        ("He can't, but she can.", "can", ["can"]),
        ("An undone thing is done.", "done", ["done"]),
    ],
)  # fmt: skip
def test_a_word_is_found_as_a_word_of_its_own(minilm, sentence, word, pieces):
    found = finer.word_in(minilm, sentence, word)
    assert [found.tokens[n] for n in found.positions] == pieces
    offsets = minilm.tokenizer(sentence, return_offsets_mapping=True)["offset_mapping"]
    assert sentence[slice(*offsets[found.positions[0]])] == word


@pytest.mark.parametrize(
    ("sentence", "word"),
    [("The crane stood.", "ran"), ("Cranes stood.", "Crane"), ("A cafe\u0301 in 1999.", "cafe"), ("x2", "x")],
)
def test_a_part_of_a_word_is_no_word(minilm, sentence, word):
    with pytest.raises(DissectError, match="give a word that it holds"):
        finer.word_in(minilm, sentence, word)


def test_scripts_without_blanks_have_words_all_the_same(minilm):
    assert finer.word_in(minilm, "川に鶴がいる", "鶴").positions


@pytest.mark.parametrize(
    ("by", "layers"),
    [("layer", None), ("head", None), ("source", None), ("neuron", None), ("layer", [2]), ("head", [2, 1]),
     ("source", [1]), ("neuron", [2])],
)  # fmt: skip
def test_logits_by_part_add_up_to_the_models_logits(minilm, by, layers):
    from transformers import GPT2LMHeadModel

    base = tiny("gpt2", vocab_size=30522, bos_token_id=1, eos_token_id=2)
    model = GPT2LMHeadModel(base.config).double().eval()
    model.transformer.load_state_dict(base.state_dict())
    loaded = Loaded("tiny", model, minilm.tokenizer)
    said = finer.logits(loaded, model.lm_head, "the crane", ["river", "bird"], by, layers)
    assert set(said["layer"]) == {0, *(layers or (1, 2, 3))} and set(said["term"]) == set("ihfc")
    inputs = minilm.tokenizer("the crane", return_tensors="pt")
    with torch.no_grad():
        expected = model(**inputs).logits[0, -1]
    total = said.groupby("word")["logit"].sum()
    for word in ("river", "bird"):
        piece = minilm.tokenizer(word, add_special_tokens=False)["input_ids"][0]
        assert total[word] == pytest.approx(expected[piece].item(), rel=1e-9)


def test_a_head_says_what_its_vector_says(minilm):
    """Of one head, source and unit, from the decomposition's own split."""
    from transformers import GPT2LMHeadModel

    base = tiny("gpt2", vocab_size=30522, bos_token_id=1, eos_token_id=2)
    model = GPT2LMHeadModel(base.config).double().eval()
    model.transformer.load_state_dict(base.state_dict())
    loaded = Loaded("tiny", model, minilm.tokenizer)
    inputs = minilm.tokenizer("the crane", return_tensors="pt")
    bird = minilm.tokenizer("bird", add_special_tokens=False)["input_ids"][0]
    places = {"head": ("h", (1, 1, 0, -1), "head", 2), "source": ("h", (1, 0, -1, 1), "source", 1),
              "neuron": ("f", (1, 0, -1, 5), "unit", 5)}  # fmt: skip
    for by, (term, place, column, number) in places.items():
        parts = Decomposer(model)(**inputs, by=by)
        expected = (model.lm_head.weight[bird] @ parts.split[term][place]).item()
        said = finer.logits(loaded, model.lm_head, "the crane", ["bird"], by)
        row = said[(said["layer"] == 2) & (said[column] == number)]
        assert row["logit"].tolist() == pytest.approx([expected], rel=1e-9) and len(row) == 1
        assert said[said["layer"] == 0][column].isna().all()


def test_the_units_of_a_mixture_are_its_experts(minilm):
    model = tiny("mixtral", vocab_size=30522)
    loaded = Loaded("tiny", model, minilm.tokenizer)
    word = finer.word_in(loaded, "the crane stood", "crane")
    units, terms = word.by_unit(), word.terms().set_index("term")["importance"]
    assert units.groupby("layer")["unit"].agg(list).tolist() == [list(range(6))] * 3
    assert units["importance"].sum() == pytest.approx(terms["f"], abs=1e-5)
    head = torch.nn.Linear(24, 30522, bias=False).double()
    inputs = minilm.tokenizer("the crane", return_tensors="pt")
    split = Decomposer(model)(**inputs, by="expert").split["f"]
    bird = minilm.tokenizer("bird", add_special_tokens=False)["input_ids"][0]
    said = finer.logits(loaded, head, "the crane", ["bird"], "expert")
    row = said[(said["layer"] == 2) & (said["unit"] == 4)]
    assert row["logit"].tolist() == pytest.approx([(head.weight[bird] @ split[1, 4, 0, -1]).item()])


def test_an_unembedding_is_linear_or_none(tmp_path, minilm):
    from transformers import GPT2LMHeadModel

    assert models.load_unembedding("minilm") is None  # an encoder
    model = GPT2LMHeadModel(tiny("gpt2").config)
    model.save_pretrained(tmp_path)
    minilm.tokenizer.save_pretrained(tmp_path)
    found = models.load_unembedding(str(tmp_path))
    assert found is not None and found[1].weight.shape == (64, 24)
