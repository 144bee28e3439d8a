"""AccessRights: which sums of them are allowed, and what each of them means."""

import re

import pytest

from otae.apple import access_rights
from otae.apple.access_rights import ALL, EMPLOYEE, MEANINGS


def test_every_right_of_apples_has_one_meaning() -> None:
    assert sum(MEANINGS) == ALL
    assert all(right & (right - 1) == 0 for right in MEANINGS)
    assert len(set(MEANINGS.values())) == len(MEANINGS)
    assert access_rights.meanings(ALL) == list(MEANINGS.values())
    assert access_rights.meanings(access_rights.ERASE) == ["Erase the Mac with everything on it"]


def test_a_mac_of_ones_own_gives_no_lock_no_erase_and_no_apps() -> None:
    assert EMPLOYEE == 8191 - 4 - 8 - 256 - 4096 == 3827
    withheld = access_rights.meanings(~EMPLOYEE)
    assert [words.split()[0] for words in withheld] == ["See", "Install", "Lock,", "Erase"]


@pytest.mark.parametrize("rights", [ALL, EMPLOYEE, access_rights.NECESSARY])
def test_enough_rights_are_taken(rights: int) -> None:
    assert access_rights.problem(rights) == ""


@pytest.mark.parametrize(
    ("rights", "lacking"),
    [(0, [1, 2, 16, 1024]), *((ALL - each, [each]) for each in (1, 2, 16, 1024)), (ALL - 64, [64])],
)
def test_too_few_rights_are_refused_and_named(rights: int, lacking: list[int]) -> None:
    words = access_rights.problem(rights)
    assert sorted(int(number) for number in re.findall(r"\((\d+)\)", words)) == lacking
    for right in lacking:
        assert MEANINGS[right] in words
