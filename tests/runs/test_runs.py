"""The commands on runs and models: list, compare, verify, export, doctor, check."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from transformers import AutoConfig, AutoModel, BertConfig, BertForMaskedLM, BertModel

from dissect import DissectError
from dissect.cli.runs import folder_of
from dissect.decomposition.families import FAMILIES
from dissect.experiments.probes import Training
from dissect.places import PUBLISHED
from dissect.runs import doctor, manifest, model_check
from dissect.runs.chapters import CHAPTERS, number, unsuited, writer_of
from dissect.runs.requirements import NO_LAYERS, NO_MASK, WORDS_BY_DECODER
from dissect.runs.samples import SUBSET, chosen
from dissect.runs.settings import settings_from
from dissect.runs.verification import verify
from dissect.site import compare, tables_page
from dissect.tables import results, schema
from tests.conftest import tiny

pytestmark = pytest.mark.slow


@pytest.fixture
def copied(small_run, tmp_path) -> Path:
    """The small run, to be damaged."""
    ignored = shutil.ignore_patterns("site", "features", "models")
    return shutil.copytree(small_run, tmp_path / "runs" / "copied", ignore=ignored)


def findings(folder: Path, sample: bool = False) -> pd.Series:
    return verify(folder, sample).set_index("what")["finding"]


def test_a_whole_run_holds_and_its_results_come_out_again(small_run):
    found = findings(small_run, sample=True)
    assert set(found) == {"same"}
    sampled = [number(name) for name in CHAPTERS if f"sample of {name}" in found]
    assert sampled == [2, 3, 4, 5, 7, 8]


def test_an_altered_table_is_found_in_more_than_one_way(copied):
    table = pd.read_parquet(copied / "results" / "senses.parquet")
    table.loc[3, "accuracy"] += 0.01
    table.to_parquet(copied / "results" / "senses.parquet", index=False)
    found = findings(copied)
    assert found["results/senses.parquet"] == found["senses: means of scores"] == "differs"
    assert found["results/entities.parquet"] == "same"


def test_an_altered_result_that_hides_its_traces_is_found_by_the_sample(copied):
    """Score, mean and checksum all altered together: computing it again tells."""
    folder = copied / "results"
    for name, column, rows in (
        ("senses", "accuracy", {"predictor": "knn", "terms": "i+h"}),
        ("senses_intervals", "mean", {"predictor": "knn", "terms": "i+h"}),
    ):
        table = pd.read_parquet(folder / f"{name}.parquet")
        chosen = (table[list(rows)] == pd.Series(rows)).all(axis=1)
        assert chosen.any()
        table.loc[chosen, column] += 0.01
        table.to_parquet(folder / f"{name}.parquet", index=False)
    told = manifest.required(copied)
    told.results = manifest.checksums(folder)
    manifest.write(copied, told)
    found = findings(copied, sample=True)
    assert found["results/senses.parquet"] == found["senses: means of scores"] == "same"
    assert found["sample of 4-wsd"] == "differs" and found["sample of 5-ner"] == "same"


@pytest.mark.parametrize(("by", "finding"), [(0.5, "other hardware"), (2.0, "differs")])
def test_on_other_hardware_a_sample_may_be_apart_by_less_than_its_error(copied, by, finding):
    """By half of the standard error, and by twice that; on the same hardware neither may be."""
    told = manifest.required(copied)
    told.machine["instructions"] = "others"
    path = copied / "results/senses.parquet"
    table = pd.read_parquet(path)
    chosen = (table["predictor"] == "knn") & (table["terms"] == "i+h")
    sure = pd.read_parquet(copied / "results/senses_intervals.parquet").set_index(["predictor", "terms"])
    low, high = sure.loc[("knn", "i+h"), ["low", "high"]]
    table.loc[chosen, "accuracy"] += by * (high - low) / 4
    table.to_parquet(path, index=False)
    told.results = manifest.checksums(copied / "results")
    manifest.write(copied, told)
    assert findings(copied, sample=True)["sample of 4-wsd"] == finding
    told.machine = manifest.machine()
    manifest.write(copied, told)
    assert findings(copied, sample=True)["sample of 4-wsd"] == "differs"


def test_what_is_missing_or_too_many_is_named(copied):
    (copied / "notebooks" / "4-wsd.ipynb").unlink()
    (copied / "results" / "models.parquet").rename(copied / "results" / "more.parquet")
    rows = verify(copied, sample=False).set_index("what")
    assert rows.loc["notebooks/4-wsd.ipynb", "detail"] == "missing"
    assert rows.loc["results/models.parquet", "detail"] == "missing"
    assert rows.loc["results/more.parquet", "detail"] == "the manifest does not name it"


def test_what_cannot_be_computed_again_is_a_finding(copied):
    """A row gone, a parameter gone, a mean that is no number: verify goes on to its end."""
    told = manifest.required(copied)
    told.chapters["5-ner"].parameters.clear()
    table = pd.read_parquet(copied / "results/senses.parquet")
    table[table["terms"] != "i+h"].to_parquet(copied / "results/senses.parquet", index=False)
    table = pd.read_parquet(copied / "results/masked_words_intervals.parquet")
    table.loc[0, "mean"] = float("nan")
    table.to_parquet(copied / "results/masked_words_intervals.parquet", index=False)
    told.results = manifest.checksums(copied / "results")
    manifest.write(copied, told)
    rows = verify(copied, sample=True).set_index("what")
    assert rows.loc["masked_words: means of scores", "finding"] == "differs"
    for chapter in ("4-wsd", "5-ner"):
        assert rows.loc[f"sample of {chapter}", "finding"] == "differs"
        assert "cannot be computed again" in rows.loc[f"sample of {chapter}", "detail"]


def test_another_model_than_the_run_read_is_told(copied):
    told = manifest.required(copied)
    told.revisions["models"]["model"] = "0" * 64
    told.revisions["corpora"]["senses"] = "0" * 64
    manifest.write(copied, told)
    found = findings(copied)
    assert found["model: model"] == found["corpus: senses"] == "differs" and found["corpus: text"] == "same"


def test_runs_are_listed_with_their_state(copied, tmp_path):
    unfinished = manifest.required(copied)
    del unfinished.chapters["4-wsd"]
    for name, text in (("broken", "{"), ("open", unfinished.model_dump_json())):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "manifest.json").write_text(text)
    states = compare.listing(tmp_path / "runs").set_index("run")["state"]
    assert states["copied"] == "finished" and states["open"] == "1 chapters to do"
    assert states["broken"].startswith("damaged") and states["minilm"] == "published"


def test_any_runs_can_be_compared(small_run, copied, tmp_path):
    table = compare.compare([small_run, copied], tmp_path / "compared", site=False)
    assert len(table.columns) == 3 and table.columns[0] == "BERT (paper)"
    row = table.loc["named entities, the best subset, pretrained"]
    assert row.iloc[1] == row.iloc[2] != "–"
    kept = pd.read_parquet(tmp_path / "compared" / "across.parquet")
    assert kept["question"].tolist() == table.index.tolist()
    page = (tmp_path / "compared" / "across.md").read_text(encoding="utf-8")
    assert "small" in page and "copied" in page
    with pytest.raises(DissectError, match="named twice"):
        compare.compare([small_run, small_run], tmp_path)


def test_tables_are_exported_as_csv(small_run, tmp_path):
    files = results.export(small_run / "results", tmp_path)
    assert {file.stem for file in files} == {file.stem for file in (small_run / "results").glob("*.parquet")}
    told = pd.read_csv(tmp_path / "importance.csv")
    kept = pd.read_parquet(small_run / "results" / "importance.parquet")
    pd.testing.assert_frame_equal(told, kept, check_dtype=False)
    with pytest.raises(DissectError, match="no table in"):
        results.export(tmp_path / "nothing", tmp_path)


def test_the_schema_is_kept_to(small_run):
    tables = results.read(small_run / "results")
    assert set(tables) <= set(schema.TABLES)
    dependence = tables["dependence"]
    assert schema.conform("dependence", dependence.iloc[:0])["r2"].dtype == "float64"
    for wrong in (
        dependence.rename(columns={"r2": "R2"}), dependence[["target", "source", "r2"]],
        dependence.assign(r2="high"), dependence.assign(source=1), dependence.assign(more=1),
    ):  # fmt: skip
        with pytest.raises(DissectError, match="table dependence"):
            schema.conform("dependence", wrong)
    with pytest.raises(DissectError, match="schema"):
        schema.conform("more", dependence)
    assert [name for name in schema.TABLES if not writer_of(name)] == ["scorecard", "operating"]
    written = [name for chapter in CHAPTERS.values() for name in chapter.tables]
    assert len(written) == len(set(written)) and set(written) <= set(schema.TABLES)
    page = tables_page.page()
    assert all(f"`{column}`" in page for table in schema.TABLES.values() for column in table.columns)
    used = {
        c
        for name, table in schema.TABLES.items()
        for c in (*table.columns, *(f"{name}.{k}" for k in table.columns))
    }
    assert set(schema.COLUMNS) <= used  # nothing is described that is not there


def test_a_run_is_found_by_name_or_folder(copied, monkeypatch):
    monkeypatch.chdir(copied.parents[1])
    assert folder_of("copied") == Path("runs/copied") and folder_of(str(copied)) == copied
    assert folder_of("minilm").parent.name == "published"
    with pytest.raises(DissectError, match="see dissect list"):
        folder_of("elsewhere")


def test_the_doctor_examines_before_a_long_run():
    found = doctor.examine(settings_from({"limit": 30, "seeds": 1})).set_index("what")
    assert set(found["state"]) <= {"ok", "note"}
    assert found.loc["corpus: text", "detail"].startswith("30 sentences")
    asked = settings_from({}).chapters()
    assert {f"time of {chapter}" for chapter in asked} | set(CHAPTERS).difference(asked) <= set(found.index)


def test_the_doctor_names_what_is_missing(monkeypatch):
    monkeypatch.setattr("pooch.retrieve", lambda *a, **k: (_ for _ in ()).throw(OSError("no network")))
    monkeypatch.delenv("DISSECT_DATA", raising=False)
    settings = {"profile": "paper", "model": "no/such-model", "sections": "5"}
    found = doctor.examine(settings_from(settings)).set_index("what")
    assert found.loc["model no/such-model", "state"] == found.loc["corpus: entities", "state"] == "missing"
    found = doctor.examine(settings_from({"device": "xpu"})).set_index("what")
    assert found.loc["device", "state"] == "missing"


def test_a_sample_is_trained_as_the_search_chose_for_its_subset():
    rows = [
        (SUBSET, 0, "complete", 0.5, 1.0, 1e-3, 0.1, 0.01),
        (SUBSET, 1, "complete", 0.7, 2.0, 2e-3, 0.2, 0.02),
        (SUBSET, 2, "pruned", 0.9, 0.1, 9e-3, 0.9, 0.09), ("f", 0, "complete", 0.99, 0.1, 5e-3, 0.5, 0.05),
    ]  # fmt: skip
    columns = ["terms", "trial", "state", "score", "loss", "learning_rate", "dropout", "weight_decay"]
    table = pd.DataFrame(rows, columns=columns)
    training = chosen(Training(epochs=7), table)
    assert (training.epochs, training.learning_rate, training.dropout) == (7, 2e-3, 0.2)
    assert chosen(Training(epochs=7), table[table["terms"] == "f"]) == Training(epochs=7)


def test_a_run_tells_how_many_seeds_its_chapters_took():
    told = manifest.required(PUBLISHED / "minilm")
    assert manifest.seeds_of(told) == "5"
    told.chapters["5-ner"].parameters["seeds"] = 10
    assert manifest.seeds_of(told) == "5 to 10"
    told.chapters.clear()
    assert manifest.seeds_of(told) == "5"
    rows = doctor.model(settings_from({"head": "minilm"}))[1]
    assert ("head minilm", "missing") in {(what, state) for what, state, _ in rows}


def test_chapters_side_by_side_share_the_threads_and_the_longest_begin():
    alone, two = settings_from({}), settings_from({"jobs": 2})
    assert alone.order(alone.chapters()) == alone.chapters() and alone.threads(4) == 4
    order = two.order(two.chapters())
    assert order[:2] == ["3-mlm", "5-ner"] and sorted(order) == two.chapters()
    assert (two.threads(4), two.threads(1)) == (2, 1)


@pytest.fixture(scope="module")
def others(minilm, tmp_path_factory):
    """Random models of other kinds, with a tokenizer."""
    folder = tmp_path_factory.mktemp("others")
    size = {"vocab_size": len(minilm.tokenizer), "hidden_size": 24, "num_hidden_layers": 2,
            "num_attention_heads": 4, "intermediate_size": 32}  # fmt: skip
    configs = {
        "ernie": AutoConfig.for_model("ernie", **size),
        "gpt2": AutoConfig.for_model("gpt2", vocab_size=size["vocab_size"], n_embd=24, n_layer=2, n_head=4),
        "t5": AutoConfig.for_model("t5", vocab_size=size["vocab_size"], d_model=24, d_kv=6, num_layers=2,
                                   num_heads=4, d_ff=32, decoder_start_token_id=0),
        "canine": AutoConfig.for_model("canine", hidden_size=24, num_hidden_layers=2, num_attention_heads=4,
                                       intermediate_size=32, num_hash_buckets=64, num_hash_functions=2),
    }  # fmt: skip
    torch.manual_seed(0)
    for name, config in configs.items():
        model = AutoModel.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.2)
        model.save_pretrained(folder / name)
        minilm.tokenizer.save_pretrained(folder / name)
    return folder


def test_check_tells_how_exact_a_supported_model_is(others):
    said = model_check.check_model("minilm")
    assert "family bert: supported" in said and "left out" not in said
    assert "s, from attention" not in said and "family t5: supported" in model_check.check_model(
        str(others / "t5")
    )


def test_check_finds_a_row_for_a_family_built_as_a_known_one(others, monkeypatch):
    monkeypatch.delitem(FAMILIES, "ernie")
    with pytest.raises(DissectError, match='"ernie": FAMILIES\\["bert"\\]'):
        model_check.check_model(str(others / "ernie"))
    assert "ernie" not in FAMILIES  # the table is as it was


def test_check_finds_no_row_for_a_family_built_otherwise(others):
    with pytest.raises(DissectError, match="no row for the model family 'canine'; known families"):
        model_check.check_model(str(others / "canine"))


def test_chapters_that_make_no_sense_for_a_model_are_left_out(minilm, others):
    from dissect.models.loading import Loaded, load

    assert unsuited(minilm, CHAPTERS) == {}
    assert unsuited(load(str(others / "t5"), "cpu"), CHAPTERS) == {"3-mlm": WORDS_BY_DECODER}
    assert unsuited(load(str(others / "gpt2"), "cpu"), CHAPTERS) == {}

    class WithoutMask:
        mask_token_id = None

    without = Loaded(minilm.name, minilm.model, WithoutMask())
    assert unsuited(without, CHAPTERS) == {"3-mlm": NO_MASK}
    assert unsuited(Loaded("xlm", tiny("xlm"), minilm.tokenizer), CHAPTERS) == {"8-causes": NO_LAYERS}
    assert unsuited(without, ["4-wsd"]) == {}


def test_a_head_that_is_none_and_a_sibling_of_another_size_are_refused_at_once(minilm, tmp_path):
    from dissect.runs.run import check

    with pytest.raises(DissectError, match="no head for masked words"):
        check(settings_from({"head": "minilm", "sections": (3,)}))
    narrow = BertConfig(
        hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        vocab_size=len(minilm.tokenizer),
    )  # fmt: skip
    few = BertConfig(num_hidden_layers=1, hidden_size=384, intermediate_size=32, vocab_size=1000)
    for name, config in (("narrow", narrow), ("few", few)):
        BertForMaskedLM(config).save_pretrained(tmp_path / name)
        with pytest.raises(DissectError, match=r"does not read embeddings 384 wide and name \d+ word pieces"):
            check(settings_from({"head": str(tmp_path / name), "sections": (3,)}))
    other = tmp_path / "other"
    config = BertConfig.from_dict({**minilm.model.config.to_dict(), "num_hidden_layers": 2})
    BertModel(config).save_pretrained(other)
    minilm.tokenizer.save_pretrained(other)
    with pytest.raises(DissectError, match="has 2 layers, 384 wide, and minilm has 6"):
        check(settings_from({"tuned": str(other), "sections": (2,)}))


def test_runs_without_the_chapter_on_senses_can_be_pictured():
    from dissect.site import across

    assert across.pictures([across.paper()])["across-senses"].axes


def test_a_model_of_another_kind_is_not_mixed_into_a_run(small_run, tmp_path):
    from dissect.runs.run import take_over

    before = manifest.required(small_run)
    now = before.model_copy(deep=True)
    now.settings = now.settings.model_copy(update={"model": "other"})
    with pytest.raises(DissectError, match="another --name"):
        take_over(before, now, {"4-wsd"}, small_run)
    take_over(before, now, set(CHAPTERS), small_run)  # all are run again


@pytest.mark.parametrize(
    ("changes", "again", "said"),
    [
        ({"seeds": 7}, {"4-wsd"}, "chapter 3-mlm of a run with seeds="),
        ({"seeds": 7}, {"3-mlm", "4-wsd", "5-ner", "7-controls", "8-causes"}, None),  # the others have none
        ({"limit": 3}, {"3-mlm", "4-wsd", "5-ner"}, "chapter 1-derivation of a run with limit=60"),
        ({"head": "other"}, {"4-wsd"}, "chapter 3-mlm of a run with head=None"),
        ({"head": "other"}, {"3-mlm"}, "chapter 8-causes of a run with head=None"),
        ({"head": "other"}, {"3-mlm", "8-causes"}, None),
        ({"jobs": 2, "device": "cpu"}, {"4-wsd"}, None),
    ],
)
def test_settings_told_hold_for_all_chapters_of_a_run(small_run, changes, again, said):
    """A part run with other settings is refused where a chapter that is kept had its own."""
    from dissect.runs.run import take_over

    before = manifest.required(small_run)
    now = before.model_copy(deep=True)
    sections = tuple(n for n, name in enumerate(CHAPTERS, start=1) if name in again)
    now.settings = now.settings.model_copy(update={**changes, "sections": sections})
    if said:
        with pytest.raises(DissectError, match=said):
            take_over(before, now, again, small_run)
    else:
        take_over(before, now, again, small_run)
        assert set(now.settings.chapters()) == set(now.chapters) == set(before.chapters)
        every = ",".join(str(n) for n, name in enumerate(CHAPTERS, start=1) if name in before.chapters)
        assert f"--sections {every} " in now.command  # more than the profile's own
