"""What a chapter is given of a run's settings, and which corpora and revisions are its own."""

import pytest

from dissect.runs import doctor
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import command
from dissect.runs.provenance import read_by
from dissect.runs.settings import settings_from

TWO = ["./a", "./b"]
OF_PAPER = {  # corpus and limit
    "1-derivation": ("europarl", 10_000), "2-visualisation": ("europarl", 10_000),
    "3-mlm": ("europarl", 10_000), "4-wsd": ("semcor", None), "5-ner": ("wnut16", None),
    "7-controls": ("europarl", 10_000), "8-causes": ("europarl", 10_000),
}  # fmt: skip


@pytest.fixture
def given(tmp_path):
    """The parameters of all chapters under some options."""

    def of(**options):
        settings = settings_from(options)
        return {name: settings.parameters(name, tmp_path, TWO) for name in CHAPTERS}

    return of


def test_each_chapter_reads_the_corpus_of_its_kind_and_only_text_is_drawn_from(given):
    found = given(profile="paper")
    assert {name: (found[name]["corpus"], found[name]["limit"]) for name in OF_PAPER} == OF_PAPER
    assert set(found["6-finer"]) == {"model", "results"}
    limited = given(profile="paper", limit=7)
    assert {limited[name]["limit"] for name in OF_PAPER} == {7}


def test_a_text_of_ones_own_is_for_the_chapters_on_text(given):
    found = given(corpus="mine")
    assert [found[name]["corpus"] for name in OF_PAPER] == ["mine"] * 3 + ["teaching"] * 2 + ["mine"] * 2
    assert settings_from({"corpus": "mine"}).corpora() == {
        "text": "mine", "senses": "teaching", "entities": "teaching", "tuning": "teaching",
    }  # fmt: skip


def test_one_chapter_compares_all_fine_tuned_models_and_one_the_first(given):
    found = given()
    assert found["2-visualisation"]["tuned"] == TWO and found["5-ner"]["tuned"] == TWO[0]
    assert not any(
        "tuned" in found[name] for name in ("1-derivation", "3-mlm", "4-wsd", "6-finer", "7-controls")
    )


def test_a_chapter_on_several_corpora_is_given_each(given):
    found = given(profile="paper", corpus="mine")
    of = {name: found["7-controls"][name] for name in ("corpus", "senses_corpus", "entities_corpus")}
    assert of == {"corpus": "mine", "senses_corpus": "semcor", "entities_corpus": "wnut16"}
    assert found["8-causes"]["senses_corpus"] == "semcor" and "entities_corpus" not in found["8-causes"]
    assert set(settings_from({"sections": "7"}).corpora()) == {"text", "senses", "entities"}
    assert set(settings_from({"sections": "8"}).corpora()) == {"text", "senses"}


def test_the_seed_of_a_run_parts_the_items_of_the_chapter_on_senses(given):
    assert given(seed=7)["4-wsd"]["seed"] == 7 and given()["4-wsd"]["seed"] == 0


PROBED = ("3-mlm", "4-wsd", "5-ner", "7-controls", "8-causes")


def test_probes_are_made_five_times_and_on_few_entities_ten_times(given):
    counts = {
        profile: {name: of["seeds"] for name, of in given(profile=profile).items() if "seeds" in of}
        for profile in ("teach", "paper")
    }
    assert counts == {
        "teach": dict.fromkeys(PROBED, 5), "paper": dict.fromkeys(PROBED, 5) | {"5-ner": 10},
    }  # fmt: skip
    asked = given(profile="paper", seeds=2)
    assert {asked[name]["seeds"] for name in ("3-mlm", "4-wsd", "5-ner")} == {2}


def test_masked_words_are_parted_by_the_seed_of_the_run(given):
    assert given()["3-mlm"]["seed"] == 0 and given(seed=9)["3-mlm"]["seed"] == 9


def test_what_is_tuned_on_is_read_where_a_chapter_compares_and_no_model_is_given():
    assert set(settings_from({"sections": "1,3"}).corpora()) == {"text"}
    assert set(settings_from({"sections": "5"}).corpora()) == {"entities", "tuning"}
    assert set(settings_from({"sections": "2", "tuned": ["a"]}).corpora()) == {"text"}
    assert settings_from({"sections": "6"}).corpora() == {}


def test_a_chapter_depends_on_what_it_reads_alone():
    models = {
        name: "x" for name in ("model", "tokenizer of model", "tuned 1", "tokenizer of tuned 1", "head")
    }
    found = {"models": models, "corpora": {name: "x" for name in ("text", "senses", "entities", "tuning")}}
    own, tuned = {"model", "tokenizer of model"}, {"tuned 1", "tokenizer of tuned 1", "tuning"}
    assert {name: set(read_by(name, found)) - own for name in CHAPTERS} == {
        "1-derivation": {"text"}, "2-visualisation": {"text"} | tuned, "3-mlm": {"text", "head"},
        "4-wsd": {"senses"}, "5-ner": {"entities"} | tuned, "6-finer": set(),
        "7-controls": {"text", "senses", "entities"}, "8-causes": {"text", "senses", "head"},
    }  # fmt: skip


def test_long_chapters_are_on_for_the_paper_and_wait_to_be_asked_for_in_teaching():
    every = tuple(range(1, len(CHAPTERS) + 1))
    assert settings_from({"profile": "paper"}).sections == every
    short = settings_from({})
    assert set(every) - set(short.sections) == {7, 8}
    assert settings_from({"sections": every}).chapters() == list(CHAPTERS)
    for options in ({}, {"sections": every}, {"profile": "paper"}, {"profile": "paper", "sections": "7"}):
        words = command(settings_from(options)).split()
        said = {"sections": words[words.index("--sections") + 1]} if "--sections" in words else {}
        profile = {"profile": options["profile"]} if "profile" in options else {}
        assert settings_from(said | profile).sections == settings_from(options).sections
    assert "--sections" not in command(short)


def test_the_doctor_says_what_a_chapter_would_add_that_is_not_asked_for(minilm, monkeypatch):
    size = {name: doctor.Size(10_000, 2_000, 500) for name in ("text", "senses", "entities", "tuning")}
    seconds = dict.fromkeys([*CHAPTERS, "fine-tuning", "site"], 60.0) | {"7-controls": 600.0}
    monkeypatch.setattr(doctor, "estimates", lambda *_: seconds)
    found = {what: (state, said) for what, state, said in doctor.times(settings_from({}), minilm, size)}
    assert found["7-controls"] == ("note", "not asked for: --sections 1,2,3,4,5,6,7 adds about 10 minutes")
    assert "8-causes" in found and "time of 7-controls" not in found
    asked = dict((what, said) for what, _, said in
                 doctor.times(settings_from({"sections": "7,8"}), minilm, size))  # fmt: skip
    assert "7-controls" not in asked and "time of 7-controls" in asked
