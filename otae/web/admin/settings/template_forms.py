"""The forms of the notification templates' pages, and the titles of the messages."""

from collections.abc import Iterable
from typing import Final, Self

from otae.delivery.texts.default_texts import Wording
from otae.delivery.texts.languages import LANGUAGES
from otae.web.admin.page_parts import NamedForm
from otae.web.forms import SelectField, StringField, TextAreaField
from otae.words import gettext as _

TITLES: Final = {
    "url": _("Invitation"),
    "pin": _("PIN"),
    "confirmation": _("Confirmation"),
    "reminder": _("Reminder"),
    "revoked": _("Withdrawn"),
    "expired": _("Expired"),
    "notice": _("Notice to the administrator"),
    "trouble": _("Notice about a notification server"),
}
#: When the messages are sent that nobody chooses for an invitation.
OCCASIONS: Final = {
    "reminder": _("Goes out as the server properties reminder.days and reminder.most say."),
    "revoked": _("Goes out when an invitation that was sent is revoked; server property notification.revoked."),
    "expired": _("Goes out when an invitation that was sent expires; server property notification.expired."),
    "notice": _("Goes to who invited when an invitation fails; server property notification.failure."),
    "trouble": _("Goes to who invited when a server refuses every message; server property notification.failure."),
}
#: Prefix of the clone form's field names: another form on the page has the same fields.
COPY: Final = "copy-"


class TemplateForm(NamedForm):
    """The wording of a message; ``text`` and ``html`` are alternatives of the same mail.

    ``recipient`` and ``phone`` are for sending a draft.
    """

    subject = StringField(_("Subject"))
    text = TextAreaField(_("Text"))
    html = TextAreaField(_("HTML"))
    sms = TextAreaField(_("Text message"))
    recipient = StringField(_("Mail address"))
    phone = StringField(_("Phone number"))

    def wording(self) -> Wording:
        """Return the wording that was entered."""
        return Wording.of(*(part.data or "" for part in (self.subject, self.text, self.html, self.sms)))


class LanguageForm(NamedForm):
    """A language to add."""

    language = SelectField(_("Another language"), choices=dict(LANGUAGES))

    def without(self, there: Iterable[str]) -> Self:
        """Fill in the languages that are not in ``there``, and return the form."""
        self.language.choices = {tag: name for tag, name in LANGUAGES.items() if tag not in set(there)}
        return self


class NameForm(NamedForm):
    """The name of a template."""

    name = StringField(_("Name"))


class CopyForm(NamedForm):
    """The name of a copy."""

    name = StringField(_("Name of the clone"))
