"""What a chapter is given of a run's settings, and which corpora and revisions are its own."""

import shlex
from types import SimpleNamespace

import pytest

from dissect import DissectError, models
from dissect.runs import doctor, requirements, run
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import command, portable
from dissect.runs.provenance import read_by
from dissect.runs.settings import settings_from, with_questions

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


def test_a_small_run_reads_fewer_sentences_with_fewer_seeds_and_tunes_one_model(given):
    found = given(profile="small")
    limits = {name: of.get("limit") for name, of in found.items() if name[0] < "6"}
    assert limits == {
        "1-derivation": 500, "2-visualisation": 150, "3-mlm": None, "4-wsd": None, "5-ner": 150,
    }  # fmt: skip
    assert {found[name]["seeds"] for name in PROBED} == {2}
    assert copies(profile="small") == [("ner", "teaching", 150, 0)]  # as chapters 2 and 5 would by themselves
    assert settings_from({"profile": "small"}).sections == settings_from({}).sections
    assert {of.get("limit", 9) for of in given(profile="small", limit=9).values()} == {9}


def test_masked_words_are_parted_by_the_seed_of_the_run(given):
    assert given()["3-mlm"]["seed"] == 0 and given(seed=9)["3-mlm"]["seed"] == 9


def test_what_is_tuned_on_is_read_where_a_chapter_compares_and_no_model_is_given():
    assert set(settings_from({"sections": "1,3"}).corpora()) == {"text"}
    assert set(settings_from({"sections": "5"}).corpora()) == {"entities", "tuning"}
    assert set(settings_from({"sections": "2", "tuned": ["a"]}).corpora()) == {"text"}
    assert settings_from({"sections": "6"}).corpora() == {}


def copies(**options):
    return [(one.task, one.corpus, one.limit, one.seed) for one in settings_from(options).to_tune()]


def test_a_run_tunes_the_copies_of_its_profile_or_those_that_are_named():
    first, *others = copies()
    assert first == ("ner", "teaching", None, 0) and {task for task, *_ in others} <= {"ner"}
    assert copies(siblings="qa, ner ,ner", seed=5, limit=60) == [
        ("ner", "teaching", 60, 5), ("ner", "teaching", 60, 6), ("qa", "teaching", 60, 5),
    ]  # fmt: skip
    paper = copies(profile="paper", model="minilm")
    assert [task for task, *_ in paper] == ["ner", "ner", "ner", "tags", "qa", "mlm"]
    assert [seed for *_, seed in paper] == [0, 1, 2, 0, 0, 0]
    assert {task: corpus for task, corpus, *_ in paper} == {
        "ner": "wikigold", "tags": "semcor", "qa": "squad", "mlm": "europarl",
    }  # fmt: skip
    limits = {task: limit for task, _, limit, _ in copies(profile="paper", model="minilm", limit=500)}
    assert limits == {"ner": 500, "tags": 500, "qa": 500, "mlm": 500}
    assert all(limit for task, _, limit, _ in paper if task in ("tags", "qa"))
    assert copies(siblings="ner,qa", questions="mine.json")[1][1] == "mine.json"


def test_nothing_is_tuned_where_models_are_given_or_no_chapter_compares_and_one_for_the_fifth():
    assert copies(tuned=["a"]) == copies(sections="1,3") == copies(profile="paper") == []
    assert [task for task, *_ in copies(sections="5", siblings="ner,ner,qa")] == ["ner"]
    assert [task for task, *_ in copies(profile="paper", siblings="ner,qa")] == ["ner", "qa"]


def test_what_copies_learn_from_is_read():
    named = settings_from(
        {"sections": "2", "siblings": "ner,tags,qa,mlm", "questions": "mine.json"}
    ).corpora()
    assert named == {"text": "teaching", "tuning": "teaching", "tags": "semcor", "questions": "mine.json"}
    assert "questions" not in settings_from({"sections": "2"}).corpora()


@pytest.mark.parametrize(
    "options, why",
    [
        ({"siblings": "qa"}, "siblings=.*name ner among them"),
        ({"siblings": "ner,chess"}, "siblings=.*"),
        ({"siblings": "ner", "tuned": ["a"]}, "leave --siblings out, or --tuned"),
    ],
)
def test_copies_that_cannot_be_are_refused(options, why):
    with pytest.raises(DissectError, match=why) as told:
        settings_from(options)
    assert "\n" not in str(told.value)


def test_where_squad_is_not_at_hand_the_teaching_questions_stand_in_and_are_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("DISSECT_DATA", str(tmp_path))
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path / "cache"))
    paper = settings_from({"profile": "paper", "model": "minilm"})
    assert with_questions(paper).questions == "teaching"
    assert with_questions(paper).corpora()["questions"] == "teaching"
    teach = settings_from({})
    assert with_questions(teach) is teach
    mine = settings_from({"profile": "paper", "model": "minilm", "questions": "mine.json"})
    assert with_questions(mine) is mine
    (tmp_path / "squad").mkdir()
    (tmp_path / "squad" / "train-v1.1.json").write_text("{}")
    assert with_questions(paper) is paper


def test_the_command_of_a_run_names_its_copies():
    given = settings_from({"siblings": "ner,ner,qa", "questions": "squad", "seed": 3})
    words = shlex.split(command(given))
    assert words[words.index("--siblings") + 1] == "ner,ner,qa"
    assert words[words.index("--questions") + 1] == "squad"
    assert "--siblings" not in command(settings_from({}))


def test_local_questions_are_seen_from_the_folder_of_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").write_text("{}")
    folder = tmp_path / "runs" / "x"
    mine, squad = (
        settings_from({"questions": name, "siblings": "ner,qa"}) for name in ("mine.json", "squad")
    )
    assert portable(mine, folder).questions == "../../mine.json"
    assert portable(squad, folder).questions == "squad"


def test_a_run_makes_its_copies_and_puts_the_one_for_entities_first(tmp_path, monkeypatch, minilm):
    made, said = [], []

    def tuned_sibling(name, corpus, folder, limit, seed, task):
        made.append((corpus, limit, seed, task))
        place = folder / f"{task}-{seed}"
        minilm.model.config.tuned_for = {"task": task, "seed": seed}
        minilm.model.save_pretrained(place)
        minilm.tokenizer.save_pretrained(place)
        return str(place)

    monkeypatch.setattr(run, "tuned_sibling", tuned_sibling)
    try:
        settings = settings_from({"siblings": "ner,qa,ner", "limit": 9})
        places = run.siblings(settings, tmp_path, said.append)
    finally:
        del minilm.model.config.tuned_for
    assert places == ["./models/ner-0", "./models/ner-1", "./models/qa-0"]
    assert made == [("teaching", 9, 0, "ner"), ("teaching", 9, 1, "ner"), ("teaching", 9, 0, "qa")]
    assert len(said) == 3
    given = settings_from({"tuned": [str(tmp_path / place) for place in reversed(places)]})
    assert run.siblings(given, tmp_path, said.append)[0] in places[:2]
    loaded = [models.load(str(tmp_path / place)) for place in (*places, places[0])]
    assert models.names(minilm, loaded)["model"].tolist() == [
        "pretrained",
        "ner",
        "ner (seed 1)",
        "qa",
        "ner (seed 0)",
    ]


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


def test_a_vocabulary_of_a_quarter_of_a_million_has_no_head_of_its_own():
    """As Gemma's: over all of it a head takes longer than all those over the types seen."""
    sizes = {60_000: {}, 60_001: {"vocabulary": False}, 262_144: {"vocabulary": False}}
    for size, expected in sizes.items():
        assert requirements.small_vocabulary(SimpleNamespace(tokenizer=range(size))) == expected
    row = CHAPTERS["3-mlm"]
    assert set(row.fitted(SimpleNamespace(tokenizer=range(262_144)))) <= set(row.parameters)
