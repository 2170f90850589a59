"""What reads data from outside, given anything: it gives a value or one sentence."""

import json
import shutil
from xml.etree.ElementTree import Element, SubElement

import nbformat
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dissect import DissectError, corpora
from dissect.corpora import semcor
from dissect.corpora.conll import read_column, read_conll
from dissect.corpora.own_senses import read_senses
from dissect.corpora.semcor import read_sentence
from dissect.places import ROOT
from dissect.report.judge import judge
from dissect.runs import manifest, verification
from dissect.runs.settings import Settings, settings_file, settings_from
from dissect.site import across, build, chapters, scorecard, this_run
from dissect.tables import results

pytestmark = pytest.mark.slow

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([*Settings.model_fields, "modle", "seedz", "colour"])
LINES = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.builds("{}\t{}".format, st.text(max_size=8), st.sampled_from(["O", "B-x", "I-x", "E-x", "S-x"])),
        st.builds("{} NN {}".format, st.text(max_size=8), st.sampled_from(["O", "B-x", "B-y", "L-x"])),
        st.sampled_from(["-DOCSTART- O", "# id 7", "#\tO", "1\tword\tO", "2\tword\tB-x", "# newdoc"]),
    ),
    max_size=12,
).map("\n".join)  # fmt: skip


def one_sentence(call, *arguments):
    """What a call gives; None where it refuses in one sentence."""
    try:
        return call(*arguments)
    except DissectError as error:
        assert str(error) and "\n" not in str(error)
        return None


@QUICK
@given(st.binary(max_size=200) | LINES.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"word\tO\r\n\r\n").via("Windows line ends")
def test_conll_files(tmp_path, data):
    for name in ("file", "file.conllu"):
        (tmp_path / name).write_bytes(data)
        of_any_tags = one_sentence(read_column, tmp_path / name) or []
        of_entities = one_sentence(read_conll, tmp_path / name) or []
        assert all(tag == "O" or tag[:2] in ("B-", "I-") for one in of_entities for tag in one.tags)
        for sentence in (*of_any_tags, *of_entities):
            assert len(sentence.words) == len(sentence.tags) > 0
            assert all(sentence.text[a:b] for a, b in sentence.spans())


@QUICK
@given(
    st.lists(
        st.tuples(st.text(max_size=9), st.dictionaries(st.sampled_from(["lemma", "lexsn"]), st.text())),
        max_size=6,
    )
)
def test_semcor_sentences(words):
    element = Element("s")
    for text, attributes in words:
        SubElement(element, "wf", attributes).text = text
    sentence, items = read_sentence(element, 3)
    assert all(sentence[start:end].strip() for _, start, end, *_ in items)


OWN = st.lists(
    st.text(max_size=15)
    | st.sampled_from(
        ["# bank noun money : a house", "# bank noun river : a side", "The *bank* is", "*banks*", "<P>",
         "<CHAPTER ID=1>", "# a b", "***", "\ufeff"]
    ),
    max_size=9,
).map("\n".join)  # fmt: skip


@QUICK
@given(st.binary(max_size=100) | OWN.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"# a b c : d\nThe *x* .\n# a b e : f\n*x*").via("two senses")
def test_text_and_senses_of_ones_own(tmp_path, data):
    (tmp_path / "file.txt").write_bytes(data)
    for name in (str(tmp_path / "file.txt"), str(tmp_path)):
        sentences = one_sentence(corpora.text, name)
        assert sentences is None or sentences and all(sentence.strip() for sentence in sentences)
    read = one_sentence(read_senses, tmp_path / "file.txt")
    for item in read.items if read else []:
        assert "*" not in read.sentences[item.sentence]
        assert read.sentences[item.sentence][item.start : item.end].strip()


XML = st.one_of(
    st.binary(max_size=80),
    st.lists(
        st.sampled_from(
            ["<s snum='1'>", "</s>", "<wf lemma='bank' lexsn='1:14:00::'>", "bank", "</wf>", "<", "&",
             "&amp;", "<!DOCTYPE s [<!ENTITY a 'x'>]>", "&a;", "\x00", "é",
             "<?xml version='1.0' encoding='utf-7'?>"]
        ),
        max_size=9,
    ).map(lambda parts: "".join(parts).encode()),
)  # fmt: skip


@QUICK
@given(XML)
@example(b"<c><s><wf lemma='bank' lexsn='1:14:00::'>bank</wf></s></c>").via("one that is whole")
def test_semcor_files(tmp_path, monkeypatch, data):
    """The bytes of a file of SemCor; that there is one file only is said last."""
    import nltk

    tagged = tmp_path / "corpora/semcor/brown1/tagfiles"
    tagged.mkdir(parents=True, exist_ok=True)
    (tagged / "br-a01.xml").write_bytes(data)
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    assert one_sentence(semcor.parse) is None


UNIFIED = st.lists(
    st.sampled_from(
        ["<corpus>", "</corpus>", "<text id='d'>", "</text>", "<sentence>", "</sentence>", "<s>", "</s>",
         "<instance id='d.t0' lemma='bank'>bank</instance>", "<instance id='d.t1'>the _ bank</instance>",
         "<w>one</w>", "&amp;", "&a;", "<wf lexsn='1;2'>x</wf>", "<instance/>", "é"]
    ),
    max_size=9,
).map("".join)  # fmt: skip
KEYS = st.lists(st.sampled_from(["d.t0 a%1", "d.t1 a%2 a%1", "d.t1", "", "d.t2 b", "\xa0"])).map("\n".join)
WHOLE_XML = (
    "<corpus><text id='d'><sentence><instance id='d.t0' lemma='a'>x</instance>"
    "<instance id='d.t1' lemma='a'>y</instance></sentence></text></corpus>"
)


@QUICK
@given(XML | UNIFIED.map(str.encode), KEYS)
@example(WHOLE_XML.encode(), "d.t0 a%1\nd.t1 a%2").via("one that is whole")
def test_xml_of_ones_own(tmp_path, data, keys):
    """The same bytes as text of OPUS, as SemCor's, and as the unified framework's."""
    for name in ("some.data.xml", "other.xml"):
        (tmp_path / name).write_bytes(data)
        one_sentence(corpora.text, str(tmp_path / name))
    (tmp_path / "some.gold.key.txt").write_text(keys, encoding="utf-8")
    for name in ("some.data.xml", "other.xml"):
        read = one_sentence(read_senses, tmp_path / name)
        for item in read.items if read else []:
            assert read.sentences[item.sentence][item.start : item.end].strip()


@QUICK
@given(
    st.binary(max_size=120)
    | st.dictionaries(NAMES, JSON, max_size=4).map(lambda d: yaml.safe_dump(d).encode())
)
@example(b"a: &a [x,x]\nb: &b [*a,*a,*a]\nmodel: [*b,*b,*b,*b]\n").via("aliases that grow")
@example(b"!!python/object/apply:os.system ['true']").via("a tag that would run something")
@example(b'"mo\\ndel": minilm').via("a line's end in a key")
def test_settings_files(tmp_path, data):
    (tmp_path / "run.yaml").write_bytes(data)
    options = one_sentence(settings_file, tmp_path / "run.yaml")
    if options is not None:
        told = one_sentence(settings_from, options)
        assert told is None or isinstance(told, Settings)


def test_a_misspelt_setting_names_its_neighbour(tmp_path):
    (tmp_path / "run.yaml").write_text("modle: minilm\nseeds: 2\n")
    with pytest.raises(DissectError, match="modle='minilm': there is no such setting; did you mean model?"):
        settings_from(settings_file(tmp_path / "run.yaml"))
    (tmp_path / "run.yaml").write_text("sections: 2,4\ntuned: a\nseeds: 2\n")
    told = settings_from(settings_file(tmp_path / "run.yaml"))
    assert told.sections == (2, 4) and told.tuned == ("a",) and told.seeds == 2


WHOLE = {
    "settings": {"model": "minilm"}, "date": "2026-01-01", "versions": {}, "machine": {}, "revisions": {},
    "chapters": {"4-wsd": {"key": "", "parameters": {}, "seconds": 1.0, "date": ""}},
}  # fmt: skip


@QUICK
@given(
    st.binary(max_size=120) | JSON.map(lambda v: json.dumps(v).encode()), st.sampled_from(list(WHOLE)), JSON
)
def test_manifests(tmp_path, data, key, value):
    for content in (data, json.dumps(WHOLE | {key: value}).encode()):
        (tmp_path / "manifest.json").write_bytes(content)
        told = one_sentence(manifest.required, tmp_path)
        assert told is None or told.seconds() >= 0 or told.chapters


@QUICK
@given(
    st.dictionaries(
        st.sampled_from(["source", "target", "r2", "more"]),
        st.lists(JSON, min_size=2, max_size=2),
        min_size=1,
    )
)
def test_tables(tmp_path, columns):
    try:
        pd.DataFrame(columns).to_parquet(tmp_path / "dependence.parquet", index=False)
    except Exception:  # no Parquet can hold that
        return
    tables = one_sentence(results.read, tmp_path)
    assert tables is None or list(tables["dependence"].columns) == ["source", "target", "r2"]


@QUICK
@given(
    st.text(max_size=60),
    st.sampled_from(["text/html", "text/markdown", "text/plain", "application/javascript", "image/svg+xml"]),
)
@example("<script>alert(1)</script>", "text/html")
@example("<a href='javascript:alert(1)' onclick='x'>x</a>", "text/html")
def test_outputs(content, kind):
    output = chapters.harmless(nbformat.v4.new_output("display_data", {kind: content}))
    shown = output.data.get("text/html", "") + output.data.get("text/markdown", "")
    assert "<script" not in shown and "onclick" not in output.data.get("text/html", "")
    assert "javascript:" not in output.data.get("text/html", "") and kind.split("/")[0] in (
        "text",
        "application",
        "image",
    )
    assert not {"application/javascript", "image/svg+xml"} & set(output.data)


def read_whole(folder):
    """All that reads the folder of a run from elsewhere, but for its models and corpora."""
    told = manifest.required(folder)
    for source in sorted((ROOT / "notebooks").glob("*.ipynb")):
        chapters.chapter(source, folder / "notebooks" / source.name, told)
    build.glued_picture(folder / "notebooks/2-visualisation.ipynb", build.HEADLINE[1])
    this_run.summary(told)
    verification.tuned_of(told)
    held = [*verification.files(folder, told), *verification.versions(told), *verification.inside(folder)]
    runs = [across.paper(), across.read(folder)]
    said = [
        across.page(runs),
        across.markdown(across.verdicts(runs)),
        scorecard.page(judge(folder / "results"), results.read(folder / "results")),
    ]
    return held, said


def put(draw, value, inner):
    """A JSON value with one place in it, at any depth, replaced by what `inner` draws."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 5)) == 0:
        return draw(inner)
    keys = sorted(value) if isinstance(value, dict) else range(len(value))
    key = draw(st.sampled_from(list(keys)))
    copy = value.copy()
    copy[key] = put(draw, value[key], inner)
    return copy


@st.composite
def changed_json(draw, content: bytes):
    return json.dumps(put(draw, json.loads(content), JSON | st.text(max_size=9))).encode()


@st.composite
def changed_table(draw, content: bytes):
    """Some rows of a table, in any order, one column with values of another kind."""
    from io import BytesIO

    table = pd.read_parquet(BytesIO(content))
    rows = draw(st.lists(st.integers(0, len(table) - 1), max_size=5)) if len(table) else []
    table = table.iloc[rows] if rows or draw(st.booleans()) else table
    if draw(st.booleans()):
        column = draw(st.sampled_from(list(table.columns)))
        table = table.assign(
            **{column: draw(st.sampled_from(["", "i", "<b>", 0, -1, 1.5, float("nan"), None]))}
        )
    out = BytesIO()
    table.to_parquet(out, index=False)
    return out.getvalue()


@pytest.fixture(scope="module")
def sent(small_run, tmp_path_factory):
    """A run as somebody may send it."""
    ignore = shutil.ignore_patterns("site", "features", "models")
    return shutil.copytree(small_run, tmp_path_factory.mktemp("sent") / "run", ignore=ignore)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_run_folders(sent, data):
    """A run with one of its files changed in one place is read, or refused in one sentence."""
    files = sorted(file for file in sent.rglob("*.*") if file.suffix in (".json", ".ipynb", ".parquet"))
    file = data.draw(st.sampled_from(files), label="file")
    whole = file.read_bytes()
    change = changed_table if file.suffix == ".parquet" else changed_json
    cut = st.integers(0, len(whole)).map(lambda n: whole[:n])
    file.write_bytes(data.draw(change(whole) | cut, label="content"))
    try:
        one_sentence(read_whole, sent)
    finally:
        file.write_bytes(whole)


def test_a_run_as_it_was_sent_is_read(sent):
    held, said = read_whole(sent)
    assert all(finding == "same" for _, finding, _ in held) and all(said)
