"""Rendering, forms and the note that survives one redirect."""

import base64
import json

import pytest
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.requests import Request

from otae.errors import InputRefused
from otae.web.forms import Form, InputRequired, StringField
from otae.web.pages import FLASH_COOKIE, redirect, render, take_flash
from otae.web.static_files import static

DEAD_END = {"words": "", "reason": "", "support_code": "", "console": False, "link": None}


def request(**headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": raw, "query_string": b"", "app": Starlette()}
    return Request(scope)


def cookie(value: object) -> str:
    return f"{FLASH_COOKIE}={base64.urlsafe_b64encode(json.dumps(value).encode()).decode()}"


def test_a_note_survives_one_redirect_and_no_more() -> None:
    left = redirect("/admin", "success", "Ben was added.").headers["set-cookie"]
    asked = request(cookie=left.partition(";")[0])
    page = render(asked, "portal/failure.html", DEAD_END)
    assert b"Ben was added." in page.body
    assert "Max-Age=0" in page.headers["set-cookie"]


@pytest.mark.parametrize("value", [1, [], ["success"], [["success"], "x"], ["nonsense", "x"], {"kind": "success"}])
def test_a_note_that_is_none_is_overlooked(value: object) -> None:
    assert take_flash(request(cookie=cookie(value))) is None


def test_a_note_is_escaped() -> None:
    asked = request(cookie=cookie(["danger", "<script>alert(1)</script>"]))
    page = render(asked, "portal/failure.html", DEAD_END)
    assert b"<script>alert" not in page.body


def test_static_addresses_change_with_their_content() -> None:
    assert static("otae.css").startswith("/static/otae.css?v=")
    assert static("otae.css") != static("otae.js")


class NameForm(Form):
    name = StringField("Name", [InputRequired("Please enter a name.")])


def test_a_rooms_refusal_lands_beside_its_field_or_above_all() -> None:
    form = NameForm(FormData([("name", "ben")]))
    assert form.validate()
    form.refuse(InputRefused({"name": "taken", "": "not today"}))
    assert form.all_errors == [("", "not today"), ("name", "Name: taken")]
    assert form.name.data == "ben"


class NewNameForm(NameForm):
    serial = StringField("Serial number", [InputRequired("Please enter a serial number.")])


def test_the_summary_names_a_forms_own_fields_before_shared_ones() -> None:
    form = NewNameForm(FormData([]))
    assert not form.validate()
    assert form.all_errors == [
        ("serial", "Serial number: Please enter a serial number."),
        ("name", "Name: Please enter a name."),
    ]
