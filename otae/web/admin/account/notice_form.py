"""The card of the account page on which administrators choose what they are told by mail."""

from typing import Any, Final

from otae.accounts.notice_choices import choices_of
from otae.store.notices import DAILY, GUESSING, KINDS, NOW, OFF, RENEWAL, SERVER, SILENT, UNENROLLED
from otae.translatable import N_
from otae.web.forms import Form, SelectField
from otae.web.visits import Console

CHOOSE: Final = N_("choose one of the list")
TIMES: Final = [(NOW, N_("At once")), (DAILY, N_("Once a day")), (OFF, N_("Never"))]
HOURS: Final = [(str(hour), f"{hour:02}:00") for hour in range(24)]


def _kind(kind: str) -> Any:  # noqa: ANN401 - a field, which WTForms makes for each form
    return SelectField(KINDS[kind].words, invalid_choice_message=CHOOSE)


class NoticeForm(Form):
    """When an administrator is told of each kind of notice, and the hour of the daily mail."""

    guessing = _kind(GUESSING)
    server = _kind(SERVER)
    renewal = _kind(RENEWAL)
    unenrolled = _kind(UNENROLLED)
    silent = _kind(SILENT)
    hour = SelectField(N_("Hour of the daily mail"), invalid_choice_message=CHOOSE)

    def offered(self, visit: Console) -> "NoticeForm":
        """Fill in what to choose from, leave out what the administrator's role may not be told, and return the form."""
        for kind, each in KINDS.items():
            if not visit.may(each.permission):
                del self[kind]
        for field in self:
            field.choices = HOURS if field.name == "hour" else TIMES
        return self


async def filled_form(visit: Console) -> NoticeForm:
    """Return the form with what the administrator chose."""
    choices = await choices_of(visit.administrator.id)
    chosen = {kind: choices.when(kind) for kind in KINDS}
    return NoticeForm(data=chosen | {"hour": str(choices.hour)}).offered(visit)
