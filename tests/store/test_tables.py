"""Every table of a backup, in an order in which rows can be inserted, and its rows as JSON."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from tortoise import fields

from otae.store.desk import Desk
from otae.store.models import Certificate, Property
from otae.store.tables import EXCLUDED, from_json, tables, to_json

pytestmark = pytest.mark.anyio


async def test_every_table_has_its_place_after_those_it_points_to(sqlite_desk: Desk) -> None:
    seen: set[str] = set()
    for table in tables():
        assert table.references <= seen | {table.name}
        seen.add(table.name)
    assert not seen & EXCLUDED


def test_a_value_comes_back_from_json_as_it_went() -> None:
    moment = datetime(2026, 11, 30, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    for kind, value in (
        (fields.BinaryField, bytes(range(256))),
        (fields.DatetimeField, moment),
        (fields.UUIDField, uuid4()),
        (fields.CharField, "Größe & <Co>"),
        (fields.IntField, 7),
        (fields.BooleanField, False),
        (fields.JSONField, {"max_tries": 5}),
        (fields.BinaryField, None),
        (fields.DatetimeField, None),
    ):
        written = to_json(value)
        assert from_json(kind, json.loads(json.dumps(written))) == value
    assert to_json(moment) == "2026-11-30T10:00:00.123456+00:00"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (fields.BinaryField, "no base64!"),
        (fields.DatetimeField, "soon"),
        (fields.UUIDField, "1"),
    ],
)
def test_what_is_no_value_of_its_column_is_refused(kind: type[fields.Field[Any]], value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        from_json(kind, value)


async def test_a_row_of_another_release_is_refused(sqlite_desk: Desk) -> None:
    [table] = [each for each in tables() if each.name == "Property"]
    values = dict.fromkeys(table.columns, "x") | {"changed_at": None}
    assert isinstance(table.read(values), Property)
    for other in ({**values, "colour": "red"}, {"name": "x"}):
        with pytest.raises(ValueError, match="other columns"):
            table.read(other)


async def test_a_row_comes_after_the_one_of_its_own_table_that_it_points_to(desk: Desk) -> None:
    [certificates] = [table for table in tables() if table.name == "Certificate"]
    assert certificates.self_reference == "issuer"
    found = [row async for row in certificates.rows()]
    places = {row["id"]: place for place, row in enumerate(found)}
    issued = [row for row in found if row["issuer_id"]]
    assert issued
    assert all(places[row["issuer_id"]] < places[row["id"]] for row in issued)
    assert len(places) == len(found) == await Certificate.all().count()
