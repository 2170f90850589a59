"""Files of columns as anybody may have them: every common shape is read, or refused with file and line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Entities

from dissect import corpora
from dissect.corpora import schemes
from dissect.corpora.conll import read_conll
from dissect.errors import DissectError, MissingCorpus

EXPECTED = [(["Marta", "Quill", "sings", "in", "Velmora"], ["B-PER", "I-PER", "O", "O", "B-LOC"])]
TWO = "Marta B-PER\nQuill I-PER\nsings O\nin O\nVelmora B-LOC\n"
FOUR = """-DOCSTART- -X- -X- O

Marta NNP B-NP B-PER
Quill NNP I-NP I-PER
sings VBZ B-VP O
in IN B-PP O
Velmora NNP B-NP B-LOC
"""
SHAPES = {
    "two columns": TWO,
    "a byte order mark": "\ufeff" + TWO,
    "tabs": TWO.replace(" ", "\t"),
    "Windows line ends": TWO.replace("\n", "\r\n"),
    "old Macintosh line ends": TWO.replace("\n", "\r"),
    "no final newline": TWO.rstrip(),
    "blanks at line ends": TWO.replace("\n", " \n").replace("sings O", "sings O\t"),
    "blank lines of blanks": "\n \n" + TWO + " \n\t\n",
    "several blanks": TWO.replace(" ", "   "),
    "four columns": FOUR,
    "five columns": FOUR.replace("NNP ", "Name NNP ").replace(" VBZ", " sing VBZ").replace(" IN", " in IN")
    .replace("-X- O", "-X- -X- O").replace("B-NP", "I-NC").replace("I-NP", "I-NC").replace("B-VP", "B-VC")
    .replace("B-PP", "I-PC"),
    "-DOCSTART- without columns": "-DOCSTART-\n" + TWO,
    "-DOCSTART- with a number": "-DOCSTART- (1) O\n\n" + TWO,
    "a comment": "# id = 7\n" + TWO,
    "a comment with as many columns": "# id\n" + TWO,
    "words that are numbered, two columns of tags": "# http://x.org [2009]\n"
    + "".join(f"{n}\t{line}\tO\n" for n, line in enumerate(TWO.replace(" ", "\t").splitlines(), start=1)),
    "tags first": "".join("\t".join(reversed(line.split())) + "\n" for line in TWO.splitlines()),
    "underscores between": TWO.replace(" ", " _ _ "),
    "IOB1": TWO.replace("B-", "I-"),
    "BIOES": TWO.replace("I-PER", "E-PER").replace("B-LOC", "S-LOC"),
    "BILOU": TWO.replace("I-PER", "L-PER").replace("B-LOC", "U-LOC"),
    "BMEWO": TWO.replace("I-PER", "E-PER").replace("B-LOC", "W-LOC"),
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    """Writes a file and gives its path."""

    def written(text, name="some"):
        (tmp_path / name).write_bytes(text.encode("utf-8"))
        return tmp_path / name

    return written


@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_of_any_common_shape_gives_the_same_words_and_tags(file, shape):
    found = corpora.tuning(str(file(SHAPES[shape])))
    assert [(sentence.words, sentence.tags) for sentence in found] == EXPECTED


@pytest.mark.parametrize("case", ["conll-four-columns", "conll-docstart", "byte-order-mark"])
def test_the_cases_that_failed_are_read(shared, case):
    (sentence,) = corpora.tuning(str(shared / "cases" / case / "train"))
    assert sentence.words[0] == "Marta" and sentence.tags[0] == "B-PER"
    assert not any(" " in word for word in sentence.words) and "O" in sentence.tags


def test_an_entity_may_begin_with_either_letter_and_that_is_told(file, capsys):
    """A tag that somebody mistyped is no reason to refuse a corpus, and none to be silent."""
    (sentence, other) = read_conll(file("a B-x\nb I-x\nc I-y\n\nd I-x\n\n"))
    assert (sentence.tags, other.tags) == (["B-x", "I-x", "B-y"], ["B-x"])
    assert "1 otherwise than most" in capsys.readouterr().err
    read_conll(file("a I-x\nb I-x\nc B-x\n"))  # IOB1
    assert "otherwise" not in capsys.readouterr().err


def test_what_is_read_from_where_is_said_unless_it_is_plain_and_said_once(file, capsys):
    for _ in range(2):
        read_conll(file(FOUR, "four"))
        read_conll(file(TWO, "two"))
    said = capsys.readouterr().err
    assert said.count("four: words are read from column 1, tags from column 4") == 1 and "two" not in said


def test_a_word_may_be_a_number_sign(file):
    (sentence,) = read_conll(file("# comment\n#\tO\n#\tB-x\n#win\tO\nnow\tO\n"))
    assert sentence.words == ["#", "#", "#win", "now"] and sentence.tags == ["O", "B-x", "O", "O"]
    with pytest.raises(MissingCorpus, match="line 2: the word or its tag is empty"):
        read_conll(file("a\tO\n#win\nb\tO\n"))


def test_lines_docstart_part_documents(file):
    name = str(file("a O\n-DOCSTART- O\nb O\n\nc O\n-DOCSTART-\n\nd O\n"))
    assert [s.text for s in corpora.tuning(name)] == ["a", "b", "c", "d"]
    first, second, third, fourth = corpora.documents("tuning", name)
    assert first != second == third != fourth


def test_columns_can_be_named(file):
    nested = file("1\tMarta\tB-PER\tO\n2\tRhine\tB-LOC\tB-RIVER\n")
    with pytest.raises(DissectError, match="may be in column 3 or 4: name one with --tag-column"):
        read_conll(nested)
    (sentence,) = corpora.tuning(str(nested), column=4)
    assert sentence.words == ["Marta", "Rhine"] and sentence.tags == ["O", "B-RIVER"]
    (sentence,) = corpora.tuning(str(nested), column=3, word_column=1)
    assert sentence.words == ["1", "2"]
    with pytest.raises(DissectError, match="line 1: there is no column 5 among 4 columns"):
        corpora.tuning(str(nested), column=5)
    with pytest.raises(DissectError, match="line 1: expected a tag such as O or B-PER in column 2, found"):
        corpora.tuning(str(nested), column=2)
    with pytest.raises(DissectError, match="wikigold has columns of its own"):
        corpora.tuning("wikigold", column=2)


WRONG = {
    "a tag that is none": ("a O\nb PERSON\n", "line 2: expected a word and a tag such as O or B-PER"),
    "no tags": ("Marta sings\nhere now\n", "line 1: expected a word and a tag such as O or B-PER"),
    "one column": ("Marta\nsings\n", "line 1: expected a word and a tag such as O or B-PER"),
    "a column less": ("a x O\nb O\n", "line 2: expected 3 columns, as in line 1 of some, found 'b O'"),
    "a word of two": ("a O\nNew York B-LOC\n", "line 2: expected 2 columns, as in line 1 of some"),
    "an empty word": ("a\tO\n\tO\n", "line 2: the word or its tag is empty"),
    "an empty file": ("\n\n", "holds no sentence"),
    "BIOES and BILOU": ("a S-x\nb U-x\n", "line 2: expected tags of one scheme, .* are of no one scheme"),
    "BIOES and IOB2": ("a S-x\nb B-x\nc O\n", "line 3: expected tags of one scheme, .* unended"),
    "an end without a beginning": ("a S-x\nb E-x\n", "line 2: expected tags of one scheme, .* did not begin"),
    "an end of another type": ("a B-x\nb E-y\n", "line 2: expected tags of one scheme"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_understood_is_told_with_file_and_line(file, what):
    text, said = WRONG[what]
    with pytest.raises(DissectError, match=f"some(, | ){said}") as told:
        read_conll(file(text))
    assert "\n" not in str(told.value) and "fetch" not in str(told.value)


def test_text_in_another_encoding_is_told_how_to_be_converted(tmp_path):
    (tmp_path / "latin").write_bytes("a O\nGöteborg B-LOC\n".encode("latin-1"))
    with pytest.raises(MissingCorpus, match="latin, line 2: expected UTF-8 text, found the byte 0xf6.*iconv"):
        read_conll(tmp_path / "latin")
    (tmp_path / "wide").write_bytes("a O\n".encode("utf-16"))
    with pytest.raises(MissingCorpus, match="iconv -f UTF-16 -t UTF-8"):
        read_conll(tmp_path / "wide")


# ---- schemes of tags ----

SENTENCES = st.lists(
    st.lists(st.tuples(st.sampled_from(["PER", "LOC", ""]), st.integers(1, 3)), min_size=1, max_size=5),
    min_size=1, max_size=4,
)  # fmt: skip


def in_scheme(sentence, letters):
    """A sentence of (type or "", length) as tags; letters are for first, middle, last and single words."""
    tags = []
    for kind, length in sentence:
        first, middle, last, single = letters
        prefixes = [single] if length == 1 else [first, *[middle] * (length - 2), last]
        tags += [f"{prefix}-{kind}" if kind else "O" for prefix in prefixes]
    return tags


@settings(max_examples=60, deadline=None)
@given(SENTENCES, st.sampled_from([("BIES", IOBES), ("BILU", BILOU), ("BMES", None), ("BMEW", None)]))
def test_entities_stay_the_same_whatever_scheme_they_were_written_in(sentences, scheme):
    letters, of_seqeval = scheme
    written = [in_scheme(sentence, letters) for sentence in sentences]
    expected = [in_scheme(sentence, "BIIB") for sentence in sentences]
    assert schemes.to_iob2(written) == expected
    if of_seqeval and any(tag != "O" for tags in written for tag in tags):
        theirs = [sorted(e.to_tuple()[1:] for e in one) for one in Entities(written, of_seqeval).entities]
        ours = [sorted(e.to_tuple()[1:] for e in one) for one in Entities(expected, IOB2).entities]
        assert theirs == ours


@settings(max_examples=60, deadline=None)
@given(SENTENCES)
def test_the_first_scheme_of_conll_becomes_the_second(sentences):
    """In IOB1 an entity begins with B- only behind another of its type."""
    expected = [in_scheme(sentence, "BIIB") for sentence in sentences]
    written = []
    for tags in expected:
        before = ["O", *tags]
        written.append([
            "I" + tag[1:] if tag[0] == "B" and before[n][2:] != tag[2:] else tag for n, tag in enumerate(tags)
        ])  # fmt: skip
    assert schemes.to_iob2(written) == expected
    assert [get_entities(tags) for tags in expected] == [
        [(entity.tag, entity.start, entity.end - 1) for entity in one]
        for one in Entities(written, IOB1).entities
    ]


# ---- parts ----


def test_a_folder_may_name_its_parts_as_corpora_do(tmp_path):
    names = [
        ("train", "valid", "test"), ("eng.train", "eng.testa", "eng.testb"),
        ("NER-de-train.tsv", "NER-de-dev.tsv", "NER-de-test.tsv"), ("train.txt", "dev.txt", "test.txt"),
    ]  # fmt: skip
    for n, files in enumerate(names):
        (folder := tmp_path / str(n)).mkdir()
        for file in files:
            (folder / file).write_text(f"{file} O\n", encoding="utf-8")
        parts = corpora.entities(str(folder))
        assert [[s.text for s in parts[part]] for part in ("train", "dev", "test")] == [[f] for f in files]
        assert [s.text for s in corpora.tuning(str(folder))] == [files[0]]
    (folder / "train.conll").write_text("a O\n", encoding="utf-8")
    with pytest.raises(DissectError, match=r"train may be train.conll and train.txt .* keep one"):
        corpora.entities(str(folder))
    (folder / "dev.txt").unlink()
    (folder / "train.conll").unlink()
    with pytest.raises(DissectError, match=r"dev is not in .*with or without an ending such as .txt"):
        corpora.entities(str(folder))


def test_the_scheme_is_that_of_all_parts(tmp_path):
    """One part alone would be taken for IOB2: its one entity of several words does not tell."""
    for part, text in {"train": "a S-x\n", "dev": "b B-x\nc E-x\n", "test": "d O\n"}.items():
        (tmp_path / part).write_text(text, encoding="utf-8")
    parts = corpora.entities(str(tmp_path))
    assert parts["train"][0].tags == ["B-x"] and parts["dev"][0].tags == ["B-x", "I-x"]


@pytest.mark.parametrize("document", [1, 5])
def test_one_file_is_parted_by_document_where_it_has_many(tmp_path, document):
    start = "-DOCSTART- O\n\n"
    lines = [f"{'' if n % document else start}word{n} O\n" for n in range(100)]
    (tmp_path / "some.conll").write_text("\n".join(lines), encoding="utf-8")
    name = str(tmp_path / "some.conll")
    parts = corpora.entities(name, seed=3)
    assert [len(parts[part]) for part in ("train", "dev", "test")] == [80, 10, 10]
    assert len({s.text for part in parts.values() for s in part}) == 100
    of = {part: {s.document for s in parts[part]} for part in parts}
    assert of["train"].isdisjoint(of["dev"] | of["test"]) and of["dev"].isdisjoint(of["test"])
    assert corpora.entities(name, seed=3) == parts != corpora.entities(name, seed=4)


def test_one_file_without_documents_is_parted_by_sentence_and_what_comes_twice_stays_together(tmp_path):
    (tmp_path / "some").write_text("\n".join(f"word{n % 20} O\n" for n in range(40)), encoding="utf-8")
    parts = corpora.entities(str(tmp_path / "some"))
    assert [len(parts[part]) for part in ("train", "dev", "test")] == [32, 4, 4]
    texts = [{s.text for s in part} for part in parts.values()]
    assert sum(map(len, texts)) == len(set.union(*texts)) == 20
    (tmp_path / "few").write_text("\n".join(f"word{n} O\n" for n in range(9)), encoding="utf-8")
    with pytest.raises(DissectError, match="few has 9 different sentences, too few to be parted 8:1:1"):
        corpora.entities(str(tmp_path / "few"))
