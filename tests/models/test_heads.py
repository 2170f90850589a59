"""Heads on any family: for masked words what the model itself says, for tags one that all models can have."""

import copy
import re

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

from dissect import Decomposer, DissectError, models
from dissect.corpora import TaggedSentence
from dissect.features.gathering import target_terms, word_terms
from dissect.models.finetuning import Recipe, tune
from dissect.models.finetuning.data import IGNORED, encode, encode_all
from dissect.models.heads import AFTERWARDS, PRETRAINED, WordHead, after_embedding, reader, tagging, width
from tests.conftest import FAMILY_SIZES, SIZES, inputs_of, tiny
from tests.tokenizers_of_each_kind import across_words, of_each_kind, word_pieces

LINES = ["Anna went to Oslo .", "Oslo is cold .", "I met Anna .", "Bern is not Oslo ."] * 12
TAGS = {"Anna": "B-PER", "Oslo": "B-LOC", "Bern": "B-LOC"}
FAMILIES = ["bert", "roberta", "camembert", "xlm-roberta", "mpnet", *FAMILY_SIZES]


def settings_of(family, **changes):
    return AutoConfig.for_model(family.split("/")[0], **(FAMILY_SIZES.get(family, SIZES) | changes))


def with_masked_head(family, **changes):
    torch.manual_seed(0)
    model = AutoModelForMaskedLM.from_config(settings_of(family, **changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    return model


HEADS = [(f, {}) for f in FAMILIES if type(settings_of(f)) in AutoModelForMaskedLM._model_mapping]
HEADS += [(f"deberta{v}", {"legacy": False}) for v in ("", "-v2")]


@pytest.fixture(scope="module")
def tokenizer():
    return word_pieces(LINES)


@pytest.fixture
def tagged(tmp_path):
    file = tmp_path / "some.conll"
    blocks = ["\n".join(f"{word}\t{TAGS.get(word, 'O')}" for word in line.split()) for line in LINES]
    file.write_text("\n\n".join(blocks), encoding="utf-8")
    return str(file)


@pytest.fixture
def text(tmp_path):
    file = tmp_path / "some.txt"
    file.write_text("\n".join(LINES), encoding="utf-8")
    return str(file)


def saved(model, tokenizer, folder) -> str:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


# ---- masked words ----


@torch.no_grad()
@pytest.mark.parametrize("family, changes", HEADS)
def test_a_head_says_what_its_model_says(family, changes, tmp_path):
    model = with_masked_head(family, **changes)
    inputs = inputs_of(model)
    logits, hidden = model(**inputs).logits, model.base_model(**inputs).last_hidden_state
    model.save_pretrained(tmp_path)
    head = models.load_masked_head(str(tmp_path))
    assert torch.equal(head(hidden), logits) and head.kind == PRETRAINED
    assert torch.allclose(head(hidden[0, 2]), logits[0, 2], atol=1e-5)
    assert torch.allclose(copy.deepcopy(head)(hidden[1]), logits[1], atol=1e-5)
    assert torch.equal(head.model(**inputs).logits, logits)  # the model is left as it was


def test_a_head_learns_through_what_it_is_given():
    head = WordHead(with_masked_head("albert"))
    given = torch.randn(5, 24, requires_grad=True)
    head(given).logsumexp(-1).sum().backward()
    assert given.grad.abs().sum() > 0
    assert head.model.predictions.dense.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("family", ["albert", "modernbert"])
def test_a_head_trained_here_says_so(family, tokenizer, text, tmp_path):
    source = saved(tiny(family, dtype=torch.float32), tokenizer, tmp_path / "source")
    assert models.load_masked_head(source) is None
    out = tune(source, Recipe("mlm", text, epochs=1, frozen=True, limit=8), tmp_path / "out")
    head = models.load_masked_head(str(out))
    assert head.kind == AFTERWARDS
    of_source, of_out = models.load(source, "cpu").model, models.load(str(out), "cpu").model
    assert torch.equal(*(m(**inputs_of(m)).last_hidden_state for m in (of_source, of_out)))


# ---- tags ----


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "vit"])
@pytest.mark.slow
def test_any_family_is_tuned_on_tags_loaded_and_taken_apart(family, tokenizer, tagged, tmp_path):
    source = saved(tiny(family, dtype=torch.float32, scale=0.2), tokenizer, tmp_path / "source")
    out = tune(source, Recipe("ner", tagged, epochs=2, limit=8, learning_rate=1e-3), tmp_path / "out")
    sibling = models.load(str(out), "cpu")
    assert models.task(sibling.model) == "token classification"
    before = models.load(source, "cpu").model.state_dict()
    after = sibling.model.state_dict()
    assert before.keys() == after.keys() and any(not torch.equal(before[n], after[n]) for n in before)
    kind = tagging(sibling.model)
    tagger, info = kind.from_pretrained(out, output_loading_info=True)
    assert not info["missing_keys"]
    inputs = inputs_of(sibling.model)
    given, found = reader(tagger)(**inputs)[0], sibling.model(**inputs)[0]  # trained weights, all
    assert torch.allclose(given, found, atol=1e-5)  # kernels for experts depend on where weights lie
    assert Decomposer(sibling.model)(**inputs).error < 1e-3


def test_a_head_of_our_own_learns_tags(tagged, tmp_path):
    """On a decoder that has none, with offsets that begin with the blank."""
    tokenizer = of_each_kind(LINES)["byte level"]
    torch.manual_seed(0)
    model = AutoModel.from_config(settings_of("opt", vocab_size=len(tokenizer)))
    out = tune(
        saved(model, tokenizer, tmp_path / "source"),
        Recipe("ner", tagged, epochs=20, learning_rate=5e-3), tmp_path / "out",
    )  # fmt: skip
    tagger = tagging(model).from_pretrained(out).eval()
    wrong = 0
    for line in LINES[1:4]:  # the first is held out
        sentence = TaggedSentence(line.split(), [TAGS.get(word, "O") for word in line.split()])
        row, _ = encode(tokenizer, sentence, sorted({"O", *TAGS.values()}), 40)
        said = tagger(input_ids=torch.tensor([row["input_ids"]])).logits.argmax(-1)[0].tolist()
        wrong += sum(a != b for a, b in zip(said, row["labels"], strict=True) if b != IGNORED)
    assert wrong == 0


# ---- labels ----

SENTENCE = TaggedSentence(
    ["Anna", "zebra", "(Oslo", ".", "Ünïcødé", "Bern", "東京", "Oslo's"], list("abcdefgh")
)


@pytest.mark.parametrize("kind", of_each_kind(LINES))
def test_every_word_has_one_label_at_a_piece_of_its_own(kind):
    tokenizer = of_each_kind(LINES)[kind]
    row, lost = encode(tokenizer, SENTENCE, list("abcdefgh"), 10**6)
    assert [label for label in row["labels"] if label != IGNORED] == list(range(8)) and not lost
    offsets = tokenizer(SENTENCE.text, return_offsets_mapping=True)["offset_mapping"]
    for number, (start, end) in enumerate(SENTENCE.spans()):
        place = row["labels"].index(number)
        own = set(range(start, end))
        assert own & set(range(*offsets[place]))
        assert not any(own & set(range(*offsets[n])) for n in range(place))  # its first


def test_words_in_one_piece_and_words_without_a_piece_are_told(capsys):
    tokenizer = across_words(LINES)
    sentence = TaggedSentence(["Bern", "is", "not", "", "Oslo", "."], list("abcdef"))
    row, lost = encode(tokenizer, sentence, list("abcdef"), 99)
    given = {label for label in row["labels"] if label != IGNORED}
    assert len(given) + len(lost) == 6 and 3 not in given and "have no piece" in lost
    together = TaggedSentence("Bern is not Oslo .".split(), list("abcde"))
    assert encode(tokenizer, together, list("abcde"), 99)[1].count("share a piece with the word before them")


def test_what_is_cut_off_is_counted_and_told(tokenizer, capsys):
    short = TaggedSentence("Anna went to Oslo .".split(), list("abcde"))
    rows = encode_all(tokenizer, [short, short], list("abcde"), 5)
    assert sum(label != IGNORED for row in rows for label in row["labels"]) == 8
    assert "words without a label: of 10 words 2 are cut off" in capsys.readouterr().err
    with pytest.raises(DissectError, match="most words would have no label: of 5 words 4 are cut off"):
        encode_all(tokenizer, [short], list("abcde"), 2)
    encode_all(tokenizer, [short], list("abcde"), 99)
    assert not capsys.readouterr().err


# ---- the width of embeddings ----


@pytest.mark.parametrize("family", ["opt/norms after, projected", "electra", "albert", "t5"])
def test_the_width_is_that_of_what_the_model_returns(family):
    model = tiny(family)
    assert width(model) == model(**inputs_of(model)).last_hidden_state.shape[-1]


def test_terms_of_a_model_that_projects_its_embeddings(tokenizer, tmp_path):
    model = tiny("opt/norms after, projected", dtype=torch.float32)
    loaded = models.load(saved(model, tokenizer, tmp_path / "model"), "cpu")
    spans = [(0, 0, 4), (1, 0, 4)]
    for folder in (None, tmp_path / "features", tmp_path / "features"):
        words = word_terms(loaded, LINES[:2], spans, folder)
        assert words.shape == (4, 2, 16)
    ids = loaded.tokenizer(LINES[0])["input_ids"]
    whole = target_terms(loaded, [ids], [(0, [1])]).subset("i+h+f+c")
    assert torch.allclose(whole[0], model(torch.tensor([ids])).last_hidden_state[0, 1], atol=1e-4)
    assert re.search(r"\b16 wide", str(loaded))


@pytest.mark.parametrize("shape", [(0, 24), (2, 0, 24), (24,), (2, 2, 3, 24)])
def test_embeddings_come_in_any_shape_also_none(shape):
    """A part of a batch may hold no masked word."""
    assert after_embedding(with_masked_head("bert"), torch.zeros(shape)).shape == (*shape[:-1], 64)


def test_embeddings_stand_in_for_what_the_base_returns():
    model = with_masked_head("bert")
    with pytest.raises(RuntimeError):
        after_embedding(model, torch.zeros(2, 7))  # of another width
    assert "forward" not in vars(model.base_model)
