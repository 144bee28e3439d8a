"""The forms of the notification templates' pages, and the titles of the messages."""

from collections.abc import Iterable
from typing import Final, Self

from otae.delivery.texts.default_texts import Wording
from otae.delivery.texts.languages import LANGUAGES
from otae.translatable import N_
from otae.web.forms import Form, SelectField, StringField, TextAreaField

TITLES: Final = {
    "url": N_("Invitation"),
    "pin": N_("PIN"),
    "confirmation": N_("Confirmation"),
    "reminder": N_("Reminder"),
    "revoked": N_("Withdrawn"),
    "expired": N_("Expired"),
    "approval": N_("Request for an approval"),
    "manager": N_("To the manager, after the reminders"),
    "approved": N_("Approval given"),
    "identity": N_("Identity confirmed"),
    "notice": N_("Notice to the administrator"),
    "objection": N_("Notice that it was somebody else"),
    "trouble": N_("Notice about a notification server"),
}
#: When the messages are sent that nobody chooses for an invitation.
OCCASIONS: Final = {
    "reminder": N_("Goes out as the server properties reminder.days and reminder.most say."),
    "revoked": N_("Goes out when an invitation that was sent is revoked; server property notification.revoked."),
    "expired": N_("Goes out when an invitation that was sent expires; server property notification.expired."),
    "approval": N_("Goes to the manager or the administrators who approve, when somebody signs in who needs it."),
    "approved": N_("Goes to the person when their enrollment is approved."),
    "manager": N_("Goes once to the manager of somebody whom a campaign has reminded often enough."),
    "identity": N_("Goes to the person at once when their identity was confirmed at the desk."),
    "notice": N_("Goes to who invited when an invitation fails; server property notification.failure."),
    "objection": N_("Goes to who invited when the person says that it was not them at the desk."),
    "trouble": N_("Goes to who invited when a server refuses every message; server property notification.failure."),
}
#: Prefix of the clone form's field names: another form on the page has the same fields.
COPY: Final = "copy-"


class TemplateForm(Form):
    """The wording of a message; ``text`` and ``html`` are alternatives of the same mail.

    ``recipient`` and ``phone`` are for sending a draft.
    """

    subject = StringField(N_("Subject"))
    text = TextAreaField(N_("Text"))
    html = TextAreaField(N_("HTML"))
    sms = TextAreaField(N_("Text message"))
    recipient = StringField(N_("Mail address"))
    phone = StringField(N_("Phone number"))

    def wording(self) -> Wording:
        """Return the wording that was entered."""
        return Wording.of(*(part.data or "" for part in (self.subject, self.text, self.html, self.sms)))


class LanguageForm(Form):
    """A language to add."""

    language = SelectField(N_("Another language"), choices=dict(LANGUAGES))

    def without(self, existing: Iterable[str]) -> Self:
        """Fill in the languages that are not in ``existing``, and return the form."""
        self.language.choices = {tag: name for tag, name in LANGUAGES.items() if tag not in set(existing)}
        return self


class NameForm(Form):
    """The name of a template."""

    name = StringField(N_("Name"))


class CopyForm(Form):
    """The name of a copy."""

    name = StringField(N_("Name of the clone"))
