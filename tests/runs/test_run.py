"""A whole run on little data, and what goes wrong before and in one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from dissect import DissectError
from dissect.cli import main
from dissect.places import ROOT
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import required
from dissect.runs.run import check, key_of, run
from dissect.runs.settings import settings_from
from dissect.tables import CONTROL
from dissect.tables.results import save

pytestmark = pytest.mark.slow

TABLES = {
    "exactness", "dependence", "feedforward_r2", "models", "siblings",
    "importance", "importance_groups", "correlation", "correlation_groups",
    *(f"masked_words{part}" for part in ("", "_groups", "_intervals", "_pairs", "_search", "_stood")),
    "masked_words_head",
    *(f"{name}{part}" for name in ("senses", "senses_documents", "entities")
      for part in ("", "_groups", "_intervals", "_pairs", "_search", "_agreement", "_consistency")),
    "senses_corpus", "senses_splits",
    "finer_layers", "finer_heads", "finer_sources", "finer_units", "scorecard", "operating",
    *(f"{name}{part}" for part in ("", "_groups")
      for name in ("controls_importance", "controls_scores", "controls_selectivity", "controls_joined",
                   "causes", "rescaled", "anisotropy", "word_types", "updates", "layer_order")),
}  # fmt: skip


def test_a_run_leaves_chapters_tables_and_a_manifest(small_run):
    assert {p.stem for p in (small_run / "notebooks").iterdir()} == set(CHAPTERS)
    assert {p.stem for p in (small_run / "results").iterdir()} == TABLES
    manifest = json.loads((small_run / "manifest.json").read_text())
    assert set(manifest["chapters"]) == set(CHAPTERS)
    assert manifest["versions"]["torch"] and manifest["settings"]["limit"] == 60
    importance = pd.read_parquet(small_run / "results" / "importance.parquet")
    assert importance.groupby(["model", "layer"])["mean"].sum().between(0.999, 1.001).all()
    for name in ("senses", "senses_documents"):
        senses = pd.read_parquet(small_run / "results" / f"{name}.parquet")
        rows = senses.groupby(["predictor", "seed"]).size()
        assert rows[["knn", "classifier"]].eq(16).all() and rows["most frequent sense"].eq(1).all()
        assert rows["permuted"].eq(2).all()


def test_no_path_of_this_machine_is_in_a_run(small_run):
    for file in [small_run / "manifest.json", *(small_run / "notebooks").iterdir()]:
        text = file.read_text(encoding="utf-8")
        assert str(small_run.parent) not in text and str(ROOT) not in text, file.name


def test_executed_chapters_are_whole(small_run):
    for path in (small_run / "notebooks").iterdir():
        book = nbformat.read(path, as_version=4)
        nbformat.validate(book)
        assert not any(out.output_type == "error" for c in book.cells for out in c.get("outputs", []))


def test_the_same_run_again_executes_nothing(small_run):
    said = []
    before = {p: p.stat().st_mtime_ns for p in (small_run / "notebooks").iterdir()}
    run(required(small_run).settings, small_run.parent, say=said.append)
    assert sum("up to date" in line for line in said) == len(CHAPTERS)
    assert before == {p: p.stat().st_mtime_ns for p in (small_run / "notebooks").iterdir()}


def test_committed_chapters_have_no_outputs_and_one_parameters_cell():
    import papermill

    for chapter in CHAPTERS:
        path = ROOT / "notebooks" / f"{chapter}.ipynb"
        book = nbformat.read(path, as_version=4)
        code = [c for c in book.cells if c.cell_type == "code"]
        assert not any(c.outputs or c.execution_count for c in code), chapter
        assert sum("parameters" in c.metadata.get("tags", []) for c in book.cells) == 1
        assert max(len(c.source.splitlines()) for c in code) <= 20
        known = set(papermill.inspect_notebook(str(path)))
        for profile in ("teach", "paper"):
            settings = settings_from({"profile": profile})
            assert set(settings.parameters(chapter, Path("runs/x"), [])) <= known


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit=0"),
        ({"sections": (1, 9)}, "sections"),
        ({"sections": ()}, "sections"),
        ({"profile": "quick"}, "profile='quick'"),
        ({"name": "../elsewhere"}, "letters, digits"),
        ({"name": "<b>"}, "letters, digits"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_settings_are_one_sentence(options, message):
    with pytest.raises(DissectError, match=message) as caught:
        settings_from(options)
    assert "\n" not in str(caught.value)


def no_network(*args, **options):
    raise OSError("no network")


def test_what_is_missing_is_said_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.delenv("DISSECT_DATA", raising=False)
    with pytest.raises(DissectError, match="no model could be loaded as 'no/such-model'"):
        run(settings_from({"model": "no/such-model"}), tmp_path)
    monkeypatch.setattr("pooch.retrieve", no_network)
    with pytest.raises(DissectError, match="DISSECT_DATA"):
        check(settings_from({"profile": "paper", "model": "minilm", "sections": (5,)}))
    assert not list(tmp_path.iterdir())


def test_the_paper_profile_takes_the_papers_models_unless_told_otherwise():
    paper = settings_from({"profile": "paper"})
    assert paper.model == "bert-base-uncased" and len(paper.tuned) == 2
    assert settings_from({"profile": "paper", "model": "minilm"}).tuned == ()
    assert settings_from({}).model == "minilm"
    two = settings_from({"tuned": ["a", "b"]}).parameters("5-ner", Path("runs/x"), ["b", "a"])
    assert two["tuned"] == "b"  # the one for entities comes first


def test_a_failing_chapter_keeps_the_finished_ones(monkeypatch, small_run, tmp_path):
    """A chapter whose corpus holds no usable word fails; nothing stands where its result should."""
    words = tmp_path / "words.txt"
    words.write_text("one\n")
    settings = settings_from({"name": "fails", "corpus": str(words), "sections": (1, 4)})
    with pytest.raises(DissectError, match=r"chapter 1-derivation failed.*more sentences"):
        run(settings, tmp_path)
    assert not (tmp_path / "fails/notebooks/1-derivation.ipynb").exists()
    assert (tmp_path / "fails/notebooks/1-derivation.failed").exists()


def test_tables_are_written_whole(tmp_path):
    table = pd.DataFrame({"source": ["i"], "target": ["h"], "r2": [0.5]})
    assert save(table, "dependence", None) is table
    save(table, "dependence", tmp_path)
    assert pd.read_parquet(tmp_path / "dependence.parquet").equals(table)
    assert [p.name for p in tmp_path.iterdir()] == ["dependence.parquet"]


def dissect(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "dissect.cli", *arguments],
        capture_output=True, text=True, env={**os.environ, "COLUMNS": "100", **environment},
    )  # fmt: skip


def test_names_no_file_can_have_are_names_that_are_not_there(tmp_path):
    from dissect import corpora
    from dissect.errors import MissingCorpus
    from dissect.runs.settings import settings_file
    from dissect.site.markdown import shown

    with pytest.raises(MissingCorpus):
        corpora.text("x" * 300)
    assert shown("x" * 300) == "x" * 300
    (tmp_path / "file").touch()
    with pytest.raises(DissectError, match="give a YAML file"):
        settings_file(tmp_path / "file" / "run.yaml")


def test_explain_refuses_what_is_no_text(minilm):
    from dissect.experiments.explain import explain

    with pytest.raises(DissectError, match="UTF-8"):
        explain(minilm, "tea \udce9")


def test_explain_prints_tokens_by_terms():
    done = dissect("explain", "The crane [sic] stood.")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    rows = [line.split("│")[1:-1] for line in lines if line.startswith("│")]
    assert [r[0].strip() for r in rows][:3] == ["[CLS]", "the", "crane"]
    assert all(abs(sum(map(float, r[1:])) - 1) < 0.003 for r in rows)


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", ""),
        ("explain", "word " * 600),
        ("explain", "some words", "--layer", "9"),
        ("explain", "some words", "--model", "no/such-model"),
        ("run", "--sections", "one"),
        ("run", "--limit", "0"),
        ("run", "--model", "no/such-model"),
    ],
)
def test_mistakes_end_in_one_sentence_and_a_non_zero_exit(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["dissect", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("dissect: ") and len(said.strip().splitlines()) == 1


def test_a_mistake_ends_the_process_so():
    done = dissect("explain", "")
    assert done.returncode == 1
    assert done.stderr.startswith("dissect: ") and len(done.stderr.strip().splitlines()) == 1


def test_help_names_the_commands_and_their_options():
    text = dissect("--help").stdout + dissect("run", "--help").stdout
    for word in ("run", "explain", "--profile", "--model", "--tuned", "--sections", "--limit"):
        assert word in text


def test_a_sibling_tuned_on_real_text_is_compared_with(shared, tmp_path):
    """The default model's, on WikiGold; entities of WNUT 2016. A little of each."""
    env = {"NLTK_DATA": str(shared / "nltk_data"), "DISSECT_DATA": str(shared)}
    done = subprocess.run(
        [sys.executable, "-m", "dissect.cli", "run", "--name", "real", "--profile", "paper",
         "--model", "minilm", "--sections", "5", "--limit", "40", "--seeds", "1", "--no-site"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    entities = pd.read_parquet(tmp_path / "runs/real/results/entities.parquet")
    assert set(entities["predictor"]) == {"base", "finetuned", CONTROL}


def test_the_paper_profile_runs_on_real_corpora_with_its_three_models_by_name(
    corpora_here, shared, tmp_path, monkeypatch
):
    """All chapters on Europarl, SemCor and WNUT 2016, a little of each, without an option: `from_pretrained`
    on the paper's names, here little models in folders so called."""
    from transformers import (
        BertConfig,
        BertForMaskedLM,
        BertForQuestionAnswering,
        BertForTokenClassification,
    )

    from dissect import models

    monkeypatch.chdir(tmp_path)
    tokenizer = models.load("minilm").tokenizer
    config = BertConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        vocab_size=len(tokenizer),
    )  # fmt: skip
    paper = settings_from({"profile": "paper", "limit": 40, "seeds": 2})
    kinds = (BertForMaskedLM, BertForQuestionAnswering, BertForTokenClassification)
    for name, kind in zip((paper.model, *reversed(paper.tuned)), kinds, strict=True):
        kind(config).save_pretrained(name)
        tokenizer.save_pretrained(name)
    folder = run(paper, tmp_path / "runs", say=lambda line: None)
    assert {page.stem for page in (folder / "notebooks").iterdir()} == set(CHAPTERS)
    tables = {file.stem: pd.read_parquet(file) for file in (folder / "results").iterdir()}
    assert tables["models"]["model"].tolist() == ["pretrained", "tags", "qa"]
    assert tables["models"]["checkpoint"].tolist() == [
        "bert-base-uncased",
        *(Path(t).name for t in paper.tuned),
    ]
    assert set(tables["masked_words"]["predictor"]) == {"learned", "pretrained", CONTROL}
    assert set(tables["entities"]["predictor"]) == {"base", "finetuned", CONTROL}
    judged = tables["scorecard"].set_index("claim")["verdict"]
    assert "not testable" not in set(judged[["V5", "V7", "V8", "V9", "N1"]])
    assert set(judged[["M1", "M2"]]) == {"not testable"}  # a random head guesses no masked words
    assert judged["M3"] == "not testable"  # nor does one that learned from so few


def test_a_chapter_is_run_again_when_anything_that_it_depends_on_changes():
    source = ROOT / "notebooks/4-wsd.ipynb"
    parameters, revisions = {"seeds": 2}, {"model": "a", "senses": "b"}
    key = key_of(source, parameters, revisions)
    assert key == key_of(source, dict(parameters), dict(revisions))
    others = [
        key_of(source, {"seeds": 3}, revisions),
        key_of(source, parameters, revisions | {"model": "c"}),
        key_of(source, parameters, revisions | {"senses": "c"}),
        key_of(source, parameters, revisions | {"tokenizer of model": "d"}),
        key_of(ROOT / "notebooks/5-ner.ipynb", parameters, revisions),
    ]
    assert len({key, *others}) == 6


def test_a_tokenizer_is_a_part_of_what_was_read(small_run):
    """Of the model and of its sibling; each chapter depends on those of its own models."""
    from dissect import models
    from dissect.runs import provenance

    told = required(small_run)
    sha = models.tokenizer_sha256(models.load("minilm", "cpu").tokenizer)
    assert told.revisions["models"]["tokenizer of model"] == sha
    assert "tokenizer of tuned 1" in provenance.read_by("5-ner", told.revisions)
    assert "tokenizer of tuned 1" not in provenance.read_by("4-wsd", told.revisions)
    other = models.load("minilm", "cpu").tokenizer
    other("some text", padding="max_length", truncation=True, max_length=9)
    assert models.tokenizer_sha256(other) == sha
    other.add_tokens(["unflappably"])
    assert models.tokenizer_sha256(other) != sha


def test_a_new_version_of_a_package_is_another_key(monkeypatch):
    from dissect.runs import manifest

    source = ROOT / "notebooks/4-wsd.ipynb"
    key = key_of(source, {}, {})
    versions = {**manifest.versions(), "torch": "0.1"}
    monkeypatch.setattr(manifest, "versions", lambda: versions)
    assert key_of(source, {}, {}) != key


@pytest.mark.parametrize("force", [False, True])
def test_force_runs_what_is_up_to_date(small_run, tmp_path, monkeypatch, force):
    from dissect.runs import kernels

    folder = shutil.copytree(small_run, tmp_path / small_run.name, ignore=shutil.ignore_patterns("site"))
    planned: list[str] = []
    monkeypatch.setattr(kernels, "side_by_side", lambda chapters, *_: planned.extend(chapters))
    assert [*(folder / "features").rglob("*.safetensors")]
    settings = required(folder).settings
    run(settings, force=force, runs=tmp_path, say=lambda line: None)
    assert planned == (settings.chapters() if force else [])
    assert (folder / "features").exists() != force  # what was kept would be taken from there


def test_a_chapters_end_is_told_before_the_next_is_begun(small_run, tmp_path, monkeypatch):
    from dissect.runs import kernels

    folder = shutil.copytree(small_run, tmp_path / small_run.name, ignore=shutil.ignore_patterns("site"))
    monkeypatch.setattr(kernels, "execute", lambda *_: kernels.Took(1.0, {}))
    said: list[str] = []
    run(required(folder).settings, force=True, runs=tmp_path, say=said.append)
    of_chapters = [line.partition(",")[0] for line in said if line.startswith("chapter")]
    assert of_chapters == [
        f"chapter {n} of {len(CHAPTERS)}" for n in range(1, len(CHAPTERS) + 1) for _ in ("begun", "done")
    ]
