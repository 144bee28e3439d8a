"""Answering a form that was refused to somebody who is not signed in: back to its page, so that a reload sends nothing.

What was typed, but no password, PIN or file, and what was wrong with it go along in a sealed cookie. It is good for a
minute and shown once, on the page it is for. (In the console, `refused_pages` sees to all this.) A page uses it so:

    async def blank(visit):
        return _page(visit, await refused_forms.take(visit, ThingForm) or ThingForm())

    async def save(visit):
        form = await ThingForm.read(visit.request)
        if not form.validate():
            return await refused_forms.send_back(visit, form)

with ``status=form.status, headers=form.headers`` where ``_page`` renders, so that the page answers as the form would
have been. Of more than fits a cookie only what was wrong goes along.
"""

import json
import zlib
from datetime import timedelta
from typing import Any, Final, TypeVar

from starlette.datastructures import FormData
from starlette.responses import Response

from otae.store import browser_seals
from otae.store.passwords import hash_token
from otae.web import cookie_check
from otae.web.forms import Form
from otae.web.guards import Visit, set_cookie
from otae.web.pages import REFUSED_COOKIE, address_of

PURPOSE: Final = "otae refused form"
GOOD_FOR: Final = timedelta(minutes=1)
#: Browsers keep cookies of 4096 bytes, name and attributes included.
LONGEST: Final = 3800

Kind = TypeVar("Kind", bound=Form)


async def send_back(
    visit: Visit, form: Form, *, status: int = 422, code: str = "", retry_after: int = 0, where: str = ""
) -> Response:
    """Answer a refused ``form`` with 303 to the page that shows it again.

    ``status``: what that page answers with; ``code``: the support code it shows; ``retry_after``: seconds until the
    form may be sent again; ``where``: that page (path and query), by default the address the form was sent to.
    """
    form.status, form.support_code, form.headers = status, code, _headers(retry_after)
    where = where or address_of(visit.request)
    secret = {field.name for field in form if form.is_secret(field)}
    names = {field.name for field in form} - secret
    sent = form.sent.multi_items()
    told = {
        "form": [hash_token(where), type(form).__qualname__],
        "sent": [[name, value] for name, value in sent if name in names],
        "errors": {name: [str(text) for text in field.errors] for name, field in form._fields.items() if field.errors},
        "above": [str(text) for text in form.form_errors],
        "again": [name for name, value in sent if name in secret and value],
        "answer": [status, code, retry_after],
    }
    sealed = await _sealed(visit, told)
    if len(sealed) > LONGEST:
        sealed = await _sealed(visit, told | {"sent": []})
    response = cookie_check.lead(visit.request, where)
    set_cookie(response, REFUSED_COOKIE, sealed, seconds=int(GOOD_FOR.total_seconds()))
    return response


async def take(visit: Visit, kind: type[Kind], **choices: object) -> Kind | None:
    """Return the form of this page that was just refused, with what was typed and what was wrong; None without one.

    ``choices`` go to the constructor. The page that shows it takes the cookie back.
    """
    told = await _told(visit)
    if told is None or told["form"] != [hash_token(address_of(visit.request)), kind.__qualname__]:
        return None
    form = kind(FormData([(name, value) for name, value in told["sent"]]), **choices)
    for name, texts in told["errors"].items():
        if name in form._fields:
            form._fields[name].errors = texts
    form.form_errors.extend(told["above"])
    form.enter_again = [field.label.text for field in form if field.name in told["again"]]
    form.status, form.support_code, retry_after = told["answer"]
    form.headers = _headers(retry_after)
    visit.request.state.refused_form_shown = True
    return form


async def _sealed(visit: Visit, told: dict[str, Any]) -> str:
    packed = zlib.compress(json.dumps(told).encode())
    return await browser_seals.seal(visit.desk, PURPOSE, packed, until=visit.now + GOOD_FOR)


async def _told(visit: Visit) -> dict[str, Any] | None:
    value = visit.request.cookies.get(REFUSED_COOKIE)
    packed = await browser_seals.open_sealed(visit.desk, PURPOSE, value, now=visit.now) if value else None
    if packed is None:
        return None
    told: dict[str, Any] = json.loads(zlib.decompress(packed))
    return told


def _headers(retry_after: int) -> dict[str, str]:
    return {"Retry-After": str(retry_after)} if retry_after else {}
