"""The terms of an invitation are one value: each field goes through every form, the command, and both tables."""

import ast
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import click
import pytest
from click.testing import CliRunner

from otae.cli.terms_options import terms_options
from otae.errors import InputRefused
from otae.invitations.terms import TEMPLATES, InvitationTerms, columns, terms_of
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import GroupInvitation, Invitation, NotificationTemplate
from otae.web.admin.manage.csv_invitations import CSVForm
from otae.web.admin.manage.group_invitations import GroupInvitationForm
from otae.web.admin.manage.invitations import InvitationForm
from otae.web.admin.terms_form import TermsForm
from tests.house.tree import parsed, sources
from tests.invitations.crowds import crowd, ordered
from tests.invitations.guests import add_person, invite

pytestmark = pytest.mark.anyio

#: A value of each field that is not the first one.
WHOLE: Final = InvitationTerms(
    mode="username_pin",
    ownership="employee",
    platform="macos",
    serial="C02XK0AAAJG5",
    way="profile",
    url_template=str(uuid4()),
    pin_template=str(uuid4()),
    confirmation_template=str(uuid4()),
    pin_channel="sms",
    carrier="Example Mobile",
    note="See you on Monday.",
    valid_until=datetime(2026, 12, 1, tzinfo=UTC),
    send=False,
    asset_tag="IT-0042",
    cost_centre="4711",
    tags="lent, spare",
    free_fields="room: 12",
)
NAMES: Final = [each.name for each in fields(InvitationTerms)]
#: Where an invitation of many people has no field, and why.
OF_ONE: Final = {
    "serial": "binds an invitation to one Mac",
    "carrier": "is one person's",
    "asset_tag": "is one Mac's",
}
NOT_ASKED: Final = {
    "way": "the server property decides; rehearsals alone choose",
}
#: Place → field → why it is not there.
MISSING: Final[dict[str, dict[str, str]]] = {
    "form": NOT_ASKED,
    "group form": OF_ONE | NOT_ASKED,
    "file form": OF_ONE | NOT_ASKED,
    "command": NOT_ASKED
    | dict.fromkeys(
        ("url_template", "pin_template", "confirmation_template", "carrier"), "is chosen on pages, where its names are"
    ),
    "table": {},
    "group table": OF_ONE,
}


def through_form(kind: type[TermsForm]) -> InvitationTerms:
    return kind(data=vars(WHOLE)).terms()


def through_command() -> InvitationTerms:
    given: list[InvitationTerms] = []

    @click.command()
    @terms_options
    def command(terms: InvitationTerms) -> None:
        given.append(terms)

    switches = {"send": ["--no-send"]}
    words = [f"--{option.name}".replace("_", "-") for option in command.params]
    for option in command.params:
        assert option.name in NAMES, words
        switches.setdefault(option.name, [option.opts[0], str(getattr(WHOLE, option.name))])
    answer = CliRunner().invoke(command, [word for each in switches.values() for word in each])
    assert answer.exit_code == 0, answer.output
    return given[0]


DOORS: Final[dict[str, Callable[[], InvitationTerms]]] = {
    "form": lambda: through_form(InvitationForm),
    "group form": lambda: through_form(GroupInvitationForm),
    "file form": lambda: through_form(CSVForm),
    "command": through_command,
}


def check(place: str, whole: InvitationTerms, came: InvitationTerms) -> None:
    """See that what came through is whole apart from what is ``MISSING`` there, which has its first values."""
    left_out: dict[str, Any] = {
        each.name: each.default for each in fields(InvitationTerms) if each.name in MISSING[place]
    }
    assert came == replace(whole, **left_out)
    assert all(getattr(whole, name) != first for name, first in left_out.items())


@pytest.mark.parametrize("door", DOORS)
def test_every_field_goes_through_each_door_or_says_why_not(door: str) -> None:
    check(door, WHOLE, DOORS[door]())


async def test_every_field_is_kept_in_each_table_or_says_why_not(desk: Desk) -> None:
    now = await database.now()
    made: dict[str, Any] = {}
    for name in TEMPLATES:
        kind = name.removesuffix("_template")
        row = await NotificationTemplate.create(name=kind, kind=kind, subject="", text="", html="")
        made[name] = str(row.id)
    whole = replace(WHOLE, **made)
    held: dict[str, Any] = {"token_hash": "0" * 64, "created_by": "ada", "created_at": now}
    person = await add_person(desk, "ben")
    one = await Invitation.create(person=person, **held, **columns(whole))
    check("table", whole, terms_of(await Invitation.get(id=one.id)))
    del held["token_hash"]
    many = await GroupInvitation.create(key="1", name="sales", **held, **columns(whole, GroupInvitation))
    check("group table", whole, terms_of(await GroupInvitation.get(id=many.id)))


@pytest.mark.parametrize("form", [InvitationForm, GroupInvitationForm, CSVForm])
def test_what_every_form_asks_for_is_said_once(form: type[TermsForm]) -> None:
    assert issubclass(form, TermsForm)
    assert not {*vars(form)} & {*NAMES} - {*OF_ONE} - {"pin_channel"}  # whose choices are fewer for many people


def test_nobody_lists_the_fields_by_hand() -> None:
    listed = {
        name
        for name in sources("otae")
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.Call) and len({each.arg for each in node.keywords} & {*NAMES}) > 4
    }
    assert listed == set()


async def test_an_end_of_its_own_comes_before_that_of_the_mode(desk: Desk) -> None:
    now = await database.now()
    until = now + timedelta(days=3)
    assert (await invite(desk, valid_until=until)).invitation.valid_until == until
    with pytest.raises(InputRefused) as refused:
        await invite(desk, valid_until=now - timedelta(minutes=1))
    assert set(refused.value.fields) == {"valid_until"}


async def test_what_is_for_one_person_is_refused_of_a_group(desk: Desk) -> None:
    await crowd(1)
    with pytest.raises(InputRefused) as refused:
        await ordered(desk, serial="C02XK0AAAJG5")
    assert set(refused.value.fields) == {"serial"}
