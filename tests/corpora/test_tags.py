"""Plain tags: any column of a file, and the parts of speech of SemCor."""

from xml.etree.ElementTree import fromstring

import pytest

from dissect import corpora
from dissect.corpora.conll import read_column
from dissect.corpora.parts_of_speech import read_sentence
from dissect.errors import DissectError, MissingCorpus

FOUR = """\ufeff-DOCSTART- -X- -X- O

Marta NNP B-NP B-PER
lives VBZ B-VP O
. . O O

Now RB I-NP O
"""
UNIVERSAL = """# sent_id = 1
# text = Don't stop
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\t_\t3\taux\t_\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_
3\tstop\tstop\tVERB\tVB\t_\t0\troot\t_\t_
3.1\tthere\tthere\tADV\tRB\t_\t_\t_\t_\t_
"""


@pytest.fixture
def four(tmp_path):
    file = tmp_path / "four.txt"
    file.write_text(FOUR, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "column, tags",
    [
        (None, [["B-PER", "O", "O"], ["O"]]),
        (2, [["NNP", "VBZ", "."], ["RB"]]),
        (3, [["B-NP", "B-VP", "O"], ["I-NP"]]),  # as it stands there: no IOB1 to mend
        (4, [["B-PER", "O", "O"], ["O"]]),
    ],
)
def test_any_column_is_read_as_it_stands(four, column, tags):
    found = corpora.tags(str(four), column=column)
    assert [sentence.words for sentence in found] == [["Marta", "lives", "."], ["Now"]]
    assert [sentence.tags for sentence in found] == tags


def test_columns_may_be_parted_by_tabs_and_words_have_blanks(tmp_path):
    (tmp_path / "some").write_text("New York\tNNP\tB\nsleeps\tVBZ\tO\n", encoding="utf-8")
    (sentence,) = read_column(tmp_path / "some", 2)
    assert sentence.words == ["New York", "sleeps"] and sentence.tags == ["NNP", "VBZ"]


def test_words_of_universal_dependencies_are_in_the_second_column(tmp_path):
    file = tmp_path / "some.conllu"
    file.write_text(UNIVERSAL, encoding="utf-8")
    (sentence,) = read_column(file, 4)
    assert sentence.words == ["Do", "n't", "stop"] and sentence.tags == ["AUX", "PART", "VERB"]
    with pytest.raises(DissectError, match="column 2 of .* give one from 3 on"):
        read_column(file, 2)


def test_a_column_that_is_not_there_is_told(four, tmp_path):
    with pytest.raises(DissectError, match=r"line 3: there is no column 5 among 4 columns"):
        corpora.tags(str(four), column=5)
    with pytest.raises(DissectError, match="column 1 of .* is not one of tags: give one from 2 on"):
        corpora.tags(str(four), column=1)
    (tmp_path / "words").write_text("Marta\nlives\n", encoding="utf-8")
    with pytest.raises(DissectError, match="line 1: there is no column of tags among 1 columns"):
        corpora.tags(str(tmp_path / "words"))
    (tmp_path / "hole").write_text("Marta\tNNP\nlives\t\n", encoding="utf-8")
    with pytest.raises(DissectError, match="line 2: the word or its tag is empty"):
        corpora.tags(str(tmp_path / "hole"))
    with pytest.raises(MissingCorpus, match="nowhere is not in"):
        read_column(tmp_path / "nowhere")
    with pytest.raises(DissectError, match="no tags to tune on under 'nonsense'"):
        corpora.tags("nonsense")


def test_a_column_of_words_is_no_column_of_tags(tmp_path):
    (tmp_path / "some").write_text("".join(f"word{n} lemma{n}\n" for n in range(501)), encoding="utf-8")
    with pytest.raises(DissectError, match="has 501 values, too many for tags"):
        read_column(tmp_path / "some")


def test_a_sentence_of_semcor_has_a_tag_a_word_and_none_a_mark():
    xml = '<s><wf pos="DT">The</wf><wf pos="VB">took_place</wf><punc>.</punc><wf pos="NN"> </wf></s>'
    sentence = read_sentence(fromstring(xml))
    assert sentence.words == ["The", "took place", "."] and sentence.tags == ["DT", "VB", ""]


def test_semcors_parts_of_speech_are_those_of_its_files(corpora_here):
    from nltk.corpus import semcor

    files = semcor.fileids()[:3]
    every = corpora.tags("semcor")
    there = [chunk for name in files for chunk in semcor.tagged_chunks(name, tag="pos")]
    expected = [(" ".join(chunk.leaves()), chunk.label() or "") for chunk in there]
    found = [pair for s in every for pair in zip(s.words, s.tags, strict=True)][: len(expected)]
    assert [tag for _, tag in found] == [tag for _, tag in expected]
    assert [word for word, _ in found] == [word for word, _ in expected]
    assert len(every) == 37_176
    few = corpora.tags("semcor", 20)
    assert len(few) == 20 and few == corpora.tags("semcor", 20)
    with pytest.raises(DissectError, match="leave --column out"):
        corpora.tags("semcor", column=3)
