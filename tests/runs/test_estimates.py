"""How long a run would take: amounts of work times what finished runs tell, or what is timed on the spot."""

import time

import pandas as pd
import pytest
import torch

from dissect.places import PUBLISHED
from dissect.reuse import Work
from dissect.runs import doctor, estimates, experience, manifest, rates
from dissect.runs.chapters import CHAPTERS
from dissect.runs.experience import OF_PROBES, Experience
from dissect.runs.settings import settings_from
from dissect.runs.sizes import Size
from dissect.runs.spent import by_chapter, of_chapter, spent

SIZES = {name: Size(10_000, 2_000, 500, 50) for name in ("text", "senses", "entities", "tuning")}
PASSES = dict.fromkeys(rates.PASSES, 1e-3)
SECOND = dict.fromkeys(OF_PROBES, 1.0)  # an item in an epoch, so that it is easily counted


@pytest.fixture
def timed(monkeypatch):
    """Rates that are known, where nobody looks into runs/."""
    monkeypatch.setattr(estimates, "experience", lambda *_: experience.tabulated())
    monkeypatch.setattr(estimates, "pass_rates", lambda _: PASSES)
    monkeypatch.setattr(estimates, "probe_rates", lambda width, sizes: dict.fromkeys(sizes, 1.0))


def test_the_doctor_says_what_more_copies_would_add(minilm, timed):
    def told(**options):
        settings = settings_from({"limit": 30, **options})
        sizes, _ = doctor.tokens(settings, minilm)
        seconds = estimates.estimates(settings, minilm, sizes)
        return seconds, {what: detail for what, _, detail in doctor.times(settings, minilm, sizes)}

    one, said = told(siblings="ner")
    assert said["time of fine-tuning"].endswith(": ner (seed 0)")
    assert "ner, another seed: about" in said["more copies"]
    assert "qa on teaching: about" in said["more copies"]
    assert "tags on semcor: not estimated" in said["more copies"]
    two, said = told(siblings="ner,ner,qa")
    assert said["time of fine-tuning"].endswith(": ner (seed 0), ner (seed 1), qa (seed 0)")
    added = one["another: ner"] + one["another: qa"]
    chapter = two["2-visualisation"] - one["2-visualisation"]
    assert two["fine-tuning"] + chapter == pytest.approx(one["fine-tuning"] + added)
    assert not {"time of fine-tuning", "more copies"} & set(told(tuned=["minilm"])[1])


def test_more_work_takes_longer_by_the_doctors_estimate(minilm, monkeypatch, tmp_path):
    """Twice the tokens, twice the passes; the estimates are sums of rates times amounts."""

    def clock(call):
        call()
        return 1.0  # a machine that is busy with other things may take longer for less

    monkeypatch.setattr(rates, "clock", clock)
    twice = {name: Size(20_000, 4_000, 1000, 100) for name in SIZES}
    one = estimates.estimates(settings_from({}), minilm, SIZES, tmp_path)
    two = estimates.estimates(settings_from({}), minilm, twice, tmp_path)
    assert all(two[name] > one[name] for name in one if name not in ("6-finer", "site"))


@pytest.mark.parametrize("trial", [None, 3.0])
def test_trials_take_time_by_the_doctors_estimate(minilm, monkeypatch, timed, trial):
    known = experience.tabulated()
    if trial is not None:
        known.epochs |= {f"trials of {kind}": trial for kind in OF_PROBES}
    monkeypatch.setattr(estimates, "experience", lambda *_: known)
    none, ten = (estimates.estimates(settings_from({"trials": n}), minilm, SIZES) for n in (0, 10))
    assert {name for name in none if ten[name] > none[name]} == {"3-mlm", "4-wsd", "5-ner"}
    splits = {"masked-word heads": 1, "sense probes": 2, "entity probes": 1}  # by item and by document
    for kind, chapter in OF_PROBES.items():  # ten trials for each of 15 subsets
        epochs = trial or experience.TRIAL * known.epochs[kind]
        more = splits[kind] * 10 * 15 * epochs * trained_on(kind)
        assert ten[chapter] - none[chapter] == pytest.approx(more)


def trained_on(kind: str) -> int:
    """Four fifths of 2,000 items, or of the targets: twice 15 % of the 9,000 word pieces of sentences."""
    return 2160 if kind == "masked-word heads" else 1600


def test_runs_of_each_probe_take_time_by_the_doctors_estimate(minilm, timed):
    """Sixteen subsets and two for the control, a seed; of senses twice, by item and by document."""
    three, five = (estimates.estimates(settings_from({"seeds": n}), minilm, SIZES) for n in (3, 5))
    probes = {"masked-word heads": 18, "sense probes": 36, "entity probes": 34}
    epochs = experience.tabulated().epochs
    for kind, chapter in OF_PROBES.items():
        more = 2 * probes[kind] * epochs[kind] * trained_on(kind)
        assert five[chapter] - three[chapter] == pytest.approx(more, rel=1e-3)
    paper = estimates.estimates(settings_from({"profile": "paper", "model": "minilm"}), minilm, SIZES)
    ten = estimates.estimates(
        settings_from({"profile": "paper", "model": "minilm", "seeds": 10}), minilm, SIZES
    )
    assert ten["5-ner"] == paper["5-ner"] and ten["3-mlm"] > paper["3-mlm"]


def test_the_doctor_counts_on_chapters_side_by_side(minilm, monkeypatch):
    seconds = dict.fromkeys([*CHAPTERS, "fine-tuning", "site"], 10.0)
    monkeypatch.setattr(doctor, "estimates", lambda *_: seconds)

    def total(jobs: int) -> str:
        told = {what: said for what, _, said in doctor.times(settings_from({"jobs": jobs}), minilm, {})}
        return told["time of everything"]

    assert "80 seconds" in total(1) and "50 seconds" in total(2)


def test_estimates_are_taken_with_a_chapters_share_of_the_threads(minilm, monkeypatch, timed):
    seen = []
    monkeypatch.setattr(estimates, "pass_rates", lambda _: seen.append(torch.get_num_threads()) or PASSES)
    before = torch.get_num_threads()
    estimates.estimates(settings_from({"jobs": before}), minilm, SIZES)
    assert seen == [1] and torch.get_num_threads() == before


def test_what_is_timed_is_told_an_item_and_epoch(monkeypatch):
    """Of a clock that counts what a probe is given: each of its items takes a second an epoch."""
    seen = {}

    def trained(kind):
        def probes(xs, *given):
            trainings = next(one for one in given if isinstance(one, list))
            split = next(one for one in given if hasattr(one, "train"))
            seen[kind] = trainings[0]
            clock.now += sum(training.epochs for training in trainings) * len(split.train)

        return probes

    class clock:
        now = 0.0

    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    for kind, name in zip(OF_PROBES, ("masked_heads", "sense_probes", "entity_probes"), strict=True):
        monkeypatch.setattr(rates, name, trained(kind))
    found = rates.probe_rates(8, {kind: (100_000, 30) for kind in OF_PROBES})
    assert found == pytest.approx(dict.fromkeys(OF_PROBES, 1.0))
    assert {training.batch_size for training in seen.values()} == {1000}  # as of so many items


@pytest.mark.parametrize("kind", OF_PROBES)
def test_each_kind_of_probe_can_be_timed(kind):
    assert 0 < rates.probe_rate(kind, 8, 500, 7) < 1


# ---- from finished runs ----

RATE = {"terms": 2e-3, "layers": 3e-3, "linear": 5e-3, "masked-word heads": 7e-3, "sense probes": 11e-3,
        "entity probes": 13e-3}  # fmt: skip
AMOUNTS = {  # of the run, counted by hand: seeds 2, three models, masked 3 times, 16 subsets and a control
    "1-derivation": {"linear": 20_000},
    "2-visualisation": {"layers": 30_000},
    "3-mlm": {"terms": 30_000, "masked-word heads": 2 * 18 * 3240},
    "4-wsd": {"terms": 10_000, "sense probes": 2 * 2 * 18 * 1600},
    "5-ner": {"terms": 20_000, "entity probes": 2 * 34 * 1600},
}  # fmt: skip
OPTIONS = {"limit": 500, "seeds": 2, "sections": "1,2,3,4,5"}


@pytest.fixture
def ran(tmp_path):
    """Finishes a run as it would have gone at these rates; a tenth of its work was found done."""

    def finish(name="mine", machine=None, epochs=0, **options):
        settings = settings_from({**OPTIONS, **options, "name": name})
        folder = tmp_path / "runs" / name
        told = manifest.begun(settings, folder, {})
        told.machine = told.machine | (machine or {})
        told.chapters = {chapter: finished(chapter, units, epochs) for chapter, units in AMOUNTS.items()}
        folder.mkdir(parents=True)
        manifest.write(folder, told)
        return tmp_path / "runs"

    return finish


def finished(chapter, units, epochs):
    work = {}
    for kind, amount in units.items():
        all_of_it = RATE[kind] * amount
        sizes = {"tokens": amount} if kind in rates.PASSES else {"items": amount, "epochs": 10 * epochs}
        work["passes" if kind in rates.PASSES else kind] = Work(
            computed=9, seconds=0.9 * all_of_it, reused=1, reused_seconds=0.1 * all_of_it,
            sizes={size: many for size, many in sizes.items() if many},
        )  # fmt: skip
    work["starting"], work["pictures"] = Work(computed=1, seconds=2.5), Work(computed=3, seconds=1.5)
    seconds = sum(of.seconds for of in work.values()) + 0.0004 * next(iter(units.values()))
    about = {"key": "0" * 64, "parameters": {}, "date": manifest.now()}
    return manifest.Chapter(seconds=seconds, work=work, **about)


def test_a_run_takes_what_the_same_run_took_before(minilm, ran, monkeypatch):
    monkeypatch.setattr(estimates, "pass_rates", lambda _: pytest.fail("timed"))
    monkeypatch.setattr(estimates, "probe_rates", lambda _, sizes: {} if not sizes else pytest.fail("timed"))
    monkeypatch.setattr(experience, "LONG", 1.0)
    found = estimates.estimates(settings_from(OPTIONS), minilm, SIZES, ran())
    for chapter, units in AMOUNTS.items():
        taken = 4 + sum(RATE[kind] * amount for kind, amount in units.items())
        assert found[chapter] == pytest.approx(taken + 0.0004 * next(iter(units.values())), rel=0.01)
    again = {name: Size(20_000, 4_000, 1000, 50) for name in SIZES}
    twice = estimates.estimates(settings_from({**OPTIONS, "limit": 1000}), minilm, again, ran("twice"))
    for chapter in AMOUNTS:
        assert twice[chapter] - 4 == pytest.approx(2 * (found[chapter] - 4), rel=0.01)


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({}, set(RATE)),
        ({"model": "no/other"}, set()),
        ({"jobs": 2}, set()),
        ({"precision": "bfloat16"}, set()),
        ({"senses": "semcor"}, set(RATE) - {"sense probes"}),
        ({"text": "europarl"}, set(RATE) - {"masked-word heads"}),
    ],
)
def test_rates_are_those_of_runs_of_the_same_model_and_corpus(ran, options, known):
    found = experience.experience(settings_from({**OPTIONS, **options}), ran(epochs=4))
    assert set(found.rates) == known
    assert found.rates == pytest.approx({kind: RATE[kind] for kind in known})
    assert {found.epochs[kind] for kind in OF_PROBES} == {4}  # whatever the model
    assert set(found.sources.values()) == {"mine"}


def test_of_another_machine_epochs_alone_are_taken(ran):
    runs = ran(machine={"cores": 1000}, epochs=4)
    found, table = experience.experience(settings_from(OPTIONS), runs), experience.tabulated()
    assert (found.rates, found.fixed) == ({}, table.fixed) and found.epochs["sense probes"] == 4


def test_the_nearest_run_tells(ran):
    ran("small", epochs=3, limit=50)
    runs = ran("large", epochs=7, limit=5000)
    for limit, nearest in ((60, 3), (4000, 7)):
        found = experience.experience(settings_from({**OPTIONS, "limit": limit}), runs)
        assert found.epochs["masked-word heads"] == nearest


def test_too_little_work_tells_no_rate(ran, monkeypatch):
    monkeypatch.setattr(experience, "LONG", 1e9)
    assert experience.experience(settings_from(OPTIONS), ran()).rates == {}


def test_runs_that_cannot_be_read_or_tell_nothing_are_passed_over(ran, tmp_path):
    runs = ran()
    old = manifest.required(runs / "mine")
    for chapter in old.chapters.values():
        chapter.work = None
    manifest.write(runs / "mine", old)
    (runs / "damaged").mkdir()
    (runs / "damaged" / "manifest.json").write_text("{", encoding="utf-8")
    assert experience.experience(settings_from(OPTIONS), runs) == experience.tabulated()


def test_the_doctor_says_what_its_estimates_rest_on():
    assert doctor.grounds({}) == "timed on the spot or tabulated"
    assert doctor.grounds({"rates of terms": "a", "epochs of x": "a"}).startswith(
        "rates of terms, epochs of x from run a; others"
    )


def test_trials_tell_their_epochs(ran):
    runs = ran(epochs=4)
    told = manifest.required(runs / "mine")
    assert told.chapters["4-wsd"].work is not None
    told.chapters["4-wsd"].work["trials"] = Work(computed=5, seconds=1, reused=5, sizes={"epochs": 20})
    manifest.write(runs / "mine", told)
    found = experience.experience(settings_from(OPTIONS), runs)
    assert found.trial("sense probes") == 0.5 and found.trial("masked-word heads") == experience.TRIAL
    assert Experience(epochs={"x": 2.0}).trial("x") == experience.TRIAL


# ---- where the time of a run went ----


def test_seconds_by_kind_are_those_of_the_chapter(ran):
    told = manifest.required(ran() / "mine")
    told.work = {"fine-tuned models": Work(computed=1, seconds=30, reused=2, reused_seconds=80)}
    table = spent(told)
    by = table.groupby("chapter")["seconds"].sum()
    assert by.to_dict() == pytest.approx(
        {name: chapter.seconds for name, chapter in told.chapters.items()} | {"for all chapters": 30}
    )
    found = table.groupby("kind")["found_seconds"].sum()
    assert found["fine-tuned models"] == 80 and found["sense probes"] == pytest.approx(0.1 * 115_200 * 11e-3)


def test_what_was_done_and_what_was_found_never_stand_in_one_number(ran):
    told = manifest.required(ran() / "mine")
    wide = by_chapter(spent(told)).set_index(["work", "kind"])
    assert wide.loc[("done", "sense probes"), "4-wsd"] == pytest.approx(0.9 * 115_200 * 11e-3)
    assert wide.loc[("found done", "sense probes"), "4-wsd"] == pytest.approx(0.1 * 115_200 * 11e-3)
    assert wide.loc[("done", "together"), "4-wsd"] == pytest.approx(told.chapters["4-wsd"].seconds)
    assert wide.loc[("done", "together"), "all"] == pytest.approx(told.seconds())
    assert "starting" not in wide.loc["found done"].index
    for chapter in told.chapters.values():
        chapter.work = {kind: of for kind, of in (chapter.work or {}).items() if not of.reused}
    assert set(by_chapter(spent(told))["work"]) == {"done"}


def test_of_a_chapter_that_was_run_before_kinds_were_nothing_is_told(ran):
    chapter = manifest.required(ran() / "mine").chapters["4-wsd"]
    chapter.work = {"sense probes": Work(computed=1, seconds=3)}
    assert of_chapter(chapter) == {"not told": Work(seconds=chapter.seconds)}
    assert isinstance(by_chapter(spent(manifest.required(PUBLISHED / "minilm"))), pd.DataFrame)
