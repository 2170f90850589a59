"""What a verification computes again is what a run has, and tells where a run has something else."""

import pandas as pd
import pytest

from dissect import DissectError, corpora, models
from dissect.experiments import controls, cosines, word_senses
from dissect.runs import manifest, samples, verification
from dissect.runs.settings import settings_from

FEW = 60  # sentences


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """The parameters of a chapter on a text of one's own, in which a sentence is too long for the model."""
    text = corpora.text("teaching")[:FEW]
    file = tmp_path_factory.mktemp("text") / "some.txt"
    file.write_text("\n".join([*text[:7], "word " * 600, *text[7:]]), encoding="utf-8")
    return {"model": "minilm", "corpus": str(file), "limit": None}


def text_of(read):
    return corpora.text(read["corpus"], read["limit"])


def apart(again):
    """Which numbers differ by more than they may, and where they may be on other hardware."""
    then, now, allowed, spread = again
    assert then.shape == now.shape
    return abs(then - now) > allowed, spread


def test_importance_of_random_weights_is_found_again_in_a_group_of_sentences(minilm, read):
    groups = controls.importance(minilm, text_of(read), [0, 1]).groups
    differs, _ = apart(samples.random_importance(read, {"controls_importance_groups": groups}))
    assert differs.shape == (7 * 4,) and not differs.any()
    here = (groups["weights"] == "random") & (groups["seed"] == 0) & (groups["layer"] == 3)
    altered = groups.assign(
        value=groups["value"].where(~here | (groups["term"] != "f"), groups["value"] + 1e-3)
    )
    differs, _ = apart(samples.random_importance(read, {"controls_importance_groups": altered}))
    assert differs.tolist() == [(layer, term) == (3, "f") for layer in range(7) for term in "ihfc"]
    trained = groups.assign(weights=groups["weights"].map({"random": "trained", "trained": "random"}))
    assert apart(samples.random_importance(read, {"controls_importance_groups": trained}))[0].any()


def test_nearest_word_pieces_are_found_again(minilm, read):
    table = cosines.word_types(minilm, text_of(read)).table()
    differs, spread = apart(samples.word_types(read, {"word_types": table.sample(frac=1, random_state=0)}))
    assert differs.shape == (7 * 3,) and not differs.any() and (spread[1:] >= 0).all() and spread.any()
    here = (table["layer"] == 2) & (table["terms"] == "h+f+c")
    altered = table.assign(mean=table["mean"] + 1e-6 * here)
    assert apart(samples.word_types(read, {"word_types": altered}))[0].sum() == 1
    assert (
        apart(samples.word_types(read, {"word_types": table[~here]}))[0].sum() == 0
    )  # nan, which is neither
    then, *_ = samples.word_types(read, {"word_types": table[~here]})
    assert pd.isna(then).sum() == 1


def test_neighbours_are_found_again_by_item_and_by_document(minilm):
    items = word_senses.sense_terms(minilm, corpora.senses("teaching"))
    splits = {"senses": items.split(0), "senses_documents": items.split_by_document(0)}
    tables = {}
    for name, split in splits.items():
        unit = word_senses.Unit(
            word_senses.EXPERIMENT, "knn", word_senses.partial(word_senses.neighbours, k=5), items, split, 0
        )
        found = word_senses.results([unit])
        tables |= {name: found.scores, f"{name}_intervals": found.intervals}
    parameters = {"model": "minilm", "corpus": "teaching", "limit": None, "seed": 0}
    differs, errors = apart(samples.senses(parameters, tables))
    assert differs.tolist() == [False, False] and (errors > 0).all()
    other = tables["senses_documents"]
    altered = tables | {"senses_documents": other.assign(accuracy=other["accuracy"] + 0.01)}
    assert apart(samples.senses(parameters, altered))[0].tolist() == [False, True]
    first = {name: table for name, table in tables.items() if "documents" not in name}  # as the first runs
    assert apart(samples.senses(parameters, first))[0].tolist() == [False]


def test_a_model_that_is_linked_into_a_run_is_named_by_its_place_there(minilm, tmp_path):
    folder, model = tmp_path / "runs/mine", models.location("minilm")
    link = folder / "models/all-minilm"
    link.parent.mkdir(parents=True)
    link.symlink_to(model)
    told = manifest.begun(settings_from({"model": str(link), "head": str(link)}), folder, {})
    assert told.settings.model == told.settings.head == "./models/all-minilm"
    assert str(tmp_path) not in told.model_dump_json() and "../" not in told.model_dump_json()
    assert verification.model_revision(folder, told, "model") == models.fingerprint(minilm.model)
    link.unlink()
    for name in ("model", "head", "tokenizer of model"):
        with pytest.raises(DissectError, match=f"put them, or a link to them, at {link}$"):
            verification.model_revision(folder, told, name)
