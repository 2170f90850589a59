"""Machines of other kinds: checkouts that are read-only, or that git does not trust."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dissect.corpora.files import cache
from dissect.files import copy_folder, from_here, relative, temporary_in
from dissect.places import ROOT
from dissect.runs import manifest, run
from dissect.runs.settings import settings_from


def test_a_copy_of_a_read_only_folder_can_be_written_to(tmp_path):
    source = tmp_path / "source"
    (source / "inner" / "_build").mkdir(parents=True)
    (source / "inner" / "page.md").write_text("a page")
    for path in (source / "inner" / "page.md", source / "inner", source):
        path.chmod(stat.S_IREAD | stat.S_IEXEC)
    copy_folder(source, tmp_path / "copy", "_build")
    copied = [tmp_path / "copy", *(tmp_path / "copy").rglob("*")]
    assert [path.name for path in copied] == ["copy", "inner", "page.md"]
    assert all(path.stat().st_mode & stat.S_IWUSR for path in copied)
    (source / "inner").chmod(0o755)
    source.chmod(0o755)


def test_temporary_files_go_where_they_are_told(tmp_path):
    asked = "import tempfile; print(tempfile.gettempdir())"
    environment = os.environ | temporary_in(tmp_path)
    said = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, env=environment, check=True
    )
    assert Path(said.stdout.strip()) == tmp_path


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A repository with a commit, in the place of ours."""
    folder = tmp_path / "somebody's {checkout}"
    folder.mkdir()
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    monkeypatch.setattr(manifest, "ROOT", folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def test_the_commit_is_that_of_the_checkout_whatever_git_is_told_of_another(checkout, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(ROOT / ".git"))
    told = manifest.git_state()
    assert len(told["commit"]) == 40 and told["changed"] is False
    (checkout / "new.txt").write_text("new")
    assert manifest.git_state()["changed"] is True


def test_git_that_does_not_trust_the_checkout_is_told_and_hinders_nothing(checkout, monkeypatch, capsys):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    told = manifest.git_state()
    assert "dubious ownership" in told["unknown"] and "at 'the checkout'" in told["unknown"]
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "the manifest does not tell the commit" in said and "dubious" in said


def test_no_git_and_no_checkout_are_two_things(checkout, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(checkout))
    assert manifest.git_state() == {"unknown": "git is not installed"}
    (checkout / ".git").rename(checkout / "git")
    capsys.readouterr()
    assert manifest.git_state() == {} and not capsys.readouterr().err


def test_unfinished_trainings_that_nobody_asks_for_go_with_the_next(tmp_path, monkeypatch):
    stale = tmp_path / "models" / ".m-teaching-ner-00000000.checkpoint" / "4"
    stale.mkdir(parents=True)
    monkeypatch.setattr(run, "tuned_sibling", lambda *args: str(Path(tmp_path, "models", "m")))
    run.siblings(settings_from({"name": "x", "siblings": ("ner",)}), tmp_path, say=lambda line: None)
    assert not list((tmp_path / "models").iterdir())


def test_on_another_drive_a_path_is_given_as_it_is(tmp_path, monkeypatch):
    assert relative(tmp_path / "m", tmp_path / "runs") == "../m"
    assert relative(tmp_path / "m", tmp_path) == "./m" and from_here(Path.cwd() / "m") == Path("m")

    def apart(*places):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", apart)
    assert relative(tmp_path / "m", tmp_path) == (tmp_path / "m").resolve().as_posix()
    assert from_here(tmp_path / "m") == (tmp_path / "m").resolve()


def test_a_user_without_a_home_has_a_cache(tmp_path, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DISSECT_CACHE")
    monkeypatch.setattr(Path, "home", homeless)
    assert cache() == Path(tempfile.gettempdir()) / "dissect-cache"
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path))
    assert cache() == tmp_path
