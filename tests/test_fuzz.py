"""What reads data from outside, given anything: it gives a value or one sentence."""

import json
from xml.etree.ElementTree import Element, SubElement

import nbformat
import pandas as pd
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dissect import DissectError, manifest, pages, results
from dissect.corpora.conll import read_conll
from dissect.corpora.semcor import read_sentence
from dissect.settings import Settings, settings_file, settings_from

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
        st.builds("{}\t{}".format, st.text(max_size=8), st.sampled_from(["O", "B-x", "I-x"])),
    ),
    max_size=12,
).map("\n".join)  # fmt: skip


def one_sentence(call, *arguments):
    """What a call gives; None where it refuses in one sentence."""
    try:
        return call(*arguments)
    except DissectError as error:
        assert str(error) and "\n" not in str(error)[:400]
        return None


@QUICK
@given(st.binary(max_size=200) | LINES.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"word\tO\r\n\r\n").via("Windows line ends")
def test_conll_files(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    sentences = one_sentence(read_conll, tmp_path / "file")
    for sentence in sentences or []:
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


@QUICK
@given(
    st.binary(max_size=120)
    | st.dictionaries(NAMES, JSON, max_size=4).map(lambda d: yaml.safe_dump(d).encode())
)
@example(b"a: &a [x,x]\nb: &b [*a,*a,*a]\nmodel: [*b,*b,*b,*b]\n").via("aliases that grow")
@example(b"!!python/object/apply:os.system ['true']").via("a tag that would run something")
def test_settings_files(tmp_path, data):
    (tmp_path / "run.yaml").write_bytes(data)
    options = one_sentence(settings_file, tmp_path / "run.yaml")
    if options is not None:
        told = one_sentence(settings_from, options)
        assert told is None or isinstance(told, Settings)


def test_a_misspelt_setting_names_its_neighbour(tmp_path):
    import pytest

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
    output = pages.harmless(nbformat.v4.new_output("display_data", {kind: content}))
    shown = output.data.get("text/html", "") + output.data.get("text/markdown", "")
    assert "<script" not in shown and "onclick" not in output.data.get("text/html", "")
    assert "javascript:" not in output.data.get("text/html", "") and kind.split("/")[0] in (
        "text",
        "application",
        "image",
    )
    assert not {"application/javascript", "image/svg+xml"} & set(output.data)
