"""Fine-tuning leaves a normal model that learned its task, and says what it was trained on."""

import copy
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertModel,
    TrainingArguments,
)

from dissect import DissectError, decompose, models
from dissect.corpora import TaggedSentence
from dissect.models.finetuning import Recipe, data, siblings_table, train, tune, tuned_sibling, usual
from dissect.models.finetuning.data import IGNORED, encode, guessing, tagger
from dissect.models.finetuning.training import OnOneDevice, optimizer_of

pytestmark = pytest.mark.slow

LINES = ["Anna went to Oslo .", "Oslo is cold .", "I met Anna .", "Bern is not Oslo ."] * 12
TAGS = {"Anna": "B-PER", "Oslo": "B-LOC", "Bern": "B-LOC"}


@pytest.fixture
def tagged(tmp_path) -> Path:
    """A file with a word and a tag a line."""
    file = tmp_path / "some.conll"
    blocks = ["\n".join(f"{word}\t{TAGS.get(word, 'O')}" for word in line.split()) for line in LINES]
    file.write_text("\n\n".join(blocks), encoding="utf-8")
    return file


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_a_tagger_learns_and_loads_as_any_model(tagged, tmp_path):
    out = tune("minilm", Recipe("ner", str(tagged), epochs=6), tmp_path / "out")
    model = AutoModelForTokenClassification.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    inputs = tokenizer("Anna is not in Oslo .", return_tensors="pt")
    with torch.no_grad():
        said = model(**inputs).logits.argmax(-1)[0].tolist()
    words = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
    tags = {word: model.config.id2label[n] for word, n in zip(words, said, strict=True)}
    assert tags["anna"] == "B-PER" and tags["oslo"] == "B-LOC" and tags["not"] == "O"
    assert models.task(models.load(str(out)).model) == "token classification"
    card = (out / "README.md").read_text()
    assert "minilm" in card and "- sentences: 36" in card and "- sentences held out: 12" in card
    assert not [file for file in out.rglob("*") if file.suffix in (".bin", ".pt", ".pth", ".pkl")]
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


SMALL = {
    "vocab_size": 30522, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "pad_token_id": 0,
}  # fmt: skip
ENCODERS = {
    "albert": {"embedding_size": 16},
    "bert": {},
    "deberta": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "distilbert": {},
    "electra": {"embedding_size": 16},
    "modernbert": {"cls_token_id": 101, "sep_token_id": 102},
    "mpnet": {},
    "roberta": {},
}


@pytest.mark.parametrize("family", ENCODERS)
def test_an_encoder_of_any_family_learns_tags_and_is_decomposed_exactly(family, tagged, tmp_path, minilm):
    """Random small models with MiniLM's tokenizer; what comes out is a sibling as any other."""
    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.for_model(family, **SMALL, **ENCODERS[family]))
    model.save_pretrained(tmp_path / "model")
    minilm.tokenizer.save_pretrained(tmp_path / "model")
    recipe = Recipe("ner", str(tagged), epochs=10, learning_rate=1e-2)
    out = tune(str(tmp_path / "model"), recipe, tmp_path / "out")
    sibling = models.load(str(out), "cpu")
    assert models.task(sibling.model) == "token classification" and sibling.model.config.model_type == family
    words = sibling.tokenizer(LINES[:4], padding=True, return_tensors="pt")
    inputs = {name: words[name] for name in ("input_ids", "attention_mask")}
    parts = decompose(sibling.model, **inputs)
    whole = sibling.model(**inputs).last_hidden_state
    assert (parts.terms.sum(0) - whole)[inputs["attention_mask"].bool()].abs().max() < 1e-4
    tagger = AutoModelForTokenClassification.from_pretrained(out)
    said = tagger(**inputs).logits.argmax(-1)[2, 3]  # Anna, in a sentence that was not held out
    assert tagger.config.id2label[said.item()] == "B-PER"


def test_a_head_for_masked_words_on_a_frozen_model(tmp_path):
    text = tmp_path / "some.txt"
    text.write_text("\n".join(LINES), encoding="utf-8")
    recipe = Recipe("mlm", str(text), epochs=6, learning_rate=3e-3, frozen=True)
    out = tune("minilm", recipe, tmp_path / "out")
    before, after = weights(Path(models.location("minilm"))), weights(out)
    shared = [name for name in before if f"bert.{name}" in after]
    assert len(shared) > 90
    assert all(torch.equal(before[name], after[f"bert.{name}"]) for name in shared)
    assert models.load_masked_head("minilm") is None
    head = models.load_masked_head(str(out))
    assert head is not None and head.kind == "trained afterwards"
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    inputs = tokenizer("Anna went to [MASK] .", return_tensors="pt")
    with torch.no_grad():
        states = model.base_model(**inputs).last_hidden_state
        assert torch.allclose(head(states), model(**inputs).logits, atol=1e-4)
        answer = tokenizer.decode(model(**inputs).logits[0, 4].argmax())
    assert answer in " ".join(LINES).lower()


def test_the_same_recipe_gives_the_same_weights(tagged, tmp_path):
    recipe = Recipe("ner", str(tagged), limit=10, epochs=1)
    one, two = (weights(tune("minilm", recipe, tmp_path / name)) for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_only_the_first_piece_of_a_word_has_a_label(minilm):
    from dissect.corpora import TaggedSentence

    sentence = TaggedSentence(["Unflappably", "Anna"], ["O", "B-PER"])
    row, _ = encode(minilm.tokenizer, sentence, ["B-PER", "O"], 512)
    pieces = minilm.tokenizer.convert_ids_to_tokens(row["input_ids"])
    labels = dict(zip(pieces, row["labels"], strict=True))
    assert labels["anna"] == 0 and labels[pieces[1]] == 1
    assert all(labels[piece] == IGNORED for piece in pieces if piece.startswith("##") or piece[0] == "[")


def test_a_sibling_is_tuned_once(tagged, tmp_path):
    first = tuned_sibling("minilm", str(tagged), tmp_path / "models", limit=10, epochs=1)
    stamp = (Path(first) / "model.safetensors").stat().st_mtime_ns
    assert tuned_sibling("minilm", str(tagged), tmp_path / "models", limit=10, epochs=1) == first
    assert (Path(first) / "model.safetensors").stat().st_mtime_ns == stamp
    assert tuned_sibling("minilm", str(tagged), tmp_path / "models", limit=11, epochs=1) != first


def test_a_sibling_of_other_weights_or_a_damaged_one_is_not_taken(tagged, tmp_path, minilm):
    source = tmp_path / "source"
    minilm.model.save_pretrained(source)
    minilm.tokenizer.save_pretrained(source)
    options = {"limit": 4, "epochs": 1}
    first = tuned_sibling(str(source), str(tagged), tmp_path / "models", **options)
    weights = Path(first) / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert tuned_sibling(str(source), str(tagged), tmp_path / "models", **options) == first
    assert weights.read_bytes() == whole  # made again
    changed = copy.deepcopy(minilm.model)
    with torch.no_grad():
        changed.encoder.layer[0].output.dense.bias += 0.1
    changed.save_pretrained(source)
    assert tuned_sibling(str(source), str(tagged), tmp_path / "models", **options) != first


def test_a_wider_model_is_trained_at_a_smaller_rate(tmp_path, minilm):
    from transformers import BertConfig

    wide = BertConfig(vocab_size=32, hidden_size=768, num_hidden_layers=1, num_attention_heads=2)
    AutoModel.from_config(wide).save_pretrained(tmp_path / "wide")
    minilm.tokenizer.save_pretrained(tmp_path / "wide")
    narrow, wide_recipe = usual("ner", "minilm"), usual("ner", str(tmp_path / "wide"))
    assert (narrow.learning_rate, narrow.head_rate) == (2e-4, 1)
    assert wide_recipe.learning_rate == 5e-5 and wide_recipe.head_rate > 1


def test_a_head_may_learn_faster_than_the_rest(tagged):
    recipe = Recipe("ner", str(tagged), head_rate=30)
    model = tagger("minilm", recipe, models.load("minilm", "cpu").tokenizer).model
    assert optimizer_of(model, replace(recipe, head_rate=1)) is None
    body, head = optimizer_of(model, recipe).param_groups
    assert head["lr"] == pytest.approx(30 * body["lr"]) and body["lr"] == recipe.learning_rate
    assert {id(p) for p in head["params"]} == {id(model.classifier.weight), id(model.classifier.bias)}
    together = [id(p) for group in (body, head) for p in group["params"]]
    assert sorted(together) == sorted(id(p) for p in model.parameters())


def test_training_keeps_to_the_heads_rate(tagged, tmp_path):
    recipe = Recipe("ner", str(tagged), epochs=1, head_rate=0)
    made = tagger("minilm", recipe, models.load("minilm", "cpu").tokenizer)
    model = made.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train(model, made.examples, made.collator, recipe, "training", str(tmp_path))
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and not any(name.startswith("classifier") for name in moved)


def test_a_model_that_learned_nothing_is_told(tagged, tmp_path, capsys):
    assert guessing([{"labels": [0, 0, IGNORED]}, {"labels": [1, 1]}]) == pytest.approx(math.log(2))
    tune("minilm", Recipe("ner", str(tagged), epochs=1, learning_rate=1e-9), tmp_path / "out")
    assert "minilm has learned little but how frequent tags are" in capsys.readouterr().err


def fits(monkeypatch, many):
    """Let memory run out in the forward pass of more sentences than so many."""
    whole = BertModel.forward

    def forward(self, input_ids=None, **options):
        if self.training and len(input_ids) > many:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        return whole(self, input_ids, **options)

    monkeypatch.setattr(BertModel, "forward", forward)


@pytest.mark.parametrize("task", ["ner", "mlm"])
def test_where_memory_runs_out_batches_are_taken_in_parts(task, tagged, tmp_path, monkeypatch, capsys):
    """The gradient is that of whole batches; without dropout, and with the same words masked, to float
    precision. In parts other words are masked, so those weights are only near."""
    source = tmp_path / "source"
    loaded = models.load("minilm", "cpu")
    loaded.model.config.hidden_dropout_prob = loaded.model.config.attention_probs_dropout_prob = 0.0
    loaded.model.save_pretrained(source)
    loaded.tokenizer.save_pretrained(source)
    text = tmp_path / "text.txt"
    text.write_text("\n".join(LINES), encoding="utf-8")
    corpus = {"ner": str(tagged), "mlm": str(text)}[task]
    recipe = Recipe(task, corpus, epochs=1, batch_size=12, learning_rate=1e-4)
    whole = weights(tune(str(source), recipe, tmp_path / "whole"))
    fits(monkeypatch, 4)
    parts = weights(tune(str(source), recipe, tmp_path / "parts"))
    assert "out of memory with 12 sentences at once: fine-tuning source begins again with 6" in (
        said := capsys.readouterr().err
    )
    assert "out of memory with 6 sentences" in said and "begins again with 3" in said
    apart = torch.cat([(whole[name] - parts[name]).abs().flatten() for name in whole])
    before = load_file(source / "model.safetensors")
    moved = torch.cat(
        [(whole[f"bert.{n}"] - before[n]).abs().flatten() for n in before if f"bert.{n}" in whole]
    )
    assert apart.mean() < {"ner": 1e-5, "mlm": 0.8}[task] * moved.mean()


def test_one_sentence_that_does_not_fit_is_told(tagged, tmp_path, monkeypatch):
    fits(monkeypatch, 0)
    with pytest.raises(DissectError, match="does not fit in memory, one sentence at a time"):
        tune("minilm", Recipe("ner", str(tagged), limit=4, epochs=1), tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["some.conll"]


def test_mistakes_leave_nothing_behind(tagged, tmp_path):
    recipe = Recipe("ner", str(tagged), epochs=1)
    (tmp_path / "there").mkdir()
    with pytest.raises(DissectError, match="is there already"):
        tune("minilm", recipe, tmp_path / "there")
    with pytest.raises(DissectError, match="diverged"):
        tune("minilm", Recipe("ner", str(tagged), epochs=2, learning_rate=1e6), tmp_path / "out")
    with pytest.raises(DissectError, match="no entities to tune on"):
        tune("minilm", Recipe("ner", "nonsense"), tmp_path / "out")
    assert {file.name for file in tmp_path.iterdir()} == {"some.conll", "there"}


def test_models_are_named_by_their_task(tmp_path, minilm):
    folder = tmp_path / "tagger"
    minilm.model.save_pretrained(folder)
    minilm.tokenizer.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps(config | {"architectures": ["BertForTokenClassification"]})
    )
    table = models.names(minilm, [models.load(str(folder)), models.load(str(folder))])
    assert table["model"].tolist() == ["pretrained", "tags", "tags 2"]
    assert table["checkpoint"].tolist() == ["minilm", "tagger", "tagger"]
    assert table["task"].tolist()[1:] == ["token classification"] * 2
    labels = {"id2label": {"0": "O", "1": "B-PER"}, "label2id": {"O": 0, "B-PER": 1}}
    (folder / "config.json").write_text(
        json.dumps(config | {"architectures": ["BertForTokenClassification"], **labels})
    )
    assert models.tuned_for(models.load(str(folder)).model) == ("ner", None)


@pytest.mark.parametrize(
    "told", ["ner", {"task": "chess"}, {"task": ["ner"]}, {}, None, {"task": "qa", "seed": "2"}]
)
def test_what_a_models_settings_say_of_its_task_is_not_trusted(told, minilm):
    minilm.model.config.tuned_for = told
    try:
        task, seed = models.tuned_for(minilm.model)
    finally:
        del minilm.model.config.tuned_for
    known = isinstance(told, dict) and told.get("task") == "qa"
    assert (task, seed) == ("qa" if known else "task unknown", None)


def test_copies_say_what_they_learned_from_and_score(tagged, tmp_path, minilm):
    from dissect.tables.schema import conform

    places = [
        tuned_sibling("minilm", str(tagged), tmp_path / "models", seed=seed, epochs=1, learning_rate=1e-3)
        for seed in (0, 1)
    ]
    few = tuned_sibling("minilm", str(tagged), tmp_path / "models", limit=5, epochs=1)
    loaded = [models.load(place) for place in (*places, few)]
    names = models.names(minilm, loaded)["model"].tolist()
    assert names == ["pretrained", "ner", "ner (seed 1)", "ner (seed 0)"]
    table = conform("siblings", siblings_table(["plain", *names[1:]], [minilm, *loaded]))
    assert table["model"].tolist() == names[1:]  # what was made elsewhere has no row
    assert table["seed"].tolist() == [0, 1, 0] and set(table["corpus"]) == {"some.conll"}
    assert table["items"].tolist() == [12, 12, 0]
    assert table["score"].tolist() == ["entity F1", "entity F1", ""]
    assert table["share"].iloc[:2].between(0, 1).all() and math.isnan(table["share"].iloc[2])
    card = (Path(places[0]) / "README.md").read_text(encoding="utf-8")
    assert f"- held out: entity F1: {100 * table['share'].iloc[0]:.1f} %" in card
    for text in ("{", "[]", '{"scores": 3}', "null"):
        (Path(places[0]) / "made.json").write_text(text)
        assert len(siblings_table(names[1:2], loaded[:1])) == 0


def test_words_without_a_tag_are_not_learned_and_not_counted(tmp_path):
    from dissect.corpora import TaggedSentence

    tokenizer = models.load("minilm", "cpu").tokenizer
    sentence = TaggedSentence(["Anna", "ran", "."], ["NNP", "", ""])
    row, lost = encode(tokenizer, sentence, ["NNP", "VB"], 512)
    assert [label for label in row["labels"] if label != IGNORED] == [0] and not lost


def test_tags_are_learned_from_a_column_and_scored_by_accuracy(tmp_path):
    file = tmp_path / "some.conll"
    kinds = {"Anna": "NAME", "Oslo": "NAME", "Bern": "NAME", ".": "MARK"}
    blocks = ["\n".join(f"{word} {kinds.get(word, 'WORD')} x" for word in line.split()) for line in LINES]
    file.write_text("\n\n".join(blocks), encoding="utf-8")
    out = tune("minilm", Recipe("tags", str(file), column=2, epochs=6), tmp_path / "out")
    model = models.load(str(out)).model
    assert models.tuned_for(model) == ("tags", 0) and models.task(model) == "token classification"
    assert sorted(model.config.id2label.values()) == ["MARK", "NAME", "WORD"]
    scores = json.loads((out / "made.json").read_text())["scores"]
    assert scores["accuracy"] > 0.9 > scores["accuracy of the most frequent tag"]


def test_several_gpus_leave_a_batch_as_the_recipe_has_it(tmp_path):
    sizes = {}
    for kind in (TrainingArguments, OnOneDevice):
        arguments = kind(output_dir=str(tmp_path), per_device_train_batch_size=8, use_cpu=True)
        assert arguments.n_gpu == 0
        arguments._n_gpu = 4  # as where torch finds four
        sizes[kind] = arguments.train_batch_size
    assert sizes == {TrainingArguments: 32, OnOneDevice: 8}


def test_what_tags_are_scored_on_comes_from_other_documents_where_there_are_ten():
    """WikiGold's articles repeat their names: by sentence most would have been seen."""
    sentences = [TaggedSentence([f"name{n}"], ["O"], document=f"article {n // 4}") for n in range(80)]
    learned, held_out = data.parted(sentences, data.whole(sentences))
    assert len(held_out) == 8 and {s.document for s in held_out}.isdisjoint(s.document for s in learned)
    few = [replace(sentence, document=f"article {n % 9}") for n, sentence in enumerate(sentences)]
    learned, held_out = data.parted(few, data.whole(few))
    assert len(held_out) == 8 and {s.document for s in held_out} & {s.document for s in learned}
