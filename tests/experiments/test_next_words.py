"""Next words, which models that see no token ahead are asked for in the place of masked ones."""

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from dissect import models
from dissect.decomposition import subsets
from dissect.experiments import controls, masked_words, reading
from dissect.experiments.masking import asked_text, mask_text, next_text
from dissect.experiments.probes import Training
from dissect.models import MASKED, NEXT
from tests.conftest import LLAMA, tiny
from tests.tokenizers_of_each_kind import word_pieces

LINES = ["Anna went to Oslo .", "Oslo is cold .", "I met Anna .", "Bern is not Oslo ."] * 20
QUICK = Training(epochs=2, learning_rate=0.01)


@pytest.fixture(scope="module")
def llama(tmp_path_factory) -> models.Loaded:
    """A decoder with a head, whose tokenizer has a mask token all the same, and begins with a special one."""
    tokenizer, folder = word_pieces(LINES), tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    config = LlamaConfig(**LLAMA | {"vocab_size": len(tokenizer)})
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return models.load(str(folder), "cpu")


@pytest.fixture(scope="module")
def targets(llama) -> masked_words.MaskedTargets:
    return masked_words.masked_targets(llama, LINES, 2, 0)


def test_the_label_is_the_token_after_the_position_and_nothing_is_masked(llama):
    asked = next_text(llama, LINES, rate=0.5)
    rows = llama.tokenizer(LINES)["input_ids"]
    special = set(llama.tokenizer.all_special_ids)
    assert len(asked.targets) == len(asked.labels) == len(asked.source) > 50
    assert asked.asked == NEXT and asked.stood == []
    for (sentence, position), label, source in zip(asked.targets, asked.labels, asked.source, strict=True):
        assert asked.input_ids[sentence] == rows[source]
        assert rows[source][position + 1] == label
        assert not special & {rows[source][position], label}


def test_positions_are_drawn_at_the_rate_with_the_seed(llama):
    lines = LINES * 30
    rows = llama.tokenizer(lines)["input_ids"]
    special = set(llama.tokenizer.all_special_ids)
    may = sum(not special & {a, b} for row in rows for a, b in zip(row, row[1:], strict=False))
    for times, share in ((1, 0.15), (2, 1 - 0.85**2), (3, 1 - 0.85**3)):
        asked = next_text(llama, lines, times=times)
        assert len(asked.targets) / may == pytest.approx(share, abs=0.02)
        assert len(set(asked.targets)) == len(asked.targets)  # what reads the same counts once
    assert next_text(llama, lines).targets == next_text(llama, lines).targets
    assert next_text(llama, lines).targets != next_text(llama, lines, seed=1).targets
    all_of = next_text(llama, LINES[:1], rate=1.0)
    assert [position for _, position in all_of.targets] == list(range(1, len(rows[0]) - 1))


def test_architecture_decides_what_is_asked_and_not_the_mask_token(llama, tmp_path):
    assert asked_text(llama, LINES) == next_text(llama, LINES)
    tiny("bert", dtype=torch.float32, vocab_size=len(llama.tokenizer)).save_pretrained(tmp_path)
    llama.tokenizer.save_pretrained(tmp_path)
    bert = models.load(str(tmp_path), "cpu")
    assert asked_text(bert, LINES, 2, 5) == mask_text(bert, LINES, times=2, seed=5)
    assert asked_text(bert, LINES).asked == MASKED


def test_a_target_has_the_terms_of_its_position(llama, targets):
    asked = next_text(llama, LINES, times=2)
    assert targets.labels.tolist() == asked.labels and targets.source == asked.source
    assert targets.called == "next words" and targets.stood is None
    x = targets.features.subset("i+h+f+c")
    for n in (0, 3, len(x) - 1):
        sentence, position = asked.targets[n]
        ids = torch.tensor([asked.input_ids[sentence]])
        assert torch.allclose(x[n], llama.model(ids).last_hidden_state[0, position], atol=1e-4)


def test_the_models_own_head_is_right_where_the_model_is(llama, targets):
    """On whole embeddings its answers and its losses are those of the model's logits."""
    asked, head = next_text(llama, LINES, times=2), models.load_word_head(llama)
    split = targets.split(0)
    said = masked_words.read(targets, ["i+h+f+c"], split, head, 0)["i+h+f+c"]
    model = AutoModelForCausalLM.from_pretrained(llama.name).eval()
    for place, n in enumerate(split.test.tolist()):
        sentence, position = asked.targets[n]
        with torch.no_grad():
            logits = model(torch.tensor([asked.input_ids[sentence]])).logits[0, position]
        chance = logits.log_softmax(-1)[asked.labels[n]]
        assert said["log_chance"][place].item() == pytest.approx(chance.item(), abs=1e-4)


def test_all_subsets_are_read_by_both_heads_and_no_score_of_the_mask_is_told(llama, targets):
    found = masked_words.masked_words(targets, [0, 1], models.load_word_head(llama), QUICK)
    for predictor, seeds in (("learned", 2), ("pretrained", 1)):
        rows = found.scores[found.scores["predictor"] == predictor]
        assert len(rows) == 16 * seeds and set(rows["terms"]) == set(subsets())
    assert set(found.intervals["score"]) == {"accuracy", "cross_entropy"}
    assert "stood" not in found.more


def test_the_task_of_controls_and_causes_is_the_same_one(llama, targets):
    task = controls.masked_task(llama, LINES, 2)
    assert task.name == "next words"
    assert torch.equal(task.items.labels, targets.labels)
    text = reading.masked_text(llama, LINES, 2, task)
    x = reading.vectors_at(llama, text, lambda **batch: llama.model(**batch).last_hidden_state)
    assert torch.allclose(x, task.items.features.subset("i+h+f+c"), atol=1e-4)
    makers = controls.tasks(llama, LINES, 2, None, None)
    assert len(makers) == 3
