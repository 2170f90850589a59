"""Data of one's own in a run: which options take it, where chapters find it, and what is refused."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dissect import DissectError, corpora
from dissect.cli import work
from dissect.corpora import teaching
from dissect.places import NOTEBOOKS
from dissect.runs import doctor, manifest, provenance, run, samples, verification
from dissect.runs.chapters import CHAPTERS
from dissect.runs.kernels import code_of
from dissect.runs.settings import settings_file, settings_from
from dissect.site import across, this_run
from dissect.tables import results
from tests.runs.test_matrix import executed
from tests.test_project import COMMANDS

OWN = {"text": "text.txt", "senses": "senses.txt", "entities": "entities", "tuning": "tuning.conll"}
SENSES = """# bank noun money : an institution
They robbed the *bank* at noon.

# bank noun river : the side of a river
We sat on the *bank* and fished.
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with data of every kind, and the current one."""
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("One line .\nAnother line .\n", encoding="utf-8")
    Path("senses.txt").write_text(SENSES, encoding="utf-8")
    Path("entities").mkdir()
    for part in ("train", "dev", "test"):
        Path(f"entities/{part}.conll").write_text("1\tMarta\tB-PER\tO\n2\tsings\tO\tB-x\n", encoding="utf-8")
    Path("tuning.conll").write_text("Marta\tB-PER\tO\nsings\tO\tB-x\n", encoding="utf-8")
    return tmp_path


def test_each_kind_of_data_reaches_the_chapters_that_read_it(here):
    settings = settings_from({**OWN, "sections": "1,2,3,4,5,7,8"})
    assert settings.corpora() == OWN
    of = {name: settings.parameters(name, here / "runs/x", ["a"]) for name in CHAPTERS}
    assert [of[name]["corpus"] for name in CHAPTERS if "corpus" in of[name]] == [
        "../../text.txt", "../../text.txt", "../../text.txt", "../../senses.txt", "../../entities",
        "../../text.txt", "../../text.txt",
    ]  # fmt: skip
    assert of["7-controls"]["senses_corpus"] == "../../senses.txt"
    assert of["7-controls"]["entities_corpus"] == "../../entities"
    assert of["5-ner"]["tuning_corpus"] == of["2-visualisation"]["tuning_corpus"] == "../../tuning.conll"
    assert {one.corpus for one in settings.to_tune()} == {"tuning.conll"}
    learned = settings_from({"text": "text.txt", "siblings": "ner,mlm"}).to_tune()
    assert {one.task: one.corpus for one in learned} == {"ner": "teaching", "mlm": "text.txt"}


def test_a_run_tells_its_data_without_a_path_of_the_machine(here):
    settings = settings_from({name: str(here / place) for name, place in OWN.items()})
    told = manifest.portable(settings, here / "runs/x")
    assert {name: getattr(told, name) for name in OWN} == {n: f"../../{p}" for n, p in OWN.items()}
    words = shlex.split(manifest.command(told))
    assert all(words[words.index(f"--{name}") + 1] == f"../../{place}" for name, place in OWN.items())
    begun = manifest.begun(settings, here / "runs/x", {})
    shown = this_run.summary(begun)
    assert str(here) not in shown and all(place in shown.replace("\\", "") for place in OWN.values())


@pytest.mark.slow
def test_a_run_takes_it_from_the_options_to_its_pages(tmp_path):
    """Chapters 4 and 5; that a second run finds all of it up to date says that nothing was drawn anew."""
    (tmp_path / "senses.txt").write_bytes((teaching.FOLDER / "senses.txt").read_bytes())
    sentences = teaching.entities()
    for name, some in {"own.conll": sentences[:80], "tune.conll": sentences[80:140]}.items():
        rows = ["\n".join(f"{w} X B-X {t}" for w, t in zip(s.words, s.tags, strict=True)) for s in some]
        (tmp_path / name).write_text("\n\n".join(rows), encoding="utf-8")
    own = {"senses": "senses.txt", "entities": "own.conll", "tuning": "tune.conll"}
    given = {name: str(tmp_path / file) for name, file in own.items()} | {"tag_column": 4}
    settings = settings_from({"name": "own", **given, "sections": "4,5", "seeds": 1, "limit": 60})
    folder = run.run(settings, tmp_path / "runs", say=lambda line: None)
    said: list[str] = []
    run.run(settings, tmp_path / "runs", say=said.append)
    assert sum("up to date" in line for line in said) == 2
    told = manifest.required(folder)
    assert across.about(told).startswith("senses.txt (at most 60 sentences), own.conll (at most 60 ")
    assert "on own\\.conll, 1 seeds" in this_run.box(told, "5-ner").source
    for kind in own:
        found = verification.corpus_revision(folder, told, kind)
        assert found == told.revisions["corpora"][kind]
    texts = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    assert not any(str(tmp_path).encode() in text for text in texts)


def texts(folder: Path, many: int, first: int) -> str:
    """A folder of as many texts of two sentences, but for the first, which has so many, and the last."""
    words = [f"Boat number {n} left the harbour with a heron on its bow ." for n in range(2 * many)]
    ends = [first + 2 * n for n in range(many - 1)] + [len(words)]
    folder.mkdir()
    for n, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        (folder / f"{n:03}.txt").write_text("\n".join(words[begin:end]), encoding="utf-8")
    return str(folder)


def test_documents_that_decide_a_split_decide_what_is_up_to_date(tmp_path):
    """The same sentences in other texts: what is learned from, and what is tested on, is another part."""
    two, one = (provenance.of_corpus("text", texts(tmp_path / f"{n}", 120, n)) for n in (2, 1))
    assert two != one
    few = [provenance.of_corpus("text", texts(tmp_path / f"few {n}", 20, n)) for n in (2, 1)]
    assert few[0] == few[1]  # parted by sentence
    for place in (0, 1):
        rows = ["Marta B-PER", "Velmora B-LOC", "Quill B-PER"]
        rows.insert(place, "-DOCSTART- O")
        (tmp_path / f"{place}.conll").write_text("\n\n".join(rows), encoding="utf-8")
    assert len({provenance.of_corpus("tuning", str(tmp_path / f"{place}.conll")) for place in (0, 1)}) == 2


@pytest.mark.parametrize("chapter", ["3-mlm", "7-controls", "8-causes"])
def test_chapters_on_hidden_words_tell_the_documents(chapter):
    code = "\n".join(code_of(NOTEBOOKS / f"{chapter}.ipynb"))
    assert 'documents = corpora.documents("text", corpus, limit, seed=0)' in code
    assert len(re.findall(r"(?:masked_targets|masked_task|tasks)\(.*, documents\)", code)) == 1


@pytest.mark.slow
def test_hidden_words_of_many_texts_are_parted_and_verified_by_text(minilm, tmp_path):
    """In chapter 3, and in the sample that is computed again."""
    settings = settings_from({"text": texts(tmp_path / "texts", 120, 2), "sections": "3", "seeds": 2})
    parameters = settings.parameters("3-mlm", tmp_path, ()) | {
        "corpus": str(tmp_path / "texts"), "results": str(tmp_path / "results"), "features": None,
    }  # fmt: skip
    executed("3-mlm", parameters)
    tables = results.read(tmp_path / "results")
    assert tables["masked_words_groups"]["group"].nunique() == 12  # a tenth of the texts
    then, now, exact, _ = samples.masked(parameters, tables)
    assert abs(then - now) <= exact


def test_a_folder_with_the_name_of_a_corpus_is_not_taken_for_it(here):
    Path("teaching").mkdir()
    settings = settings_from({"text": "teaching"})
    assert settings.parameters("1-derivation", here / "runs/x", [])["corpus"] == "teaching"
    assert manifest.portable(settings, here / "runs/x").text == "teaching"
    assert corpora.text("teaching", 3) != []


def test_the_former_name_of_text_is_understood(here):
    assert settings_from({"corpus": "text.txt"}) == settings_from({"text": "text.txt"})
    (here / "run.yaml").write_text("corpus: text.txt\n", encoding="utf-8")
    assert settings_file(here / "run.yaml") == {"text": "text.txt"}
    with pytest.raises(DissectError, match="corpus is the former name of text"):
        settings_from({"corpus": "a", "text": "b"})


def test_the_columns_of_ones_own_entities_are_named_for_all_that_read_them(here):
    with pytest.raises(DissectError, match="entities/train.conll may be in column 3 or 4"):
        corpora.entities("entities")
    settings = settings_from({"entities": "entities", "tag_column": 4, "word_column": 1, "sections": "5,7"})
    assert settings.columns("entities") == {"column": 4, "word_column": 1}
    assert settings.columns("tuning") == settings.columns("text") == {}
    for chapter in ("5-ner", "7-controls"):
        given = settings.parameters(chapter, here / "runs/x", ["a"])
        assert (given["tag_column"], given["word_column"]) == (4, 1)
    one, other = (provenance.of_corpus("entities", "entities", column=column) for column in (3, 4))
    assert one != other
    found = doctor.tokens(settings_from({"entities": "entities", "tag_column": 4, "sections": "5"}), None)[1]
    assert ("corpus: entities", "ok", "3 sentences, 0 tokens") in found


@pytest.mark.parametrize("kind", OWN)
def test_a_chapter_is_run_again_when_a_file_that_it_reads_has_changed(here, kind):
    columns = {"column": 2} if kind == "tuning" else {"column": 3} if kind == "entities" else {}
    before = provenance.of_corpus(kind, OWN[kind], **columns)
    assert provenance.of_corpus(kind, OWN[kind], **columns) == before
    file = Path("entities/dev.conll") if kind == "entities" else Path(OWN[kind])
    file.write_text(file.read_text().replace("sings", "hums").replace("line", "word").replace("They", "We"))
    assert provenance.of_corpus(kind, OWN[kind], **columns) != before


def test_a_verification_finds_the_data_where_the_run_found_it(here):
    settings = settings_from({**OWN, "tag_column": 3})
    told = manifest.begun(settings, here / "runs/x", {})
    (here / "runs/x").mkdir(parents=True)
    for kind in ("text", "senses", "entities", "tuning"):
        columns = settings.columns(kind)
        expected = provenance.of_corpus(kind, OWN[kind], **columns)
        assert verification.corpus_revision(here / "runs/x", told, kind) == expected


UNREAD = {
    "no chapter on text": ({"text": "own.conll", "sections": "5"}, "text='own.conll'.* 1, 2, 3, 7, 8 in"),
    "its former name": ({"corpus": "own.conll", "sections": "5"}, "text='own.conll': nothing in this"),
    "no chapter on senses": ({"senses": "x", "sections": "1,5"}, "senses='x': .* chapters 4, 7, 8 in"),
    "no chapter on entities": ({"entities": "x", "sections": "4"}, "entities='x': .* chapters 5, 7 in"),
    "no copy on answers": ({"questions": "x.json"}, "questions='x.json': .* name qa in --siblings"),
    "no copy at all": ({"tuning": "x", "tuned": ["a"]}, "tuning='x': .* name --siblings"),
    "no chapter that compares": ({"tuned": ["a"], "sections": "3"}, "tuned=.* chapters 2, 5 in sections"),
    "no copies wanted": ({"siblings": "ner", "sections": "3"}, "siblings=.* chapters 2, 5 in sections"),
    "no chapter with a head": ({"head": "x", "sections": "4"}, "head='x': .* chapters 3, 8 in sections"),
    "nothing to try": ({"trials": 3, "sections": "1"}, "trials=3: .* chapters 3, 4, 5 in sections"),
    "no probes": ({"seeds": 3, "sections": "1,2"}, "seeds=3: .* chapters 3, 4, 5, 7, 8 in sections"),
    "no corpus": ({"limit": 3, "sections": "6"}, "limit=3: .* in sections"),
    "nothing drawn": ({"seed": 3, "sections": "6"}, "seed=3: .* in sections"),
    "columns of a name": ({"tag_column": 3}, "tag_column=3: .* a file of your own for entities or tuning"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNREAD)
def test_an_option_that_nothing_reads_is_an_error(what):
    options, said = UNREAD[what]
    with pytest.raises(DissectError, match=said) as told:
        settings_from(options)
    assert "\n" not in str(told.value)


def test_options_that_something_reads_are_none():
    for options in (
        {"text": "x"}, {"senses": "x"}, {"entities": "x"}, {"tuning": "x"}, {"head": "x"}, {"tuned": ["a"]},
        {"questions": "x", "siblings": "ner,qa"}, {"text": "x", "sections": "2", "siblings": "ner,mlm"},
        {"seed": 0, "trials": 0, "sections": "6"}, {"profile": "paper", "sections": "1"},
        {"profile": "paper", "tuning": "x", "siblings": "ner"}, {"limit": 5, "sections": "2"},
        {"tuning": "x", "tag_column": 2},
    ):  # fmt: skip
        assert settings_from(options)


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_the_command_line_knows_the_text_under_its_former_name_and_says_so(command):
    for option in ("--text", "--corpus"):
        assert (
            COMMANDS.commands[command].make_context(command, [option, "own.txt"]).params["text"] == "own.txt"
        )
    (text,) = [one for one in COMMANDS.commands[command].params if one.name == "text"]
    assert "--corpus" in text.opts and "--corpus" in text.help


def test_doctor_refuses_what_it_would_ignore(here):
    done = CliRunner().invoke(work.app, ["doctor", "--corpus", "tuning.conll", "--sections", "5"])
    assert done.exit_code == 1 and "text='tuning.conll': nothing in this run reads it" in str(done.exception)
