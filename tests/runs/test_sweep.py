"""A sweep: what its file says, and what becomes of models that can be run and of one that cannot."""

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, BertModel
from typer.testing import CliRunner

from dissect.cli import work
from dissect.errors import DissectError, MissingCorpus
from dissect.runs import sweep
from dissect.runs.manifest import required
from dissect.runs.settings import settings_file
from dissect.runs.sweep import Ran, run_all, sweep_from
from tests.conftest import SIZES, saved

STEPS = """
name: training
by: step
sections: [2]
limit: 9
models:
  - {model: some/model, revision: step10, step: 10}
  - {model: some/model@step5, step: 5, limit: 3}
  - {model: minilm, name: whole, step: 1}
"""


def asked(text: str, tmp_path: Path, **given) -> sweep.Sweep:
    (tmp_path / "models.yaml").write_text(text)
    return sweep_from(settings_file(tmp_path / "models.yaml"), given, "models")


def test_a_file_says_what_each_run_is_told(tmp_path):
    found = asked(STEPS.replace("step: 1}", "step: 100.5}"), tmp_path)
    assert (found.name, found.by) == ("training", "step")
    told = [(one.label, one.settings.name, one.settings.model, one.value) for one in found.members]
    assert told == [
        ("model-step10", "training-model-step10", "some/model@step10", 10),
        ("model-step5", "training-model-step5", "some/model@step5", 5),
        ("whole", "training-whole", "minilm", 100.5),
    ]
    assert [one.settings.limit for one in found.members] == [9, 3, 9]  # a model's own wins over the file's
    assert {one.settings.sections for one in found.members} == {(2,)}


def test_an_option_wins_over_the_file_and_over_a_models_own(tmp_path):
    found = asked(STEPS, tmp_path, name="again", limit=4)
    assert [one.settings.limit for one in found.members] == [4, 4, 4]
    assert found.name == "again" and found.members[2].settings.name == "again-whole"


def test_a_sweep_without_a_name_is_called_as_its_file(tmp_path):
    found = asked("models: [minilm, ./some/model]", tmp_path)
    assert [one.settings.name for one in found.members] == ["models-minilm", "models-model"]
    assert found.by == "" and [one.value for one in found.members] == [None, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sections: [2]", "models: list the models of the sweep"),
        ("models: minilm", "models: list the models of the sweep"),
        ("models: []", "models: list the models of the sweep"),
        ("model: minilm\nmodels: [minilm]", "a sweep has no model of its own"),
        ("models: [3]", "expected a model's name or 'model: NAME', found 3"),
        ("models: [{name: x}]", "expected a model's name or 'model: NAME'"),
        ("models: [minilm, minilm]", "two models are called minilm: give one of them another name"),
        ("models: [{model: minilm, stepp: 1}]", "minilm: 'stepp' is no setting of a model; 'by: stepp'"),
        ("by: step\nmodels: [{model: minilm, stepp: 1}]", "did you mean step"),
        ("models: [{model: minilm, limits: 1}]", "did you mean limit"),
        ("limits: 1\nmodels: [minilm]", "limits=1: there is no such setting; did you mean limit"),
        ("by: step\nmodels: [minilm]", "minilm has no step: give each model one, or leave 'by: step' out"),
        ("by: step\nmodels: [{model: minilm, step: 1k}]", "minilm: step='1k' is no number"),
        ("by: step\nmodels: [{model: minilm, step: true}]", "minilm: step=True is no number"),
        ("by: step\nmodels: [{model: minilm, step: .nan}]", "minilm: step=nan is no number"),
        ("by: 3\nmodels: [minilm]", "by=3: expected a word"),
        ("by: seed\nmodels: [minilm]", "by=seed: that is the name of a setting"),
        ("models: [{model: minilm, name: a b}]", "name='models-a b': a run's name is made of"),
        ("models: [{model: ., revision: x}]", "is a folder, which has no revision"),
        ("models: [minilm@x]", "is a folder, which has no revision"),
        ("seeds: 0\nmodels: [minilm]", "seeds=0"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_sentence(text, said, tmp_path):
    with pytest.raises(DissectError) as error:
        asked(text, tmp_path)
    assert said in str(error.value) and "\n" not in str(error.value)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
keys = st.sampled_from(["model", "name", "revision", "step", "limit", "by", "models", "sections"]) | scalars
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)
)


@given(st.lists(anything, max_size=3) | anything, anything)
def test_whatever_a_file_holds_it_is_a_sweep_or_one_sentence(models, by):
    try:
        found = sweep_from({"models": models, "by": by}, {}, "some")
    except DissectError as error:
        assert "\n" not in str(error)
        return
    names = [one.settings.name for one in found.members]
    assert len(set(names)) == len(names) == len(models)
    assert all(one.value is None or math.isfinite(one.value) for one in found.members)


def made_up(monkeypatch, wrong: dict[str, BaseException]) -> list[str]:
    """Runs that do nothing but fail where they are told to; the names of those begun."""
    begun: list[str] = []

    def run(settings, runs, force, say):
        begun.append(settings.name)
        if settings.name in wrong:
            raise wrong[settings.name]
        return runs / settings.name

    monkeypatch.setattr(sweep, "run", run)
    return begun


def test_a_model_that_cannot_be_run_is_told_and_the_others_go_on(tmp_path, monkeypatch):
    begun = made_up(monkeypatch, {"training-model-step10": DissectError("no such model")})
    said: list[str] = []
    found = run_all(asked(STEPS, tmp_path), tmp_path, say=said.append)
    assert len(begun) == 3 and "model-step10 could not be run: no such model" in said
    assert found.failed == {"model-step10": "no such model"} and found.by == "step"
    assert found.runs == (  # in their row
        Ran("whole", tmp_path / "training-whole", 1),
        Ran("model-step5", tmp_path / "training-model-step5", 5),
    )


@pytest.mark.parametrize("error", [MissingCorpus("no SemCor"), KeyboardInterrupt()])
def test_what_is_wrong_for_all_ends_a_sweep(error, tmp_path, monkeypatch):
    begun = made_up(monkeypatch, {"training-model-step10": error})
    with pytest.raises(type(error)):
        run_all(asked(STEPS, tmp_path), tmp_path)
    assert len(begun) == 1


def test_a_sweep_does_not_share_its_folder_with_a_run(tmp_path, monkeypatch):
    made_up(monkeypatch, {})
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "manifest.json").write_text("{}")
    with pytest.raises(DissectError, match="training holds a run: give the sweep another --name"):
        run_all(asked(STEPS, tmp_path), tmp_path)


def small(tmp_path: Path, tokenizer, name: str, **sizes) -> str:
    config = BertConfig(**SIZES | {"vocab_size": len(tokenizer), "max_position_embeddings": 128} | sizes)
    return saved(BertModel(config), tokenizer, tmp_path / name, 0.1)


def test_models_tell_their_size_where_the_file_does_not(tmp_path, minilm, monkeypatch):
    made_up(monkeypatch, {})
    larger, smaller = (small(tmp_path, minilm.tokenizer, f"of-{n}", num_hidden_layers=n) for n in (4, 2))
    text = yaml.safe_dump(
        {"by": "parameters", "models": [larger, {"model": "minilm", "parameters": 1}, smaller]}
    )
    found = run_all(asked(text, tmp_path), tmp_path)
    assert [ran.label for ran in found.runs] == ["minilm", "of-2", "of-4"]
    asks, own, two, four = SIZES, *(ran.value for ran in found.runs)
    wide, inner = asks["hidden_size"], asks["intermediate_size"]
    layer = 4 * (wide + 1) * wide + (wide + 1) * inner + (inner + 1) * wide + 4 * wide
    assert own == 1 and four - two == 2 * layer


@pytest.mark.slow
def test_the_command_runs_what_it_can_and_its_status_tells_of_the_rest(tmp_path, minilm, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for n in (1, 2):
        small(tmp_path, minilm.tokenizer, f"of-{n}", num_hidden_layers=n)
    told = {
        "by": "parameters", "sections": [1], "limit": 20,
        "models": ["of-2", {"model": "./nowhere", "name": "lost"}, "of-1"],
    }  # fmt: skip
    Path("two.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    done = CliRunner().invoke(work.app, ["sweep", "two.yaml", "--no-site"])
    assert isinstance(done.exception, DissectError) and done.exit_code == 1
    assert str(done.exception) == "1 of 3 models could not be run, see above: lost"
    assert "lost could not be run: no model could be loaded as './nowhere'" in done.output
    folders = [Path("runs") / f"two-of-{n}" for n in (1, 2)]
    assert [required(folder).settings.limit for folder in folders] == [20, 20]
    again = CliRunner().invoke(work.app, ["sweep", "two.yaml", "--no-site"])
    assert again.output.count("1-derivation: up to date") == 2  # as after an interruption
