"""Settings → Notification servers: SMTP servers and their test."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from starlette.responses import Response

from otae import paths
from otae.contacts import shown_address
from otae.delivery import connection_test, servers
from otae.delivery.sms import servers as sms_servers
from otae.errors import InputRefused, SlowDown
from otae.hostnames import shown_host
from otae.paths import UrlPath
from otae.web.admin.page_parts import NamedForm, or_not_found, row_id
from otae.web.admin.settings.authorities_form import AuthoritiesForm
from otae.web.callers import UPLOAD_CAP
from otae.web.forms import (
    MAX_FIELDS,
    BooleanField,
    InputRequired,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
    upload,
)
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

SECURITIES: Final = {"none": _("None"), "starttls": _("STARTTLS"), "tls": _("TLS")}
NEEDED: Final = _("is missing")
OAUTH: Final = {
    "": _("No, by user name and password"),
    "microsoft": _("Microsoft 365"),
    "google": _("Google Workspace"),
    "other": _("Another provider"),
}
NOT_AN_OAUTH: Final = _("choose one of the list")
NOT_A_CHANNEL: Final = _("choose none, STARTTLS or TLS")


class ServerAddresses(NamedTuple):
    """The addresses of one kind of notification server."""

    page: UrlPath
    test: UrlPath
    activate: UrlPath
    remove: UrlPath


SMTP: Final = ServerAddresses(
    paths.SMTP_SERVER, paths.SMTP_SERVER_TEST, paths.SMTP_SERVER_ACTIVATE, paths.SMTP_SERVER_REMOVE
)


class ServerForm(AuthoritiesForm):
    """An SMTP server; ``password`` is only ever written, empty keeps the stored one."""

    name = StringField(_("Name"), [InputRequired(NEEDED)])
    description = StringField(_("Description"))
    host = StringField(_("SMTP server"), [InputRequired(NEEDED)], filters=[shown_host])
    port = IntegerField(_("Port"), [InputRequired(_("use a number from 1 to 65535"))], default=25)
    security = SelectField(
        _("Secure channel"), choices=SECURITIES, default="none", invalid_choice_message=NOT_A_CHANNEL
    )
    username = StringField(_("User name"))
    password = PasswordField(_("Password"))
    ntlm = BooleanField(_("Microsoft secure password authentication (NTLM)"))
    oauth = SelectField(_("OAuth"), choices=OAUTH, default="", invalid_choice_message=NOT_AN_OAUTH)
    oauth_token_url = StringField(_("Token address"))
    oauth_client_id = StringField(_("Client ID"))
    oauth_scope = StringField(_("Scope"))
    clear_sign_in = BooleanField(_("Sign in also without encryption"))
    from_name = StringField(_("From name"), [InputRequired(NEEDED)])
    from_email = StringField(_("From e-mail"), [InputRequired(NEEDED)], filters=[shown_address])
    timeout = IntegerField(_("Timeout in seconds"), [InputRequired(_("use 5 to 60 seconds"))], default=30)
    retries = IntegerField(_("Retries"), [InputRequired(_("use a number from 0 to 20"))], default=5)
    connections = IntegerField(_("Connections"), default=4)
    rate = IntegerField(_("Messages a minute"), default=0)
    standby = IntegerField(_("Standby order"), default=0)
    dkim_selector = StringField(_("DKIM selector"))

    file: bytes = b""

    def entry(self) -> servers.ServerEntry:
        """Return the server that was entered; an uploaded certificate file takes precedence over pasted text."""
        return self.entered(servers.ServerEntry, ca_pem=self.read_authorities(self.file))


class RecipientForm(NamedForm):
    """The recipient of a test mail."""

    recipient = StringField(_("Send a test mail to"))


async def index(visit: Console) -> Response:
    """List the servers, or explain where messages go without one."""
    listed, texts = await servers.list_servers("smtp"), await servers.list_servers("sms")
    context = {
        "servers": listed,
        "securities": SECURITIES,
        "active": any(server.active for server in listed),
        "texts": texts,
        "titles": sms_servers.TITLES,
        "texts_active": any(server.active for server in texts),
    }
    return render(visit.request, "admin/settings/notification-servers/index.html", context)


async def blank(visit: Console) -> Response:
    """Show the form for a new server."""
    return render(
        visit.request, "admin/settings/notification-servers/add.html", {"form": ServerForm(), "stored": False}
    )


async def add(visit: Console) -> Response:
    """Add a server and redirect to its page."""
    form = await _read(visit)
    if form.validate():
        try:
            entry = form.entry()
            server = await servers.add_server(visit.desk, entry, now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            text = _("%s was added. Test it now.") % server.name + form.left_out
            return redirect(paths.SMTP_SERVER(server.id), "success", text)
    context = {"form": form, "stored": False}
    return render(visit.request, "admin/settings/notification-servers/add.html", context, status=422)


async def show(visit: Console) -> Response:
    """Show a server's form and its last test; for polling only the test."""
    if not is_fragment_request(visit.request):
        return await _page(visit)
    return await test_block(visit, SMTP, "admin/settings/notification-servers/edit.html")


async def test_block(visit: Console, addresses: ServerAddresses, template: str) -> Response:
    """Return the block of a server's last test; 204 while the page shows it already (``seen``)."""
    test = await connection_test.last_test(row_id(visit.request))
    mark = connection_test.change_mark(test)
    if visit.request.query_params.get("seen") == mark:
        return Response(status_code=204)
    context = {"test": test, "mark": mark, "addresses": addresses, "server_id": row_id(visit.request)}
    return render(visit.request, template, context, block="test")


async def change(visit: Console) -> Response:
    """Change a server."""
    server, form = await _find(visit), await _read(visit)
    if await _save(visit, server, form):
        return redirect(paths.SMTP_SERVER(server.id), "success", _("%s was saved.") % server.name + form.left_out)
    return await _page(visit, form=form, status=422)


async def activate(visit: Console) -> Response:
    """Make this the active server."""
    server = await _find(visit)
    try:
        await servers.activate(visit.desk, server, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        return redirect(paths.SMTP_SERVER(server.id), "warning", f"{server.host} {'; '.join(refusal.fields.values())}.")
    return redirect(paths.SMTP_SERVER(server.id), "success", _("Mail goes out through %s from now on.") % server.name)


async def remove(visit: Console) -> Response:
    """Remove this server."""
    server = await _find(visit)
    await servers.remove_server(server, now=visit.now, actor=visit.actor)
    return redirect(paths.NOTIFICATION_SERVERS, "success", _("%s was removed.") % server.name)


async def test(visit: Console) -> Response:
    """Save the form and start a test mail with it; the page polls for its result."""
    server, form = await _find(visit), await _read(visit)
    recipient = await RecipientForm.read(visit.request)
    begun = await save_and_test(visit, server, recipient, lambda: _save(visit, server, form), SMTP)
    if not form.all_errors:
        recipient.enter_again = form.enter_again
    return begun or await _page(visit, form=form, recipient=recipient, status=422)


async def save_and_test(
    visit: Console,
    server: servers.ServerRow,
    form: RecipientForm,
    save: Callable[[], Awaitable[bool]],
    addresses: ServerAddresses,
) -> Response | None:
    """Save, start a test, and redirect to it; None when a form was refused.

    When the recipient is refused, nothing is saved.
    """
    try:
        recipient = await connection_test.check_recipient(server, form.recipient.data or "")
        if not await save():
            return None
        await connection_test.enqueue_test(visit.desk, server, recipient, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
    except SlowDown:
        form.recipient.errors = [_("all is saved, but enough was tested in this hour: wait a little")]
    else:
        return redirect(
            f"{addresses.page(server.id)}#test", "success", _("%s is saved as shown, and tested with it.") % server.name
        )
    return None


async def _read(visit: Console) -> ServerForm:
    """Return the form with its uploaded file."""
    async with visit.request.form(
        max_files=1, max_fields=MAX_FIELDS, max_part_size=UPLOAD_CAP
    ):  # what follows reads it
        form = await ServerForm.read(visit.request)
        form.file = await upload(visit.request, "ca_file")
    return form


async def _save(visit: Console, server: servers.ServerRow, form: ServerForm) -> bool:
    """Save the server; False when it was refused, and the form says why."""
    if not form.validate():
        return False
    try:
        await servers.update_server(visit.desk, server, form.entry(), now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
        return False
    return True


async def _page(
    visit: Console, *, form: ServerForm | None = None, recipient: RecipientForm | None = None, status: int = 200
) -> Response:
    server = await _find(visit)
    last = await connection_test.last_test(server.id)
    context = {
        "form": form or ServerForm.filled(server),
        "recipient": recipient or RecipientForm(data={"recipient": last.recipient if last else ""}),
        "server": server,
        "stored": server.password_sealed is not None,
        "addresses": SMTP,
        "server_id": server.id,
        "test": last,
        "mark": connection_test.change_mark(last),
    }
    return render(visit.request, "admin/settings/notification-servers/edit.html", context, status=status)


async def _find(visit: Console) -> servers.ServerRow:
    listed = await servers.list_servers("smtp")
    return or_not_found(next((server for server in listed if server.id == row_id(visit.request)), None))
