"""The five commands of a rerun, on real weights that are not the default model's."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from dissect.cli.work import RERUN
from dissect.places import ROOT
from dissect.runs.manifest import required

# A little of each corpus, and the chapters that make no copies of the model.
LITTLE = {
    "doctor": ["--limit", "60", "--seeds", "2", "--sections", "1,4"],
    "run": ["--limit", "60", "--seeds", "2", "--sections", "1,4", "--no-site"],
    "site": ["--no-live"],
}


def test_the_book_and_the_help_show_the_same_five():
    page = (ROOT / "book/rerun.md").read_text(encoding="utf-8")
    block = re.search(r"in five commands\n\n```console\n(.*?)```", page, re.DOTALL)
    assert block and [line.removeprefix("$ ") for line in block[1].splitlines()] == list(RERUN)


@pytest.mark.slow
def test_five_commands_lead_from_a_model_to_a_site(bert_tiny, tmp_path):
    (tmp_path / "my-model").symlink_to(bert_tiny)
    said = {}
    for line in RERUN:
        _, command, *rest = shlex.split(line)
        done = subprocess.run(
            [sys.executable, "-m", "dissect.cli", command, *rest, *LITTLE.get(command, [])],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        said[command] = done.stdout
    assert "family bert: supported" in said["check"] and "differs" not in said["verify"]
    told = required(tmp_path / "runs/mine")
    assert told.card["layers"] == "2" and told.card["width"] == "128"
    pages = {path.relative_to(tmp_path / "public").as_posix() for path in Path(tmp_path, "public").rglob("*")}
    assert {"index.html", "notebooks/4-wsd.html", "book/scorecard.html"} <= pages
    home = (tmp_path / "public/book/index.html").read_text(encoding="utf-8")
    assert "4.4 million" in home
    judged = pd.read_parquet(tmp_path / "runs/mine/results/scorecard.parquet").set_index("claim")
    assert judged.loc["L1", "verdict"] != "not testable"
