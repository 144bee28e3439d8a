"""Settings → Notification servers: SMS gateways and their test."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.delivery import connection_test, servers
from otae.delivery.sms import carriers
from otae.delivery.sms import servers as sms_servers
from otae.delivery.sms.gateways import GATEWAYS, Field
from otae.delivery.sms.sender import CARRIER
from otae.errors import InputRefused
from otae.web.admin.page_parts import NamedForm, or_not_found, row_id
from otae.web.admin.settings.notification_servers import RecipientForm, ServerAddresses, save_and_test, test_block
from otae.web.failures import NotFound
from otae.web.forms import InputRequired, IntegerField, PasswordField, SelectField, StringField, TextAreaField
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

SMS: Final = ServerAddresses(
    paths.SMS_SERVER, paths.SMS_SERVER_TEST, paths.SMS_SERVER_ACTIVATE, paths.SMS_SERVER_REMOVE
)
NEEDED: Final = _("is missing")
CARRIER_ABOUT: Final = _(
    "A mail to the recipient's mobile carrier, which sends it on; free, and slower than a gateway."
)


class SmsForm(NamedForm):
    """The fields of every gateway; `form_of` adds those of one gateway."""

    name = StringField(_("Name"), [InputRequired(NEEDED)])
    description = StringField(_("Description"))
    timeout = IntegerField(_("Timeout in seconds"), [InputRequired(_("use 5 to 60 seconds"))], default=20)
    retries = IntegerField(_("Retries"), [InputRequired(_("use a number from 0 to 20"))], default=5)
    connections = IntegerField(_("Requests at a time"), default=4)
    rate = IntegerField(_("Messages a minute"), default=0)
    standby = IntegerField(_("Standby order"), default=0)

    def entry(self, gateway: str) -> sms_servers.SmsEntry:
        """Return the gateway settings that were entered."""
        values = {each.name: self[each.name].data or "" for each in sms_servers.fields_of(gateway)}
        return self.entered(sms_servers.SmsEntry, gateway=gateway, values=values)


class NumberForm(RecipientForm):
    """The number for a test message."""

    recipient = StringField(_("Send a test text message to"))


async def choose(visit: Console) -> Response:
    """Show the gateways that can be set up."""
    choices = [(name, gateway.title, _(gateway.about)) for name, gateway in GATEWAYS.items()]
    context = {"choices": [*choices, (CARRIER, _(sms_servers.TITLES[CARRIER]), CARRIER_ABOUT)]}
    return render(visit.request, "admin/settings/notification-servers/sms-choose.html", context)


async def blank(visit: Console) -> Response:
    """Show the form of one gateway."""
    gateway = _gateway(visit)
    form = (await form_of(gateway))(data={"name": _(sms_servers.TITLES[gateway])})
    return _add_page(visit, gateway, form)


async def add(visit: Console) -> Response:
    """Add a gateway and redirect to its page."""
    gateway = _gateway(visit)
    form = await (await form_of(gateway)).read(visit.request)
    if form.validate():
        try:
            entry = form.entry(gateway)
            server = await sms_servers.add_sms_server(visit.desk, entry, now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            return redirect(paths.SMS_SERVER(server.id), "success", _("%s was added. Test it now.") % server.name)
    return _add_page(visit, gateway, form, status=422)


async def show(visit: Console) -> Response:
    """Show a gateway's form and its last test; for polling only the test."""
    if not is_fragment_request(visit.request):
        return await _page(visit)
    return await test_block(visit, SMS, "admin/settings/notification-servers/sms-edit.html")


async def change(visit: Console) -> Response:
    """Change a gateway."""
    server = await _find(visit)
    form = await (await form_of(server.gateway)).read(visit.request)
    if await _save(visit, server, form):
        return redirect(paths.SMS_SERVER(server.id), "success", _("%s was saved.") % server.name)
    return await _page(visit, form=form, status=422)


async def activate(visit: Console) -> Response:
    """Make this the active gateway."""
    server = await _find(visit)
    await servers.activate(visit.desk, server, now=visit.now, actor=visit.actor)
    text = _("Text messages go out through %s from now on.") % server.name
    return redirect(paths.SMS_SERVER(server.id), "success", text)


async def remove(visit: Console) -> Response:
    """Remove this gateway."""
    server = await _find(visit)
    await servers.remove_server(server, now=visit.now, actor=visit.actor)
    return redirect(paths.NOTIFICATION_SERVERS, "success", _("%s was removed.") % server.name)


async def test(visit: Console) -> Response:
    """Save the form and start a test text message with it; the page polls for its result."""
    server, recipient = await _find(visit), await NumberForm.read(visit.request)
    form = await (await form_of(server.gateway)).read(visit.request)
    begun = await save_and_test(visit, server, recipient, lambda: _save(visit, server, form), SMS)
    if not form.all_errors:
        recipient.enter_again = form.enter_again
    return begun or await _page(visit, form=form, recipient=recipient, status=422)


async def _save(visit: Console, server: servers.ServerRow, form: SmsForm) -> bool:
    """Save the gateway; False when it was refused, and the form says why."""
    if not form.validate():
        return False
    try:
        entry = form.entry(server.gateway)
        await sms_servers.update_sms_server(visit.desk, server, entry, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
        return False
    return True


async def form_of(gateway: str) -> type[SmsForm]:
    """Return the form class of a gateway, with a field for each of its settings."""
    fields = {each.name: _input(each) for each in sms_servers.fields_of(gateway)}
    if gateway == CARRIER:
        names = [row.name for row in await carriers.list_carriers()]
        choices = {"": _("None")} | {name: name for name in names}
        fields["carrier"] = SelectField(_("Usual carrier"), choices=choices, default="", validate_choice=False)
    return type("GatewayForm", (SmsForm,), fields)


def _input(each: Field) -> object:
    label = _(each.label)
    if each.choices:
        choices = {value: _(words) for value, words in each.choices.items()}
        return SelectField(label, choices=choices, default=each.default, validate_choice=False)
    if each.secret:
        return PasswordField(label)
    needed = [InputRequired(NEEDED)] if each.required else []
    return (TextAreaField if each.lines else StringField)(label, needed, default=each.default)


def _add_page(visit: Console, gateway: str, form: SmsForm, *, status: int = 200) -> Response:
    context = {
        "form": form,
        "fields": _fields_with_help(gateway, stored=False),
        "gateway": gateway,
        "gateway_title": _(sms_servers.TITLES[gateway]),
        "about": _(GATEWAYS[gateway].about) if gateway in GATEWAYS else CARRIER_ABOUT,
    }
    return render(visit.request, "admin/settings/notification-servers/sms-add.html", context, status=status)


async def _page(
    visit: Console, *, form: SmsForm | None = None, recipient: NumberForm | None = None, status: int = 200
) -> Response:
    server = await _find(visit)
    last = await connection_test.last_test(server.id)
    kind = await form_of(server.gateway)
    context = {
        "form": form or kind.filled(server, **sms_servers.public_values(server)),
        "fields": _fields_with_help(server.gateway, stored=server.secrets_sealed is not None),
        "gateway": server.gateway,
        "gateway_title": _(sms_servers.TITLES[server.gateway]),
        "recipient": recipient or NumberForm(data={"recipient": last.recipient if last else ""}),
        "server": server,
        "addresses": SMS,
        "server_id": server.id,
        "test": last,
        "mark": connection_test.change_mark(last),
    }
    return render(visit.request, "admin/settings/notification-servers/sms-edit.html", context, status=status)


def _fields_with_help(gateway: str, *, stored: bool) -> list[tuple[Field, str]]:
    """Return a gateway's fields, each with its help text."""
    kept = _("One is stored and never shown. Leave this empty to keep it.")

    def below(each: Field) -> str:
        hint = _(each.hint) if each.hint else ""
        usual = _("Left empty: %s.") % each.usual if each.usual else ""
        return " ".join(filter(None, (hint, usual, kept if stored and each.secret else "")))

    return [(each, below(each)) for each in sms_servers.fields_of(gateway)]


async def _find(visit: Console) -> servers.ServerRow:
    listed = await servers.list_servers(sms_servers.KIND)
    return or_not_found(next((server for server in listed if server.id == row_id(visit.request)), None))


def _gateway(visit: Console) -> str:
    name: str = visit.request.path_params["gateway"]
    if name not in sms_servers.TITLES:
        raise NotFound
    return name
