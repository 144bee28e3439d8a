"""What an invitation carries along for the Mac."""

from dataclasses import replace
from typing import Any

import pytest

from otae.invitations.terms import InvitationTerms
from otae.store import carried_data


def test_what_is_carried_along_is_stored_in_one_form() -> None:
    given = InvitationTerms(
        asset_tag=" IT-0042 ",
        cost_centre="4711",
        tags="lent; spare,lent, ,",
        free_fields="room: 12: left\r\n\n Key : a ",
    )
    values, wrong = carried_data.checked(given)
    assert not wrong
    assert values == {
        "asset_tag": "IT-0042",
        "cost_centre": "4711",
        "tags": "lent, spare",
        "free_fields": "room: 12: left\nKey: a",
    }
    kept: dict[str, Any] = {**values}
    stored = replace(InvitationTerms(), **kept)
    assert carried_data.free_fields(stored) == {"room": "12: left", "Key": "a"}
    assert list(carried_data.facts(stored).values()) == ["IT-0042", "4711", "lent, spare", "12: left", "a"]
    assert carried_data.checked(stored) == (values, {})


@pytest.mark.parametrize(
    "given",
    [
        {"free_fields": "no value"},
        {"free_fields": "room:"},
        {"free_fields": "two words: 1"},
        {"free_fields": "${x}: 1"},
        {"free_fields": "room: 1\nROOM: 2"},
        {"free_fields": "\n".join(f"f{at}: 1" for at in range(21))},
        {"free_fields": "a: \u202e"},
        {"tags": ",".join(map(str, range(21)))},
        {"tags": "x" * 301},
        {"asset_tag": "x" * 101},
        {"cost_centre": "\u202e1"},
        {"asset_tag": "a\0b"},
    ],
)
def test_what_cannot_be_carried_along_is_refused_by_field(given: dict[str, Any]) -> None:
    _, wrong = carried_data.checked(InvitationTerms(**given))
    assert wrong.keys() == given.keys()
