"""Settings → Notification servers: SMTP servers and their test."""

from abc import abstractmethod
from typing import ClassVar, Final, NamedTuple, TypeVar
from uuid import UUID

from starlette.responses import Response

from otae import paths
from otae.contacts import shown_address
from otae.delivery import connection_test, servers
from otae.delivery.sms import servers as sms_servers
from otae.errors import InputRefused, SlowDown
from otae.hostnames import shown_host
from otae.overview import dependents
from otae.paths import UrlPath
from otae.translatable import N_
from otae.web.admin.crud import TestedPages
from otae.web.admin.page_parts import or_not_found, row_id
from otae.web.admin.settings.authorities_form import AuthoritiesForm
from otae.web.forms import BooleanField, Form, InputRequired, IntegerField, PasswordField, SelectField, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

SECURITIES: Final = {"none": N_("None"), "starttls": N_("STARTTLS"), "tls": N_("TLS")}
NEEDED: Final = N_("is missing")
OAUTH: Final = {
    "": N_("No, by user name and password"),
    "microsoft": N_("Microsoft 365"),
    "google": N_("Google Workspace"),
    "other": N_("Another provider"),
}
NOT_AN_OAUTH: Final = N_("choose one of the list")
NOT_A_CHANNEL: Final = N_("choose none, STARTTLS or TLS")


ServerPageForm = TypeVar("ServerPageForm", bound=Form)


class ServerAddresses(NamedTuple):
    """The addresses of one kind of notification server."""

    page: UrlPath
    test: UrlPath
    activate: UrlPath
    remove: UrlPath


class ServerForm(AuthoritiesForm):
    """An SMTP server; ``password`` is only ever written, empty keeps the stored one."""

    name = StringField(N_("Name"), [InputRequired(NEEDED)])
    description = StringField(N_("Description"))
    host = StringField(N_("SMTP server"), [InputRequired(NEEDED)], filters=[shown_host])
    port = IntegerField(N_("Port"), [InputRequired(N_("use a number from 1 to 65535"))], default=25)
    security = SelectField(
        N_("Secure channel"), choices=SECURITIES, default="none", invalid_choice_message=NOT_A_CHANNEL
    )
    username = StringField(N_("User name"))
    password = PasswordField(N_("Password"))
    ntlm = BooleanField(N_("Microsoft secure password authentication (NTLM)"))
    oauth = SelectField(N_("OAuth"), choices=OAUTH, default="", invalid_choice_message=NOT_AN_OAUTH)
    oauth_token_url = StringField(N_("Token address"))
    oauth_client_id = StringField(N_("Client ID"))
    oauth_scope = StringField(N_("Scope"))
    clear_sign_in = BooleanField(N_("Allow sign-in without encryption"))
    from_name = StringField(N_("From name"), [InputRequired(NEEDED)])
    from_email = StringField(N_("From e-mail"), [InputRequired(NEEDED)], filters=[shown_address])
    timeout = IntegerField(N_("Timeout in seconds"), [InputRequired(N_("use 5 to 60 seconds"))], default=30)
    retries = IntegerField(N_("Retries"), [InputRequired(N_("use a number from 0 to 20"))], default=5)
    connections = IntegerField(N_("Connections"), default=4)
    rate = IntegerField(N_("Messages a minute"), default=0)
    standby = IntegerField(N_("Standby order"), default=0)
    dkim_selector = StringField(N_("DKIM selector"))

    def entry(self) -> servers.ServerEntry:
        """Return the server that was entered; an uploaded certificate file takes precedence over pasted text."""
        return self.entered(servers.ServerEntry, ca_pem=self.read_authorities())


class RecipientForm(Form):
    """The recipient of a test mail."""

    recipient = StringField(N_("Send a test mail to"))


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


class ServerPages(TestedPages[servers.ServerRow, ServerPageForm]):
    """The pages of one kind of notification server; ``activated`` is the note that messages go out through one."""

    kind: ClassVar[str]
    recipient_form: ClassVar[type[RecipientForm]]
    addresses: ClassVar[ServerAddresses]
    activated: ClassVar[str]
    index = paths.NOTIFICATION_SERVERS
    added = N_("%s was added. Test it now.")

    @abstractmethod
    def details(self, row: servers.ServerRow) -> dict[str, object]:
        """Return the template context that only this kind of server has."""

    async def find(self, visit: Console) -> servers.ServerRow:
        """Return the server in the address."""
        listed = await servers.list_servers(self.kind)
        return or_not_found(next((server for server in listed if server.id == row_id(visit.request)), None))

    async def delete(self, visit: Console, row: servers.ServerRow) -> None:
        """Remove a server."""
        await servers.remove_server(row, now=visit.now, actor=visit.actor)

    def address(self, row: servers.ServerRow) -> str:
        """Return the address of the server's page."""
        return self.addresses.page(row.id)

    async def page(
        self,
        visit: Console,
        form: ServerPageForm,
        row: servers.ServerRow | None,
        *,
        status: int = 200,
        recipient: RecipientForm | None = None,
    ) -> Response:
        """Return the page of a server with its last test, or of a new one."""
        if row is None:
            return self.new_page(visit, form, status)
        context = await self.test_context(row.id) | self.details(row) | {"form": form, "server": row}
        context |= {"dependents": await dependents.of_server(row)}
        context |= {"recipient": recipient} if recipient else {}
        return render(visit.request, self.template, context, status=status)

    @abstractmethod
    def new_page(self, visit: Console, form: ServerPageForm, status: int) -> Response:
        """Return the page with the form of a new server."""

    async def activate(self, visit: Console) -> Response:
        """Make this the active server of its kind."""
        row = await self.find(visit)
        try:
            await servers.activate(visit.desk, row, now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            return redirect(self.address(row), "warning", f"{row.host} {'; '.join(refusal.fields.values())}.")
        return redirect(self.address(row), "success", _(self.activated) % row.name)

    async def test(self, visit: Console) -> Response:
        """Save the form and start a test with it; the page polls for its result.

        When the recipient is refused, nothing is saved.
        """
        row = await self.find(visit)
        form, recipient = await self.read(visit, row), await self.recipient_form.read(visit.request)
        with recipient.refusals():
            to = await connection_test.check_recipient(row, recipient.recipient.data or "")
            if await self.try_store(visit, form, row):
                try:
                    await connection_test.enqueue_test(visit.desk, row, to, now=visit.now, actor=visit.actor)
                except SlowDown:
                    recipient.recipient.errors = [_("all is saved, but enough was tested in this hour: wait a little")]
                else:
                    said = _("%s is saved as shown, and tested with it.") % row.name
                    return redirect(f"{self.address(row)}#test", "success", said)
        if not form.all_errors:
            recipient.enter_again = form.enter_again
        return await self.page(visit, form, await self.find(visit), recipient=recipient, status=422)

    async def test_context(self, row_id: UUID) -> dict[str, object]:
        """Return the last test of a server."""
        test = await connection_test.last_test(row_id)
        return {
            "test": test,
            "mark": connection_test.change_mark(test),
            "addresses": self.addresses,
            "server_id": row_id,
            "recipient": self.recipient_form(data={"recipient": test.recipient if test else ""}),
        }


class SmtpPages(ServerPages[ServerForm]):
    """The pages of SMTP servers."""

    kind = "smtp"
    form = ServerForm
    recipient_form = RecipientForm
    template = "admin/settings/notification-servers/edit.html"
    activated = N_("Mail goes out through %s from now on.")
    addresses = ServerAddresses(
        paths.SMTP_SERVER, paths.SMTP_SERVER_TEST, paths.SMTP_SERVER_ACTIVATE, paths.SMTP_SERVER_REMOVE
    )

    async def store(self, visit: Console, form: ServerForm, row: servers.ServerRow | None) -> servers.ServerRow:
        """Add or change an SMTP server."""
        if row is None:
            return await servers.add_server(visit.desk, form.entry(), now=visit.now, actor=visit.actor)
        return await servers.update_server(visit.desk, row, form.entry(), now=visit.now, actor=visit.actor)

    def new_page(self, visit: Console, form: ServerForm, status: int) -> Response:
        """Return the page with the form of a new SMTP server."""
        context = {"form": form, "stored": False}
        return render(visit.request, "admin/settings/notification-servers/add.html", context, status=status)

    def details(self, row: servers.ServerRow) -> dict[str, object]:
        """Return what the server's page needs besides the form: "stored", whether there is a password."""
        return {"stored": row.password_sealed is not None}


SMTP: Final = SmtpPages()
