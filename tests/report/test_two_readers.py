"""Two readers of one term, in worlds whose words stand where we put them."""

import numpy as np
import pandas as pd
import pytest
import torch

from dissect.experiments.certainty import Estimate
from dissect.experiments.masked_words import MaskedTargets, masked_words
from dissect.experiments.probes import Training
from dissect.features import Features
from dissect.models import MASKED, NEXT
from dissect.report import two_readers as readers
from dissect.report.readings import LEARNED_FOR_WHOLE, means
from dissect.tables import Results

ITEMS, TYPES = 600, 6
QUICK = Training(epochs=12, learning_rate=0.03, dropout=0.0, patience=3)
ONE_HOT = torch.eye(TYPES)


def world(f_reads: str, asked: str = MASKED) -> MaskedTargets:
    """Targets whose word is in h, and again in f.

    Args:
        f_reads: "as the whole": f has the word in the place where h has it. "turned": f has it in the place
            of the next word, and less of it, so that in the whole h's place is the right one.
            "nothing": f is noise.
        asked: Which words are guessed.
    """
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, TYPES, ITEMS))
    word = ONE_HOT[labels]
    terms = torch.from_numpy(rng.normal(0, 0.1, (4, ITEMS, TYPES))).float()
    terms[1] += 3 * word
    if f_reads == "as the whole":
        terms[2] += 3 * word
    if f_reads == "turned":
        terms[2] += word.roll(1, dims=1)
    stood = None if asked == NEXT else ["mask"] * ITEMS
    return MaskedTargets(Features([terms], torch.arange(ITEMS), 0), labels, list(range(ITEMS)), stood, asked)


def asked_of(targets: MaskedTargets, head: torch.nn.Module | None = None) -> tuple[Results, Results]:
    found = masked_words(targets, [0, 1], head, QUICK)
    return found, readers.two_readers(targets, found, [0, 1], QUICK)


def accuracy(results: Results, predictor: str) -> pd.Series:
    return means(results.scores, predictor, "accuracy")


def test_a_term_that_has_the_word_elsewhere_is_read_by_its_own_head_alone() -> None:
    found, both = asked_of(world("turned"))
    own, whole = accuracy(both, "learned"), accuracy(both, LEARNED_FOR_WHOLE)
    assert own["f"] > 0.9 and whole["f"] < own[""] + 0.05
    assert whole["h"] > 0.9  # it is f that it cannot read
    assert "misses" in readers.readers_note(both)


def test_a_term_that_has_the_word_where_the_whole_has_it_is_read_by_both() -> None:
    _, both = asked_of(world("as the whole"))
    own, whole = accuracy(both, "learned"), accuracy(both, LEARNED_FOR_WHOLE)
    assert own["f"] > 0.9 and whole["f"] > 0.9
    assert "do not decide" in readers.readers_note(both)


def test_nobody_reads_noise_and_nothing_is_concluded_from_it() -> None:
    _, both = asked_of(world("nothing"))
    own, whole = accuracy(both, "learned"), accuracy(both, LEARNED_FOR_WHOLE)
    assert max(own["f"], whole["f"]) < own[""] + 0.1
    assert "misses" not in readers.readers_note(both)


@pytest.mark.parametrize("asked", [MASKED, NEXT])
def test_on_whole_embeddings_it_is_the_learned_head_itself(asked: str) -> None:
    """To the last digit, seed by seed: what is read with is what the run learned."""
    _, both = asked_of(world("turned", asked))
    of = both.scores[both.scores["terms"] == "i+h+f+c"].set_index(["predictor", "seed"])
    for score in ("accuracy", "cross_entropy"):
        assert of.loc["learned", score].to_list() == of.loc[LEARNED_FOR_WHOLE, score].to_list()


def test_it_reads_a_subset_as_the_formula_has_it() -> None:
    """The chapter's equation, written out with means and deviations of numpy's."""
    targets = world("turned")
    split = targets.split(0)
    head = readers.HeadForWhole(targets, split, QUICK, 0)
    seen = targets.features.subset("i+h+f+c")[split.train].double().numpy()
    x = targets.features.subset("f")[:9].double().numpy()
    weights, bias = (one.detach().double().numpy() for one in (head.linear.weight, head.linear.bias))
    with torch.no_grad():
        logits = head(targets.features.subset("f")[:9]).numpy()
    np.testing.assert_allclose(
        logits, (x - seen.mean(0)) / seen.std(0) @ weights.T + bias, rtol=1e-4, atol=1e-4
    )


def test_a_type_that_training_never_had_cannot_be_named() -> None:
    targets = world("turned")
    split = targets.split(0)
    targets.labels[split.test[0]] = TYPES + 1
    said = readers.read_by_whole(targets, ["h"], split, QUICK, 0)["h"]
    assert said["log_chance"][0] == -torch.inf and said["log_chance"][1:].isfinite().all()
    assert set(said["predicted"].tolist()) <= set(range(TYPES))


class Given(torch.nn.Module):
    """A head that a checkpoint came with."""

    kind = "pretrained"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Says what is written largest in the vector."""
        return x


def test_where_a_model_has_a_head_that_is_asked_and_none_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "HeadForWhole", None)
    found, both = asked_of(world("turned"), Given())
    assert list(both.scores["predictor"].unique()) == ["learned", "pretrained"]
    assert accuracy(both, "pretrained").equals(accuracy(found, "pretrained"))
    note = readers.readers_note(both)
    assert "pretrained head" in note and LEARNED_FOR_WHOLE not in note and "same head" not in note


def test_what_the_run_keeps_has_no_scores_of_it() -> None:
    """Claims are judged by these tables, which must not take it for a head of the model's."""
    found, both = asked_of(world("turned"))
    assert LEARNED_FOR_WHOLE in set(both.scores["predictor"])
    for table in (found.scores, found.groups, found.intervals, found.pairs):
        assert set(table["predictor"]) == {"learned", "permuted"}


SURE, NONE = Estimate(0.075, 0.01, 39), Estimate(0.01, 0.02, 39)


@pytest.mark.parametrize(
    ("gap", "lead", "said"),
    [
        (SURE, SURE, "finds words in **f** that the head for whole embeddings misses"),
        (SURE, NONE, "may say nothing of the words to either"),
        (Estimate(-0.075, 0.01, 39), SURE, "better than its own head"),
        (NONE, SURE, "do not decide"),
        (Estimate(0.3, float("nan"), float("nan")), SURE, "do not decide"),  # one group of test items alone
    ],
)
def test_what_follows_is_what_the_intervals_let_follow(gap: Estimate, lead: Estimate, said: str) -> None:
    assert said in readers.verdict(gap, lead)


def test_the_note_has_the_numbers_of_the_tables() -> None:
    _, both = asked_of(world("turned"))
    own, whole = accuracy(both, "learned"), accuracy(both, LEARNED_FOR_WHOLE)
    for number in (own["f"], whole["f"], own[""]):
        assert any(f"{100 * number:.{n}f} %" in readers.readers_note(both) for n in (0, 1, 2))
