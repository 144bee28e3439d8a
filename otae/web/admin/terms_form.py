"""The fields that the forms for one person, a group and a CSV file share."""

from typing import Final, Self

from otae.delivery import servers
from otae.delivery.sms import carriers
from otae.delivery.sms.sender import CARRIER
from otae.delivery.texts import templates
from otae.invitations import channels
from otae.invitations.modes import enabled_modes
from otae.invitations.terms import LONGEST_NOTE, TEMPLATES, InvitationTerms
from otae.store.carried_data import SIZES, TITLES
from otae.translatable import N_
from otae.web.admin.manage import picker
from otae.web.admin.manage.statuses import OWNERSHIPS, PLATFORMS
from otae.web.forms import (
    BooleanField,
    Form,
    HiddenField,
    InputRequired,
    Length,
    Optional,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
)
from otae.words import gettext as _

CHOOSE: Final = N_("Choose one of these.")
AS_THE_MODE: Final = N_("As the mode has it")
#: PIN channel → its title; those that show the PIN come last.
PIN_CHANNELS: Final = {
    "": N_("As the mode has it, usually mail"),
    channels.MAIL: N_("Mail"),
    channels.SMS: N_("Text message"),
    channels.SHOWN: N_("Shown to me once"),
    channels.CARD: N_("Printed card"),
}
#: The same for many people, and without the channels that show the PIN.
PIN_CHANNELS_OF_MANY: Final = {name: words for name, words in PIN_CHANNELS.items() if name != channels.SHOWN}
PIN_CHANNELS_SENT: Final = {name: words for name, words in PIN_CHANNELS.items() if name not in channels.BY_HAND}


class TermsForm(Form):
    """The terms of an invitation, as forms for one person, a group and a CSV file ask for them.

    Each field of `InvitationTerms` comes from the form field of its name; a form without such a field sets it to None.
    ``form_id`` is used up when the form is accepted, so that it is accepted once.
    """

    form_id = HiddenField()
    domain = SelectField(N_("Look in"), default="", invalid_choice_message=CHOOSE)
    recipient = StringField(N_("User name"), [InputRequired(N_("Enter a user name.")), Length(max=201)])
    platform = SelectField(N_("Platform"), invalid_choice_message=CHOOSE, choices=PLATFORMS, default="macos")
    ownership = RadioField(
        N_("Device ownership"), invalid_choice_message=CHOOSE, choices=OWNERSHIPS, default="corporate"
    )
    serial = StringField(N_("Serial number"), [Optional(), Length(max=100)])
    mode = RadioField(N_("Enrollment mode"), invalid_choice_message=CHOOSE)
    url_template = SelectField(N_("Invitation mail"), invalid_choice_message=CHOOSE, default="")
    pin_template = SelectField(N_("PIN mail"), invalid_choice_message=CHOOSE, default="")
    confirmation_template = SelectField(N_("Confirmation mail"), invalid_choice_message=CHOOSE, default="")
    note = TextAreaField(N_("Note"), [Length(max=LONGEST_NOTE)])
    pin_channel = SelectField(N_("PIN by"), invalid_choice_message=CHOOSE, choices=PIN_CHANNELS, default="")
    carrier = SelectField(N_("Mobile carrier"), invalid_choice_message=CHOOSE, default="")
    send = BooleanField(N_("Send invitation"), default=True)
    valid_until = TimeField(N_("Works until"), [Optional()])
    asset_tag = StringField(TITLES["asset_tag"], [Length(max=SIZES["asset_tag"])])
    cost_centre = StringField(TITLES["cost_centre"], [Length(max=SIZES["cost_centre"])])
    tags = StringField(TITLES["tags"], [Length(max=SIZES["tags"])])
    free_fields = TextAreaField(TITLES["free_fields"], [Length(max=SIZES["free_fields"])])

    async def prepare(self) -> Self:
        """Fill in the choices and return the form."""
        if self.domain is not None:
            self.domain.choices = await picker.domains()
        self.mode.choices = {mode.name: mode.title for mode in await enabled_modes()}
        for name in TEMPLATES:
            rows = await templates.list_templates(name.removesuffix("_template"))
            self[name].choices = {"": AS_THE_MODE} | {str(row.id): row.name for row in rows}
        if self.carrier is not None:
            names = [row.name for row in await carriers.list_carriers()] if await _by_carrier() else []
            self.carrier.choices = {"": _("As the gateway has it")} | {name: name for name in names}
        return self

    def terms(self) -> InvitationTerms:
        """Return the terms that were entered."""
        return self.entered(InvitationTerms)


async def _by_carrier() -> bool:
    """Return whether text messages are sent as mail to carriers."""
    active = await servers.active_server("sms")
    return active is not None and active.gateway == CARRIER
