"""Text and word senses of one's own, in the formats that the field uses."""

from itertools import pairwise

import pytest

from dissect import corpora
from dissect.corpora import teaching
from dissect.corpora.own_senses import read_senses
from dissect.errors import DissectError, MissingCorpus

OPUS = """<?xml version="1.0" encoding="utf-8"?>
<text><CHAPTER ID="1"><P id="1"><s id="1"><w id="1.1">One</w><w>line</w><w>.</w></s></P></CHAPTER>
<CHAPTER ID="2"><s id="2">Two
  lines .<time id="T1" value="0"/></s><s id="3"> </s></CHAPTER></text>"""
MARKED = """\ufeff# bank noun money : a house for money: and more
They robbed the *bank*.\r
\r
# bank noun river : the side of a river
The *banks* were steep.\r
# crane noun bird : a bird
A *crane* flew by."""
DATA = """<?xml version="1.0" encoding="UTF-8"?>
<corpus lang="en"><text id="d0"><sentence id="d0.s0"><wf lemma="the" pos="DET">The</wf>
<instance id="d0.s0.t0" lemma="bank" pos="NOUN">banks</instance>
<instance id="d0.s0.t1" lemma="take_place" pos="VERB">took_place</instance></sentence></text>
<text id="d1"><sentence id="d1.s0"><instance id="d1.s0.t0" lemma="bank" pos="NOUN">bank</instance>
<instance id="d1.s0.t1" lemma="bank" pos="NOUN">bank</instance><wf>&amp;</wf>
<instance id="d1.s0.t2" lemma="run" pos="VERB">ran</instance></sentence></text></corpus>"""
KEYS = """d0.s0.t0 bank%1:14:00::
d0.s0.t1 take_place%2:30:00::
d1.s0.t0 bank%1:17:01::
d1.s0.t1 bank%1:14:00:: bank%1:17:01::
"""
SEMCOR = """<contextfile><context><p><s snum="1"><wf lemma="bank" lexsn="1:14:00::">banks</wf>
<wf lemma="run" lexsn="2:01::;2:02::">ran</wf></s></p></context></contextfile>"""


# ---- text ----


def test_one_file_of_europarls_release_is_read_without_its_mark_up(shared):
    name = str(shared / "cases/europarl-one-file/ep-00-01-01.txt")
    assert corpora.text(name) == [
        "Resumption of the session", "Thank you, Madam Chair.", "The sitting is closed."
    ]  # fmt: skip
    assert set(corpora.documents("text", name)) == {"ep-00-01-01 chapter 1"}


def test_a_text_without_mark_up_keeps_what_looks_like_it(tmp_path):
    (tmp_path / "some").write_text("\ufeffA <b>bold</b> line .\r\n<br>\n<Pa>\n", encoding="utf-8")
    assert corpora.text(str(tmp_path / "some")) == ["A <b>bold</b> line .", "<br>", "<Pa>"]


def test_opuss_sentences_are_its_words_or_its_text(tmp_path):
    (tmp_path / "some.xml").write_text(OPUS, encoding="utf-8")
    for name in (str(tmp_path / "some.xml"), str(tmp_path)):
        assert corpora.text(name) == ["One line .", "Two lines ."]
        assert corpora.documents("text", name) == ["some chapter 1", "some chapter 2"]


@pytest.mark.parametrize(
    "content, said",
    [
        (b"<?xml version='1.0'?><text><s>One", "some, line 1: expected XML, found "),
        (b"<?xml version='1.0'?><text><p>One</p></text>", "some: expected sentences in elements <s>"),
        (b"<!DOCTYPE s [<!ENTITY a 'x'>]><text><s>&a;</s></text>", "some: expected XML without entities"),
        (
            b"<?xml version='1.0' encoding='nonsense'?><text/>",
            "some, line 1: expected XML|some: expected XML",
        ),
        ("Zwölf .\n".encode("latin-1"), "some, line 1: expected UTF-8 text, found the byte 0xf6; convert"),
        (b"\n \n", "some is empty: it should have a sentence a line"),
    ],
)
def test_text_that_cannot_be_read_is_told(tmp_path, content, said):
    (tmp_path / "some").write_bytes(content)
    with pytest.raises(DissectError, match=said) as told:
        corpora.text(str(tmp_path / "some"))
    assert "\n" not in str(told.value) and "fetch" not in str(told.value)


def test_xml_is_read_in_the_encoding_that_it_declares(tmp_path):
    content = OPUS.replace("utf-8", "iso-8859-1").replace("Two", "Zwölf").encode("latin-1")
    (tmp_path / "some.xml").write_bytes(content)
    assert corpora.text(str(tmp_path / "some.xml"))[1] == "Zwölf lines ."


# ---- senses in plain text ----


def test_words_are_marked_below_their_senses(tmp_path):
    (tmp_path / "some").write_bytes(MARKED.encode("utf-8"))
    found = read_senses(tmp_path / "some")
    assert found.sentences == ["They robbed the bank.", "The banks were steep.", "A crane flew by."]
    assert found.glosses["bank.noun.money"] == "a house for money: and more"
    told = [(i.lemma, i.sense, found.sentences[i.sentence][i.start : i.end]) for i in found.items]
    assert told == [
        ("bank.noun", "bank.noun.money", "bank"), ("bank.noun", "bank.noun.river", "banks"),
        ("crane.noun", "crane.noun.bird", "crane"),
    ]  # fmt: skip
    assert [item.lemma for item in corpora.senses(str(tmp_path / "some")).items] == ["bank.noun"] * 2
    assert len(corpora.senses(str(tmp_path / "some"), 1).sentences) == 1


def test_the_teaching_corpus_is_in_that_format():
    own = corpora.senses(str(teaching.FOLDER / "senses.txt"))
    assert own == corpora.senses("teaching")


WRONG = {
    "Two *words* in *one*.": "line 2: expected a sentence with one word between asterisks",
    "None.": "line 2: expected a sentence with one word between asterisks",
    "An * asterisk * more.": "line 2: expected a sentence with one word between asterisks",
    "Nothing ** there.": "line 2: expected a sentence with one word between asterisks",
    "# bank noun": "line 2: expected a heading such as '# bank noun river : ",
    "# bank noun money :": "line 2: expected a heading such as '# bank noun river : ",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_line_that_is_no_sense_is_named(tmp_path, line):
    (tmp_path / "some").write_text(f"# bank noun money : a house\n{line}\n", encoding="utf-8")
    with pytest.raises(MissingCorpus, match=f"some, {WRONG[line]}"):
        corpora.senses(str(tmp_path / "some"))
    (tmp_path / "some").write_text("The *bank* .\n", encoding="utf-8")
    with pytest.raises(MissingCorpus, match="line 1: expected a heading .* above the first, found"):
        corpora.senses(str(tmp_path / "some"))


def test_words_of_one_sense_are_none_to_tell_apart(tmp_path):
    (tmp_path / "some").write_text("# bank noun money : a house\nThe *bank* .\n", encoding="utf-8")
    with pytest.raises(DissectError, match="no word of .*some has two senses in it"):
        corpora.senses(str(tmp_path / "some"))


# ---- senses in XML ----


@pytest.fixture
def unified(tmp_path):
    """The two files of a corpus of the unified evaluation framework."""
    (tmp_path / "some.data.xml").write_text(DATA, encoding="utf-8")
    (tmp_path / "some.gold.key.txt").write_text(KEYS, encoding="utf-8")
    return tmp_path


def test_the_unified_evaluation_framework_is_read_with_its_keys(unified, capsys):
    names = [unified / "some.data.xml", unified / "some.gold.key.txt", unified]
    first, *others = [read_senses(name) for name in names]
    assert all(other == first for other in others)
    assert first.sentences == ["The banks took place", "bank bank & ran"]
    told = [(i.lemma, i.sense, first.sentences[i.sentence][i.start : i.end], i.document) for i in first.items]
    assert told == [
        ("bank", "bank%1:14:00::", "banks", "d0"),
        ("take_place", "take_place%2:30:00::", "took place", "d0"),
        ("bank", "bank%1:17:01::", "bank", "d1"),
    ]
    assert first.items[2].start == 0
    said = capsys.readouterr().err
    assert said.count("of 5 words 1 with several senses and 1 with none are left out") == 1


def test_keys_of_other_data_and_lines_without_a_key_are_refused(unified):
    keys = unified / "some.gold.key.txt"
    keys.write_text(KEYS + "d9.s0.t0 bank%1:14:00::\n", encoding="utf-8")
    with pytest.raises(MissingCorpus, match="expected keys of instances in some.data.xml, found 'd9.s0.t0'"):
        corpora.senses(str(unified))
    for line in ("d1.s0.t2", "d0.s0.t0 bank%1:14:00::"):
        keys.write_text(KEYS + line + "\n", encoding="utf-8")
        with pytest.raises(MissingCorpus, match="some.gold.key.txt, line 5: expected an instance's id, once"):
            corpora.senses(str(unified))
    keys.unlink()
    with pytest.raises(MissingCorpus, match="some.gold.key.txt is not in "):
        corpora.senses(str(unified))
    (unified / "other.data.xml").write_text(DATA, encoding="utf-8")
    with pytest.raises(MissingCorpus, match=r"has 2 files \*.data.xml: give one, such as other.data.xml"):
        corpora.senses(str(unified))


def test_files_of_semcor_are_read_wherever_they_lie(tmp_path, capsys):
    for n in (1, 2):
        (tmp_path / f"brown{n}").mkdir()
        text = SEMCOR.replace("1:14:00", f"1:1{n}:00")
        (tmp_path / f"brown{n}/br-a0{n}.xml").write_text(text, encoding="utf-8")
    found = corpora.senses(str(tmp_path))
    assert [(i.sense, i.document) for i in found.items] == [
        ("bank%1:11:00::", "br-a01"), ("bank%1:12:00::", "br-a02")
    ]  # fmt: skip
    assert "of 4 words 2 with several senses are left out" in capsys.readouterr().err
    (tmp_path / "brown1/br-a01.xml").write_text("<c/>", encoding="utf-8")
    with pytest.raises(MissingCorpus, match="br-a01.xml: expected sentences in elements <s>, as SemCor"):
        corpora.senses(str(tmp_path / "brown1"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingCorpus, match=r"empty has no word senses: expected a file \*.data.xml"):
        corpora.senses(str(tmp_path / "empty"))


def test_a_part_of_a_corpus_keeps_items_in_their_sentences(tmp_path):
    lines = "".join(f"# bank noun s{n % 2} : x\nThe {n} *bank*{n} .\n" for n in range(40))
    (tmp_path / "some").write_text(lines, encoding="utf-8")
    parts = [corpora.senses(str(tmp_path / "some"), 10, seed) for seed in range(4)]
    assert all(a != b for a, b in pairwise(parts))
    for part in parts:
        assert len(part.sentences) == len(part.items) == 10
        for item in part.items:
            text = part.sentences[item.sentence]
            assert (
                text[item.start : item.end] == "bank"
                and item.sense == f"bank.noun.s{int(text.split()[1]) % 2}"
            )
