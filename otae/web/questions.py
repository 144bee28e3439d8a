"""Asks before a form does what cannot be taken back: a page without script, a dialog with it.

A button asks by `pages.asks`: its form is then answered with the question, before any
page sees it, until that is answered. A page that has to count first asks itself:

    if not await questions.is_answered(visit):
        return await questions.ask(visit, _("Their links stop working."), _("Revoke 42 invitations"))
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from otae.web.forms import sent_fields
from otae.web.pages import address_of, form_page_of, is_fragment_request, render
from otae.web.visits import Console

#: The field of a button that asks: the question, and in the last line the words of the button that goes on.
FIELD: Final = "ask"
#: The field of the question's own form.
ANSWER: Final = "answered"


async def is_answered(visit: Console) -> bool:
    """Return whether the form was sent by the question."""
    return ANSWER in await sent_fields(visit.request)


def is_asking(request: Request) -> bool:
    """Return whether the answer to this form is a question."""
    return getattr(request.state, "asks", False)


async def asked_by_button(visit: Console) -> Response | None:
    """Return the question of the button that sent the form; None when it has none or was answered.

    Forms with files have no such button: their pages say themselves how many files they take.
    """
    if visit.request.headers.get("content-type", "").startswith("multipart/"):
        return None
    button = (await sent_fields(visit.request)).get(FIELD)
    if not isinstance(button, str) or await is_answered(visit):
        return None
    question, _line, words = button.rpartition("\n")
    return await ask(visit, question.strip(), words.strip())


async def ask(visit: Console, question: str, words: str, **also: object) -> Response:
    """Return the page, or the content of the dialog, that asks ``question``.

    Args:
        words: The words of the button that goes on: what it does.
        also: Further fields that the answer is sent with.
    """
    sent = [
        (name, value)
        for name, value in (await sent_fields(visit.request)).multi_items()
        if isinstance(value, str) and name not in {FIELD, ANSWER, *also}
    ]
    sent += [(name, str(value)) for name, value in also.items()]
    visit.request.state.asks = True
    context = {
        "question": question,
        "words": words,
        "sent": sent,
        "to": address_of(visit.request),
        "answer": ANSWER,
        "back": form_page_of(visit.request),
    }
    block = "question" if is_fragment_request(visit.request) else None
    return render(visit.request, "admin/question.html", context, block=block)
