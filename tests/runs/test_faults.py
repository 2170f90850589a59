"""What goes wrong in long work: it ends in one clear sentence, or carries on, and loses nothing finished."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import torch
from bs4 import BeautifulSoup
from safetensors.torch import load_file, save_file
from transformers import ByT5Tokenizer

from dissect import DissectError, models
from dissect.decomposition.decomposer import Decomposer
from dissect.experiments import measures
from dissect.experiments.explain import explain
from dissect.experiments.masked_words import masked_targets
from dissect.features.gathering import word_terms
from dissect.memory import ran_out
from dissect.runs import manifest
from dissect.runs.run import locked, run
from dissect.runs.settings import settings_from
from dissect.tables import results
from tests.conftest import copy_model

pytestmark = pytest.mark.slow

SMALL = {"sections": (5,), "limit": 12, "seeds": 1}
COMMAND = [
    sys.executable, "-m", "dissect.cli", "run", "--name", "killed", "--sections", "5", "--limit", "12",
    "--seeds", "1", "--no-site",
]  # fmt: skip


def started(folder, command=COMMAND):
    """The command in a session of its own, as from a terminal, whatever this process does with Ctrl-C."""
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"}, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def killed_in_a_chapter(process, seconds: float, begun: bool) -> bool:
    """Kill -9 after so many seconds, kernel and all; whether a chapter was at work then."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    said, _ = process.communicate()
    return process.returncode == -signal.SIGKILL and (begun or said.rstrip().endswith("…"))


def chapter_begun(process) -> bool:
    """Wait until a chapter is at work; False where it was up to date."""
    line = next(line for line in process.stdout if line.startswith("chapter 1 of 1"))
    return line.rstrip().endswith("…")


def test_killed_a_dozen_times_a_run_ends_as_if_it_had_not_been(tmp_path):
    """At random moments of the whole, then of the chapter; the tables come out bit for bit."""
    moments = random.Random(0)
    hit = 0
    for n in range(12):
        process = started(tmp_path)
        begun = n % 2 == 1 and chapter_begun(process)
        seconds = moments.uniform(0, 5) if begun else moments.uniform(1, 9)
        hit += killed_in_a_chapter(process, seconds, begun)
    assert hit >= 3
    process = started(tmp_path)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    whole = run(settings_from({"name": "whole", **SMALL}), tmp_path / "runs", say=lambda line: None)
    interrupted = tmp_path / "runs/killed"
    assert manifest.checksums(interrupted / "results") == manifest.checksums(whole / "results")
    left = [path.name for path in interrupted.rglob(".*") if path.name != ".lock"]
    assert not left  # nothing unfinished lies about


def loading_torch(process) -> bool:
    return "libtorch" in Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")


def in_a_chapter(process) -> bool:
    return "chapter 1 of 1" in process.stdout.readline() and not time.sleep(3)


@pytest.mark.parametrize("moment", [loading_torch, in_a_chapter])
def test_an_interrupted_run_says_so_and_goes_on(tmp_path, moment):
    if not Path("/proc/self/maps").exists():
        pytest.skip("no /proc to see how far another process is")
    process = started(tmp_path)
    while not moment(process):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to the kernel as well
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.strip().splitlines()[-1].startswith("dissect: interrupted; finished chapters are kept")
    assert "Traceback" not in errors + out
    if moment is loading_torch:
        return  # nothing was begun
    again = started(tmp_path)
    _, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert not results.read(tmp_path / "runs/killed/results")["entities"].empty


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_scheduler_or_a_closed_terminal_ends_a_run_as_ctrl_c_does(name, tmp_path, monkeypatch):
    """Sent to the run alone, its processes end with it, and their temporary files with them."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc to see which processes are left")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    process = started(tmp_path)
    assert chapter_begun(process)
    until(lambda: kernels_of(tmp_path), 60)
    time.sleep(3)
    process.send_signal(getattr(signal, name))
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name), errors
    assert "Traceback" not in errors and "Kernel died" not in errors
    last = errors.strip().splitlines()[-1]
    assert last == "dissect: interrupted; finished chapters are kept, run again to go on"
    assert "Traceback" not in out and not kernels_of(tmp_path)
    assert not list((tmp_path / "temporary").rglob("*"))


def kernels_of(folder: Path) -> list[str]:
    """The chapters' processes that read their connection in a folder; they are in sessions of their own."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended since
            command = place.read_text()
            found += [command] if "ipykernel" in command and str(folder) in command else []
    return found


def until(come, seconds: float) -> None:
    begun = time.monotonic()
    while not come():
        assert time.monotonic() - begun < seconds
        time.sleep(0.1)


def processes_of(session: int) -> list[str]:
    """The command lines of the processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
            if int(of) == session and state != "Z":
                found.append((stat.parent / "cmdline").read_text())
        except OSError:  # it has ended since
            continue
    return found


def test_ctrl_c_while_the_site_is_built_leaves_the_old_one(small_run, tmp_path):
    """And no process, and nothing unfinished."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc to see which processes are left")
    folder = shutil.copytree(small_run, tmp_path / "runs/small", ignore=shutil.ignore_patterns("features"))
    (folder / "site/old.txt").write_text("as it was")
    command = [sys.executable, "-m", "dissect.cli", "site", "small", "--out", "runs/small/site", "--no-live"]
    process = started(tmp_path, command)
    assert any("building the site" in line for line in process.stdout)
    patience = time.monotonic() + 120
    while len(processes_of(process.pid)) < 2:  # until Jupyter Book is at work
        assert process.poll() is None and time.monotonic() < patience
        time.sleep(0.2)
    time.sleep(3)  # and in the midst of it
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.strip().startswith("dissect: interrupted"), errors
    assert len(errors.strip().splitlines()) == 1
    assert not processes_of(process.pid)
    assert (folder / "site/old.txt").exists() and (folder / "site/index.html").exists()
    assert not [path for path in folder.rglob(".*") if path.name not in (".lock", ".buildinfo")]


def test_two_runs_at_once_in_one_folder_are_told_apart(tmp_path):
    settings = settings_from({"name": "same", **SMALL})
    with locked(tmp_path / "same"), pytest.raises(DissectError, match="another run is at work"):
        run(settings, tmp_path, say=lambda line: None)


def mounted(folder: Path, size: str) -> bool:
    """A little disk, where one may be mounted."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True
    )
    return done.returncode == 0


def test_a_full_disk_is_one_sentence_and_with_room_the_run_goes_on(tmp_path):
    runs = tmp_path / "runs"
    if not mounted(runs, "2m"):
        pytest.skip("a little disk to fill cannot be mounted here")
    try:
        settings = settings_from({"name": "full", "limit": 60, **SMALL, "sections": (4,)})
        with pytest.raises(DissectError, match="make room|no room") as caught:
            run(settings, runs, say=lambda line: None)
        assert "\n" not in str(caught.value)
        subprocess.run(["mount", "-o", "remount,size=200m", runs], check=True)
        folder = run(settings, runs, say=lambda line: None)
        assert not results.read(folder / "results")["senses"].empty
    finally:
        subprocess.run(["umount", "-l", runs], check=False)


def test_a_full_disk_while_a_model_is_saved_is_one_sentence(tmp_path, monkeypatch):
    from dissect.models.finetuning import tuned_sibling

    place = tmp_path / "models"
    if not mounted(place, "8m"):
        pytest.skip("a little disk to fill cannot be mounted here")
    try:
        with pytest.raises(DissectError, match="no room on the disk"):
            tuned_sibling("minilm", "teaching", place, limit=8, epochs=1)
        assert not list(place.iterdir())
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def test_what_a_chapter_left_is_made_again_where_it_is_damaged(small_run, tmp_path):
    from dissect.runs.run import up_to_date

    folder = shutil.copytree(small_run, tmp_path / "run", ignore=shutil.ignore_patterns("site", "features"))
    told = manifest.required(folder)
    key = told.chapters["4-wsd"].key
    assert up_to_date(folder, "4-wsd", key, told) and not up_to_date(folder, "4-wsd", "other", told)
    table = folder / "results" / "senses.parquet"
    table.write_bytes(table.read_bytes()[:-9])
    assert not up_to_date(folder, "4-wsd", key, told) and up_to_date(
        folder, "5-ner", told.chapters["5-ner"].key, told
    )
    (folder / "notebooks" / "5-ner.ipynb").unlink()
    assert not up_to_date(folder, "5-ner", told.chapters["5-ner"].key, told)


@pytest.mark.parametrize(
    "damage", [lambda b: b[:100], lambda b: b"", lambda b: b"PAR1" + b"x" * 50 + b"PAR1"]
)
def test_a_damaged_table_is_named(tmp_path, damage):
    table = pd.DataFrame({"source": ["i"], "target": ["h"], "r2": [0.5]})
    results.save(table, "dependence", tmp_path)
    file = tmp_path / "dependence.parquet"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DissectError, match="dependence.parquet cannot be read") as caught:
        results.read(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ['{"chapters": ', "[]", "3", "", '{"settings": {"limit": "many"}}', "\x00" * 9]
)
def test_a_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DissectError, match=r"manifest.json is damaged( \(\w.*\))?: delete it"):
        manifest.read(tmp_path)


@pytest.fixture
def copied(tmp_path) -> Path:
    return copy_model(models.location("minilm"), tmp_path / "model")


def test_damaged_weights_are_one_sentence(copied):
    file = copied / "model.safetensors"
    file.write_bytes(file.read_bytes()[: 2**20])
    with pytest.raises(DissectError, match="no model could be loaded") as caught:
        models.load(str(copied))
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_numbers_are_found_before_anything_runs(copied, tmp_path):
    weights = load_file(copied / "model.safetensors")
    name = next(name for name in weights if "layer.2.output.dense.weight" in name)
    weights[name][0, 0] = float("nan")
    save_file(weights, copied / "model.safetensors", {"format": "pt"})
    settings = settings_from({"name": "nan", "model": str(copied), **SMALL})
    with pytest.raises(DissectError, match="model cannot be run: the model itself returns NaN"):
        run(settings, tmp_path / "runs", say=lambda line: None)
    assert not (tmp_path / "runs").exists()


def test_a_tokenizer_without_offsets_is_one_sentence(copied):
    for file in copied.glob("*token*"):
        file.unlink()
    (copied / "vocab.txt").unlink(missing_ok=True)
    ByT5Tokenizer().save_pretrained(copied)
    with pytest.raises(DissectError, match="no character offsets"):
        models.load(str(copied))


ODD = [
    "", "a", "👩‍👩‍👧‍👦 flew", "e\u0301te\u0301 zoe\u0308", "שלום עולם", 
    "zero\u200bwidth\u200djoiner \ufeff mark",
    "word " * 3000, "\u202eright to left", "\x00\x01", "𝕬𝖓 𝔬𝔡𝔡 𝔣𝔬𝔫𝔱", "Z̸̡̢a̷l̵g̴o̶",
]  # fmt: skip


def test_odd_sentences_are_read_or_left_out(minilm):
    """Nothing but the sentence that is too long is lost, and every sum is exact."""
    values = measures.importance(minilm, ODD)
    assert abs(values.sum(1) - 1).max() < 1e-3
    spans = [(n, 0, len(text)) for n, text in enumerate(ODD)]
    features = word_terms(minilm, ODD, spans)
    assert features.left_out == sum(
        not any(a < b for a, b in minilm.tokenizer(t, return_offsets_mapping=True)["offset_mapping"])
        or len(minilm.tokenizer(t)["input_ids"]) > 512
        for t in ODD
    )
    targets = masked_targets(minilm, ODD * 3, times=3, seed=0)
    assert len(targets.labels) and torch.isfinite(targets.features.subset("i+h+f+c")).all()


@pytest.mark.parametrize("text", ["", " ", "\u200b"])
def test_a_sentence_of_nothing_is_one_sentence(minilm, text):
    with pytest.raises(DissectError):
        explain(minilm, text)


@pytest.mark.parametrize(
    "words",
    ["DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
     "MPS backend out of memory (MPS allocated: 5.56 GB, other allocations: 1.10 GB, max allowed: 6.80 GB)",
     "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"],
)  # fmt: skip
def test_memory_that_runs_out_is_known_by_its_words(words):
    assert ran_out(RuntimeError(words)) and ran_out(MemoryError())
    assert not ran_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_where_memory_runs_out_batches_are_halved(minilm, monkeypatch, capsys):
    text = [f"The crane number {n} stood in the river." for n in range(40)]
    whole = measures.importance(minilm, text)
    plain = Decomposer.each_layer

    def at_most_three(self, **inputs):
        if len(inputs["input_ids"]) > 3:
            raise torch.OutOfMemoryError("out of memory")
        return plain(self, **inputs)

    monkeypatch.setattr(Decomposer, "each_layer", at_most_three)
    halved = measures.importance(minilm, text)
    assert halved.shape == whole.shape and abs(halved - whole).max() < 1e-5
    assert "out of memory with 40 sentences at once: going on with 20" in capsys.readouterr().err

    def never(self, **inputs):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Decomposer, "each_layer", never)
    with pytest.raises(DissectError, match="one sentence alone does not fit"):
        measures.importance(minilm, text)


def test_a_device_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(DissectError, match="device='xpu'.*give cpu") as caught:
        run(settings_from({"device": "xpu", **SMALL}), tmp_path)
    assert "\n" not in str(caught.value) and models.DEVICE not in os.environ


def test_a_run_folder_can_be_sent_to_somebody_else(small_run, tmp_path):
    """No path of this machine is in it; moved, its site can be built and its files hold."""
    from dissect.runs.verification import verify

    folder = shutil.copytree(
        small_run, tmp_path / "theirs", ignore=shutil.ignore_patterns("models", "features")
    )
    here = (str(small_run.parent), str(Path.home()), os.getcwd(), sys.prefix)
    for file in folder.rglob("*"):
        if file.is_file() and file.suffix in (".json", ".ipynb", ".html", ".md", ".js"):
            text = file.read_text(encoding="utf-8", errors="replace")
            assert not any(place in text for place in here), file
    for table in results.read(folder / "results").values():
        strings = table.select_dtypes(["object", "string"]).to_numpy().ravel()
        assert not any(place in value for place in here for value in strings)
    found = verify(folder, sample=False).set_index("what")["finding"]
    assert found["results/senses.parquet"] == "same" and found["model: tuned 1"] == "not here"
    assert "differs" not in set(found)


def test_nothing_in_somebody_elses_run_is_obeyed(small_run, tmp_path):
    """Metadata would tell Jupyter Book to run the cells; a tag would pass a cell off as parameters."""
    from dissect.places import ROOT
    from dissect.runs import manifest
    from dissect.site import chapters

    for chapter in ("4-wsd", "6-finer"):
        source, executed = ROOT / f"notebooks/{chapter}.ipynb", tmp_path / f"{chapter}.ipynb"
        book = nbformat.read(ROOT / f"book/published/minilm/notebooks/{chapter}.ipynb", as_version=4)
        book.metadata["mystnb"] = {"execution_mode": "force"}
        for cell in book.cells:
            cell.metadata["mystnb"] = {"execution_mode": "force", "remove_code_source": True}
            for output in cell.get("outputs", []):
                if "metadata" in output:
                    output.metadata["myst"] = "anything"
        tags = {"tags": ["injected-parameters"], "mystnb": {"execution_mode": "force"}}
        book.cells.append(nbformat.v4.new_code_cell("open('mine', 'w')", metadata=tags))
        book.cells.append(nbformat.v4.new_markdown_cell("```{raw} html\n<b>\n```", metadata=tags))
        nbformat.write(book, executed)
        told = manifest.required(ROOT / "book/published/minilm")
        shown = chapters.chapter(source, executed, told)
        ours = nbformat.read(source, as_version=4)
        assert shown.metadata == ours.metadata
        known = [cell.metadata for cell in ours.cells] + [{"tags": ["injected-parameters", "hide-input"]}, {}]
        assert all(cell.metadata in known for cell in shown.cells)
        assert not any("{raw}" in cell.source for cell in shown.cells)
        injected = [cell for cell in shown.cells if "injected-parameters" in cell.metadata.get("tags", [])]
        assert len(injected) == 1 and "mine" not in injected[0].source
        assert all(set(output.get("metadata", {})) <= {"scrapbook"}
                   for cell in shown.cells for output in cell.get("outputs", []))  # fmt: skip


AWAY = "https://away.example/x.png"
LEADS_AWAY = f"""![x]({AWAY}) [x](javascript:alert(1)) <{AWAY}> $\\href{{javascript:alert(1)}}{{x}}$

```{{raw}} html
<img src="{AWAY}">
```

![x][y]

[y]: {AWAY}
"""


def acting(page: str) -> list[str]:
    """Elements of a page that would act, or ask elsewhere for something."""
    elements = BeautifulSoup(page, "html.parser").find_all(True)
    values = [(name, str(value)) for element in elements for name, value in element.attrs.items()]
    return [
        f"{name}={value}"
        for name, value in values
        if name.startswith("on") or value.startswith("javascript:") or AWAY in value
    ]


def test_what_a_run_says_of_itself_is_never_markup(small_run, tmp_path):
    """A model called as a page element: the site shows its name letter by letter."""
    from dissect.site.build import build_site

    name = "<img src=x onerror=alert(1)> `{raw}` [a](javascript:alert(1)) $\\alpha$ | x"
    folder = shutil.copytree(
        small_run, tmp_path / "run", ignore=shutil.ignore_patterns("site", "models", "features")
    )
    told = json.loads((folder / "manifest.json").read_text())
    told["settings"]["model"] = name
    told["settings"]["text"] = name
    told["left_out"] = {"2-visualisation": "<script>alert(7)</script> ```{include} ../../secret```"}
    (folder / "manifest.json").write_text(json.dumps(told))
    chapter = folder / "notebooks" / "4-wsd.ipynb"
    book = nbformat.read(chapter, as_version=4)
    bad = "<script>alert(2)</script><table onclick='alert(3)'><tr><td>kept</td></tr></table>"
    cell = next(cell for cell in book.cells if cell.get("outputs"))
    cell.outputs = [
        nbformat.v4.new_output("display_data", {"text/html": bad, "application/javascript": "alert(4)"}),
        nbformat.v4.new_output("display_data", {"text/markdown": "<script>alert(5)</script> {raw}"}),
        nbformat.v4.new_output("display_data", {"text/markdown": LEADS_AWAY}),
        nbformat.v4.new_output("display_data", {"text/html": f"<img src='{AWAY}'><a href='{AWAY}'>x</a>"}),
    ]
    nbformat.write(book, chapter)
    other = folder / "notebooks" / "5-ner.ipynb"  # other code, so its prose is somebody's own
    book = nbformat.read(other, as_version=4)
    book.cells.append(nbformat.v4.new_code_cell("1 + 1"))
    book.cells.append(
        nbformat.v4.new_markdown_cell("<script>alert(6)</script>\n\n```{raw} html\n<b onclick=x>\n```")
    )
    nbformat.write(book, other)
    table = pd.read_parquet(folder / "results/senses.parquet")
    table.loc[table["terms"] == "h", "terms"] = "<script>alert(8)</script>"
    table.to_parquet(folder / "results/senses.parquet")
    with pytest.raises(DissectError, match="is no subset of the terms"):
        build_site(folder, tmp_path / "site", say=lambda line: None)
    shutil.copy(small_run / "results/senses.parquet", folder / "results/senses.parquet")
    build_site(folder, tmp_path / "site", say=lambda line: None)
    written = [page for part in ("book", "notebooks") for page in (tmp_path / "site" / part).rglob("*.html")]
    assert len(written) > 30
    for page in written:
        text = page.read_text(encoding="utf-8")
        assert (
            "<img src=x" not in text
            and 'href="javascript' not in text
            and "onclick" not in text.replace("&lt;b onclick=x&gt;", "")
        ), page
        assert not any(f"<script>alert({n})" in text for n in range(9)), page
        assert acting(text) == [] and "Content-Security-Policy" in text, page
    assert "&lt;img src=x" in (tmp_path / "site/book/index.html").read_text(encoding="utf-8")
    assert "kept" in (tmp_path / "site/notebooks/4-wsd.html").read_text(encoding="utf-8")


def test_an_archive_and_a_file_in_the_place_of_runs_are_told(small_run, tmp_path):
    from dissect.cli.runs import folder_of

    archive = shutil.make_archive(str(tmp_path / "theirs"), "zip", small_run / "results")
    with pytest.raises(DissectError, match="is an archive: unpack it"):
        folder_of(archive)
    (tmp_path / "runs").write_text("no folder")
    with pytest.raises(DissectError, match="cannot be written .*: give another folder"):
        run(settings_from({"name": "x", **SMALL}), tmp_path / "runs", say=lambda line: None)
