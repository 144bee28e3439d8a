"""Settings → Notification servers: SMS gateways and their test."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.delivery import servers
from otae.delivery.sms import carriers
from otae.delivery.sms import servers as sms_servers
from otae.delivery.sms.gateways import GATEWAYS, Field
from otae.delivery.sms.sender import CARRIER
from otae.translatable import N_
from otae.web.admin.settings.notification_servers import RecipientForm, ServerAddresses, ServerPages
from otae.web.failures import NotFound
from otae.web.forms import Form, InputRequired, IntegerField, PasswordField, SelectField, StringField, TextAreaField
from otae.web.pages import render
from otae.web.visits import Console
from otae.words import gettext as _

NEEDED: Final = N_("is missing")
CARRIER_ABOUT: Final = N_(
    "A mail to the recipient's mobile carrier, which sends it on; free, and slower than a gateway."
)


class SmsForm(Form):
    """The fields of every gateway; `form_of` adds those of one gateway."""

    name = StringField(N_("Name"), [InputRequired(NEEDED)])
    description = StringField(N_("Description"))
    timeout = IntegerField(N_("Timeout in seconds"), [InputRequired(N_("use 5 to 60 seconds"))], default=20)
    retries = IntegerField(N_("Retries"), [InputRequired(N_("use a number from 0 to 20"))], default=5)
    connections = IntegerField(N_("Requests at a time"), default=4)
    rate = IntegerField(N_("Messages a minute"), default=0)
    standby = IntegerField(N_("Standby order"), default=0)

    def entry(self, gateway: str) -> sms_servers.SmsEntry:
        """Return the gateway settings that were entered."""
        values = {each.name: self[each.name].data or "" for each in sms_servers.fields_of(gateway)}
        return self.entered(sms_servers.SmsEntry, gateway=gateway, values=values)


class NumberForm(RecipientForm):
    """The number for a test message."""

    recipient = StringField(N_("Send a test text message to"))


async def choose(visit: Console) -> Response:
    """Show the gateways that can be set up."""
    choices = [(name, gateway.title, _(gateway.about)) for name, gateway in GATEWAYS.items()]
    context = {"choices": [*choices, (CARRIER, _(sms_servers.TITLES[CARRIER]), CARRIER_ABOUT)]}
    return render(visit.request, "admin/settings/notification-servers/sms-choose.html", context)


class SmsPages(ServerPages[SmsForm]):
    """The pages of SMS gateways."""

    kind = "sms"
    recipient_form = NumberForm
    template = "admin/settings/notification-servers/sms-edit.html"
    activated = N_("Text messages go out through %s from now on.")
    addresses = ServerAddresses(
        paths.SMS_SERVER, paths.SMS_SERVER_TEST, paths.SMS_SERVER_ACTIVATE, paths.SMS_SERVER_REMOVE
    )

    async def empty(self, visit: Console) -> SmsForm:
        """Return the form of the gateway in the address."""
        gateway = _gateway(visit)
        return (await form_of(gateway))(data={"name": _(sms_servers.TITLES[gateway])})

    async def filled(self, visit: Console, row: servers.ServerRow) -> SmsForm:
        """Return the form of a gateway; what is secret stays empty."""
        del visit
        return (await form_of(row.gateway)).filled(row, **sms_servers.public_values(row))

    async def read(self, visit: Console, row: servers.ServerRow | None) -> SmsForm:
        """Return the form of the gateway as it was sent."""
        return await (await form_of(row.gateway if row else _gateway(visit))).read(visit.request)

    async def store(self, visit: Console, form: SmsForm, row: servers.ServerRow | None) -> servers.ServerRow:
        """Add or change a gateway."""
        if row is None:
            entry = form.entry(_gateway(visit))
            return await sms_servers.add_sms_server(visit.desk, entry, now=visit.now, actor=visit.actor)
        entry = form.entry(row.gateway)
        return await sms_servers.update_sms_server(visit.desk, row, entry, now=visit.now, actor=visit.actor)

    def new_page(self, visit: Console, form: SmsForm, status: int) -> Response:
        """Return the page with the form of a new gateway."""
        gateway = _gateway(visit)
        about = _(GATEWAYS[gateway].about) if gateway in GATEWAYS else CARRIER_ABOUT
        context = _gateway_context(gateway, stored=False) | {"form": form, "about": about}
        return render(visit.request, "admin/settings/notification-servers/sms-add.html", context, status=status)

    def details(self, row: servers.ServerRow) -> dict[str, object]:
        """Return the gateway's fields with their help texts."""
        return _gateway_context(row.gateway, stored=row.secrets_sealed is not None)


SMS: Final = SmsPages()


async def form_of(gateway: str) -> type[SmsForm]:
    """Return the form class of a gateway, with a field for each of its settings."""
    fields = {each.name: _input(each) for each in sms_servers.fields_of(gateway)}
    if gateway == CARRIER:
        names = [row.name for row in await carriers.list_carriers()]
        choices = {"": _("None")} | {name: name for name in names}
        fields["carrier"] = SelectField(_("Usual carrier"), choices=choices, default="", validate_choice=False)
    return type("GatewayForm", (SmsForm,), fields)


def _input(each: Field) -> object:
    if each.choices:
        return SelectField(each.label, choices=dict(each.choices), default=each.default, validate_choice=False)
    if each.secret:
        return PasswordField(each.label)
    needed = [InputRequired(NEEDED)] if each.required else []
    return (TextAreaField if each.lines else StringField)(each.label, needed, default=each.default)


def _gateway_context(gateway: str, *, stored: bool) -> dict[str, object]:
    """Return the template context about a gateway and its fields."""
    fields = _fields_with_help(gateway, stored=stored)
    return {"fields": fields, "gateway": gateway, "gateway_title": _(sms_servers.TITLES[gateway])}


def _fields_with_help(gateway: str, *, stored: bool) -> list[tuple[Field, str]]:
    """Return a gateway's fields, each with its help text; ``stored``: for a server that is stored already."""
    kept = _("One is stored and never shown. Leave this empty to keep it.")

    def below(each: Field) -> str:
        hint = _(each.hint) if each.hint else ""
        usual = _("Left empty: %s.") % each.usual if each.usual else ""
        return " ".join(filter(None, (hint, usual, kept if stored and each.secret else "")))

    return [(each, below(each)) for each in sms_servers.fields_of(gateway)]


def _gateway(visit: Console) -> str:
    name: str = visit.request.path_params["gateway"]
    if name not in sms_servers.TITLES:
        raise NotFound
    return name
