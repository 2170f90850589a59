"""The list of mistakes that `make mutants` tries fits the code and the tests that it is about."""

import re

from tests.mutants.run import ROOT, listed, misfits

MUTANTS = listed()


def test_every_mutant_changes_a_file_that_can_still_be_read():
    assert not misfits(MUTANTS)


def test_the_tests_that_should_notice_are_there():
    for one in MUTANTS:
        assert one.breaks and one.tests, one
        for test in one.tests:
            file, _, name = test.partition("::")
            text = (ROOT / file).read_text(encoding="utf-8")
            assert not name or re.search(rf"^def {name}\(", text, re.MULTILINE), test


def test_there_are_many_and_those_that_change_nothing_say_why():
    names = [f"{one.room}/{one.name}" for one in MUTANTS]
    assert len(set(names)) == len(names) >= 130
    idle = [one for one in MUTANTS if one.equivalent]
    assert all(len(one.equivalent.split()) > 8 for one in idle) and len(idle) < 0.1 * len(MUTANTS)
