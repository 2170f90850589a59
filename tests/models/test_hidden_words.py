"""A head for masked words is scored on sentences that neither its training nor the chapter reads."""

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from dissect import models
from dissect.corpora import named, rest_of_text, text
from dissect.models.finetuning import Recipe, head_table, scores, siblings_table, tune
from dissect.models.finetuning.data import DRAW, IGNORED
from dissect.models.finetuning.hidden_words import Masking, guesser, score_of
from dissect.runs import provenance
from dissect.runs.settings import PROFILES, settings_from
from dissect.tables.schema import conform
from tests.conftest import tiny
from tests.models.test_heads import saved, with_masked_head
from tests.tokenizers_of_each_kind import word_pieces

LINES = [f"{who} went to {where} {when} ." for who in ("Anna", "Ben", "Ida", "Leo")
         for where in ("Oslo", "Bern", "Rome", "Graz") for when in ("today", "now", "again")]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    return word_pieces(LINES)


@pytest.fixture(scope="module")
def untrained(tokenizer, tmp_path_factory):
    model = tiny("bert", dtype=torch.float32, vocab_size=len(tokenizer))
    return saved(model, tokenizer, tmp_path_factory.mktemp("models") / "source")


@pytest.fixture(scope="module")
def head(untrained, tmp_path_factory):
    """The folder of a head that was trained on the lines, on top of a model that was left as it is."""
    folder = tmp_path_factory.mktemp("heads")
    (folder / "some.txt").write_text("\n".join(LINES * 2), encoding="utf-8")
    recipe = Recipe("mlm", str(folder / "some.txt"), epochs=3, learning_rate=1e-2, frozen=True)
    return tune(untrained, recipe, folder / "head")


def test_guesses_are_scored_as_counted_by_hand():
    right, said = torch.tensor([7, 7, 3, 5]), torch.tensor([7, 1, 3, 1])
    masked = torch.tensor([True, True, False, True])
    assert scores.of_guesses(right, said, torch.tensor([0.5, 1.5, 1.0, 3.0]), masked) == {
        scores.ACCURACY: 0.5, scores.OF_MASKS: pytest.approx(1 / 3), scores.OF_MOST_FREQUENT: 0.5,
        scores.LOSS: 1.5,
    }  # fmt: skip
    nowhere = scores.of_guesses(right, said, torch.ones(4), torch.zeros(4, dtype=torch.bool))
    assert scores.OF_MASKS not in nowhere and nowhere[scores.ACCURACY] == 0.5
    assert scores.of_guesses(*torch.zeros(3, 0), torch.zeros(0, dtype=torch.bool)) == {}


@pytest.mark.parametrize("family", ["bert", "mpnet", "albert", "modernbert"])
def test_a_score_is_what_the_whole_model_says_of_the_same_masks(family, tokenizer):
    model = with_masked_head(family, vocab_size=len(tokenizer))
    ids = [tokenizer(line)["input_ids"] for line in LINES[:20]]
    batch = Masking(tokenizer, DRAW)([{"input_ids": row} for row in ids])
    labels, known = batch["labels"], batch["labels"] != IGNORED
    with torch.no_grad():
        logits = model(**{name: batch[name] for name in ("input_ids", "attention_mask")}).logits[known]
    right = (logits.argmax(-1) == labels[known]).double()
    found = score_of(model.train(), tokenizer, ids)  # without its dropout, too
    assert found[scores.LOSS] == pytest.approx(F.cross_entropy(logits, labels[known]).item(), rel=1e-4)
    assert found[scores.ACCURACY] == pytest.approx(right.mean().item())
    where = batch["input_ids"][known] == tokenizer.mask_token_id
    assert 0 < where.sum() < known.sum()
    assert found[scores.OF_MASKS] == pytest.approx(right[where].mean().item())


def test_no_sentence_that_is_drawn_is_learned_from_or_scored_on(untrained, tokenizer, monkeypatch):
    several = [*LINES, *LINES[:20], *LINES[5:9]]  # as Europarl's, which come again
    monkeypatch.setattr(named.europarl, "packaged", lambda: [("session", line) for line in several])
    monkeypatch.setattr(named, "DRAWN", 25)
    drawn, rest = set(text("europarl", 25, seed=0)), rest_of_text("europarl")
    pieces = {line: tuple(tokenizer(line)["input_ids"]) for line in LINES}
    made = [guesser(untrained, Recipe("mlm", "europarl", seed=seed), tokenizer) for seed in (0, 1)]
    learned = {tuple(row["input_ids"]) for row in made[0].examples}
    assert {pieces[line] for line in drawn}.isdisjoint(learned)
    unseen = {pieces[line] for line in rest} - learned
    assert unseen and made[0].examples == made[1].examples
    together = sum(pieces[line] in unseen for line in rest)
    assert (made[0].many, made[0].held_out) == (len(rest) - together, together)


@pytest.mark.parametrize("profile", PROFILES.values())
def test_a_run_draws_no_more_of_europarl_than_a_head_leaves_out(profile):
    assert profile.text != "europarl" or (profile.sentences or math.inf) <= named.DRAWN


def test_what_a_head_was_trained_on_and_scores_stands_in_its_card_and_in_a_table(head):
    told = json.loads((head / "made.json").read_text(encoding="utf-8"))
    assert told["learned"] + told["held_out"] == 2 * len(LINES) and told["held_out"] % 2 == 0
    card = (head / "README.md").read_text(encoding="utf-8")
    for name, value in told["scores"].items():
        assert f"- held out: {name}: {scores.in_words(name, value)}\n" in card
    table = conform("masked_words_head", head_table(models.load_masked_head(str(head))))
    assert table.iloc[0].tolist() == [
        "some.txt", told["learned"], told["held_out"],
        *map(told["scores"].get, (scores.ACCURACY, scores.OF_MASKS, scores.OF_MOST_FREQUENT, scores.LOSS)),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"task": "mlm", "scores": 3}', '{"task": "ner"}'])
def test_a_head_that_does_not_tell_has_no_row(text, head, tmp_path):
    loaded = models.load_masked_head(str(head))
    loaded.model.config._name_or_path = loaded.model.name_or_path = str(tmp_path)
    assert len(conform("masked_words_head", head_table(loaded))) == 0
    (tmp_path / "made.json").write_text(text, encoding="utf-8")
    assert len(head_table(loaded)) == len(head_table(None)) == 0


def test_the_manifest_tells_what_the_head_is(untrained, head, tmp_path):
    def told(**options) -> dict[str, str]:
        return provenance.of_head(settings_from({"model": untrained, **options}))

    row = head_table(models.load_masked_head(str(head))).iloc[0]
    found = told(head=str(head), sections="3")
    assert found == {"kind": "trained afterwards", **{name: str(value) for name, value in row.items()}}
    assert told(sections="3") == told(sections="4") == {}  # it has no head; and no chapter reads with one
    tokenizer = word_pieces(LINES)
    own = saved(with_masked_head("bert", vocab_size=len(tokenizer)), tokenizer, tmp_path / "own")
    assert provenance.of_head(settings_from({"model": own, "sections": "3"})) == {"kind": "pretrained"}
    assert not Path(untrained, "made.json").exists()


def test_a_loss_is_not_among_the_shares_of_siblings(head):
    table = conform("siblings", siblings_table(["mlm"], [models.load(str(head), "cpu")]))
    assert table["score"].tolist() == [scores.ACCURACY, scores.OF_MASKS, scores.OF_MOST_FREQUENT]
    assert table["share"].between(0, 1).all()
