"""What a worker is held against."""

import os
from dataclasses import replace

import pytest

from dissect import hashing
from dissect.pool import worker


@pytest.fixture
def common(tmp_path):
    (tmp_path / "token").write_text("as the run wrote it")
    return worker.common_to([str(tmp_path), str(tmp_path / "token")])


def test_a_process_differs_not_from_itself(common):
    assert worker.differs(common) == ""


@pytest.mark.parametrize("package", ["dissect", *hashing.COMPUTING])
def test_another_version_is_told(common, package):
    ours = replace(common, versions=dict(common.versions) | {package: "0.0.1"})
    assert worker.differs(ours) == f"it has {package} {common.versions[package]}, and the run 0.0.1"


def test_other_code_is_told(common):
    assert "its code of dissect is another" in worker.differs(replace(common, code="0" * 64))


def test_files_that_are_not_seen_or_are_others_are_told(common, tmp_path):
    (tmp_path / "token").write_text("another folder's")
    assert worker.differs(common) == f"it sees another {tmp_path / 'token'}"
    os.remove(tmp_path / "token")
    assert worker.differs(common) == f"it does not see {tmp_path / 'token'}: mount it there"
    assert "it does not see" in worker.differs(replace(common, seen={str(tmp_path / "none"): ""}))
