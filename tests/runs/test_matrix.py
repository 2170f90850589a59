"""Families of models through the chapters: what runs gives tables of the schema, what does not says why.

A few families go through with every test; all of them with `-m families`, as `make families` has it.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

from dissect import DissectError, corpora, models
from dissect.places import NOTEBOOKS
from dissect.runs import model_check
from dissect.runs.chapters import CHAPTERS, number, unsuited
from dissect.runs.kernels import code_of
from dissect.runs.requirements import read_as, refuse_other_head
from dissect.runs.run import run
from dissect.runs.settings import settings_from, with_siblings
from dissect.tables import results
from tests.conftest import FAMILY_SIZES, SIZES, saved
from tests.tokenizers_of_each_kind import byte_level

LITTLE = 24  # sentences of text; senses and entities take what they need
FEW = {"bert": (3, 6), "gpt2": (3, 6, 8), "gemma3_text": (1, 2, 3), "t5": (2, 5, 6, 8), "bart": (1, 3)}
ALL = [name for name in ("bert", "roberta", *FAMILY_SIZES) if "/" not in name and name != "vit"]
LONG = dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len"), 512)
OF_WORDS = ("rescaled", "updates", "layer_order")  # what chapter 8 reads with heads for words
KINDS = (AutoModelForMaskedLM, AutoModelForCausalLM)


@pytest.fixture(scope="module")
def tokenizer():
    return byte_level(corpora.text("teaching", 200), trim=False, prefix=False)


def made(family: str, tokenizer, folder: Path, seed: int = 0) -> str:
    """A tiny model of a family, with its own head for words where it has one, and every weight random."""
    sizes = FAMILY_SIZES.get(family, SIZES) | {"vocab_size": len(tokenizer)}
    config = AutoConfig.for_model(family, **sizes | {key: LONG[key] for key in LONG if key in sizes})
    kind = next((kind for kind in KINDS if type(config) in kind._model_mapping), AutoModel)
    torch.manual_seed(seed)
    model = (AutoModel if config.is_encoder_decoder else kind).from_config(config)
    return saved(model, tokenizer, folder, scale=0.2)


def executed(chapter: str, parameters: dict) -> None:
    """A chapter's code with these parameters, in this process."""
    names: dict = {}
    try:
        for n, cell in enumerate(code_of(NOTEBOOKS / f"{chapter}.ipynb")):
            exec(compile(cell, f"{chapter}, cell {n}", "exec"), names)
            names.update(parameters if n == 0 else {})
    finally:
        plt.close("all")


def taken_through(family: str, chapter: str, tokenizer, folder: Path) -> None:
    """One cell of the matrix: the chapter's tables, or the reason why there are none."""
    model = made(family, tokenizer, folder / family)
    loaded = models.load(model, "cpu")
    row, options = CHAPTERS[chapter], {"name": "one", "model": model, "sections": (number(chapter),)}
    options |= {name: n for name, n in (("limit", LITTLE), ("seeds", 1)) if name in row.parameters}
    if row.tuned:
        options["tuned"] = made(family, tokenizer, folder / f"{family}-tuned", seed=1)
    settings = settings_from(options)
    if reason := unsuited(loaded, [chapter]).get(chapter):
        with pytest.raises(DissectError) as refused:
            run(settings, folder / "runs")
        assert reason in str(refused.value) and not (folder / "runs").exists()
        assert reason in model_check.check_model(model)
        return
    parameters = settings.parameters(chapter, folder, settings.tuned) | row.fitted(loaded)
    executed(chapter, parameters | {"model": model, "results": str(folder / "results"), "features": None})
    tables = results.read(folder / "results")
    assert tables and set(tables) <= set(row.tables)
    assert set(row.tables) - set(tables) == lacking(loaded) & set(row.tables)
    if chapter == "3-mlm":
        assert "pretrained" in set(tables["masked_words"]["predictor"])


def lacking(loaded: models.Loaded) -> set[str]:
    """The tables that a model cannot fill, whatever the chapter; and the one that is not asked for."""
    asked = models.guesses(loaded)
    lacks = {"masked_words_vocabulary"}
    lacks |= {"masked_words_stood"} if asked == models.NEXT else set()
    lacks |= set() if asked else {name for table in OF_WORDS for name in (table, f"{table}_groups")}
    return lacks if models.load_unembedding(loaded.name) else {*lacks, "finer_logits"}


@pytest.fixture(autouse=True)
def no_window(monkeypatch):
    plt.switch_backend("agg")


def pytest_generate_tests(metafunc) -> None:
    """Every family through every chapter where that is asked for: `-m families`, or --families."""
    if metafunc.function is test_every_family_through_every_chapter:
        config = metafunc.config
        asked = config.getoption("--families", False) or "families" in config.option.markexpr
        cells = [(name, chapter) for name in ALL for chapter in CHAPTERS] if asked else []
        metafunc.parametrize("name, chapter", cells)


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW)
def test_a_few_families_through_the_chapters_that_they_differ_in(name, tokenizer, tmp_path):
    for section in FEW[name]:
        taken_through(name, list(CHAPTERS)[section - 1], tokenizer, tmp_path / str(section))


@pytest.mark.families
def test_every_family_through_every_chapter(name, chapter, tokenizer, tmp_path):
    taken_through(name, chapter, tokenizer, tmp_path)


def test_what_a_run_refuses_as_a_whole_check_refuses_in_the_same_words(tokenizer, tmp_path):
    changes = {"vit": {}, "longformer": {"attention_window": 4},
               "bert": {"add_cross_attention": True, "is_decoder": True}}  # fmt: skip
    others = {"vit": "no text", "longformer": "global attention", "bert": "attention to a second sequence"}
    for family, more in changes.items():
        sizes = FAMILY_SIZES.get(family, SIZES | {"vocab_size": len(tokenizer)}) | more
        AutoModel.from_config(AutoConfig.for_model(family, **sizes)).save_pretrained(tmp_path / family)
        tokenizer.save_pretrained(tmp_path / family)
    for family, why in others.items():
        model = str(tmp_path / family)
        with pytest.raises(DissectError) as by_run:
            run(settings_from({"name": "one", "model": model, "limit": LITTLE}), tmp_path / "runs")
        with pytest.raises(DissectError) as by_check:
            model_check.check_model(model)
        assert str(by_run.value) == str(by_check.value) and why in str(by_run.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name, said", [("gpt2", "sees no token ahead"), ("t5", "a run reads its encoder")])
def test_what_a_model_is_read_as_is_said_by_check_too(name, said, tokenizer, tmp_path):
    model = made(name, tokenizer, tmp_path / name)
    assert any(said in line for line in read_as(models.load(model, "cpu")))
    assert said in model_check.check_model(model)
    assert not list(read_as(models.load("minilm", "cpu")))


def test_a_model_that_guesses_no_masked_words_has_no_sibling_that_does(tokenizer, tmp_path):
    loaded = models.load(made("gpt2", tokenizer, tmp_path), "cpu")
    of_paper = settings_from({"profile": "paper", "model": loaded.name})
    kept = with_siblings(of_paper, loaded)
    assert [one.task for one in of_paper.to_tune()].count("mlm") == 1
    assert [one.task for one in kept.to_tune()] == [
        one.task for one in of_paper.to_tune() if one.task != "mlm"
    ]
    asked = settings_from({"model": loaded.name, "siblings": "ner,mlm"})
    with pytest.raises(DissectError, match="guesses no masked words: leave mlm out of --siblings"):
        with_siblings(asked, loaded)
    assert with_siblings(asked, models.load("minilm", "cpu")) == asked


def test_a_head_is_asked_for_the_words_that_the_model_guesses(tokenizer, tmp_path):
    causal, alone = (made("gpt2", tokenizer, tmp_path / "a"), made("t5", tokenizer, tmp_path / "b"))
    refuse_other_head(causal, models.load(causal, "cpu"))
    with pytest.raises(DissectError, match="minilm has no head for the next word"):
        refuse_other_head("minilm", models.load(causal, "cpu"))
    with pytest.raises(DissectError, match="takes no head for words, since a run reads its encoder"):
        refuse_other_head(causal, models.load(alone, "cpu"))
