"""Settings → LDAP: the directories of people and groups, and their connection test."""

from typing import Final
from uuid import UUID

from starlette.responses import Response

from otae import paths
from otae.directory.ldap import server_fields, servers
from otae.directory.ldap.servers import DirectoryEntry, DirectoryRow, DirectoryTest
from otae.errors import SlowDown
from otae.hostnames import shown_host
from otae.overview.domains import DomainUsage, domain_usage
from otae.translatable import N_
from otae.web.admin.crud import TestedPages
from otae.web.admin.page_parts import or_not_found, row_id
from otae.web.admin.settings import connection_steps
from otae.web.admin.settings.authorities_form import AuthoritiesForm
from otae.web.forms import (
    InputRequired,
    IntegerField,
    Optional,
    PasswordField,
    SelectField,
    StringField,
)
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext

KINDS: Final = {"ldap": N_("LDAP"), "active-directory": N_("Active Directory")}
#: What to expect of each kind, for somebody who has to choose.
EXPLANATIONS: Final = {
    "ldap": N_(
        "OpenLDAP, 389 Directory Server and their kin. People are known by their entryUUID, and groups are entries "
        "that list their members."
    ),
    "active-directory": N_(
        "Microsoft Active Directory and Samba. People sign in with the name they log on with, nested groups count, and "
        "disabled or expired accounts stay out."
    ),
}
SECURITIES: Final = {"none": N_("None"), "starttls": N_("StartTLS"), "ldaps": N_("LDAPS")}
SEARCH_BY: Final = {
    "uid": N_("User ID (uid)"),
    "cn": N_("Common name (cn)"),
    "sAMAccountName": N_("Logon name (sAMAccountName)"),
    "userPrincipalName": N_("User principal name (userPrincipalName)"),
    "mail": N_("E-mail address (mail)"),
}
PORTS: Final = {"none": 389, "starttls": 389, "ldaps": 636}
NEEDED: Final = N_("is missing")
CHOOSE: Final = N_("choose one of these")


class DirectoryForm(AuthoritiesForm):
    """A directory.

    ``password`` is only ever written, empty keeps the stored one; ``port`` is empty for the usual port.
    """

    kind = SelectField(N_("Type"), choices=KINDS, default="ldap", invalid_choice_message=CHOOSE)
    domain = StringField(N_("Domain"), [InputRequired(NEEDED)])
    alias = StringField(N_("Domain alias"))
    primary_host = StringField(N_("Primary server"), [InputRequired(NEEDED)], filters=[shown_host])
    secondary_host = StringField(N_("Secondary server"), filters=[shown_host])
    security = SelectField(
        N_("Secure connection"), choices=SECURITIES, default="starttls", invalid_choice_message=CHOOSE
    )
    port = IntegerField(N_("Port"), [Optional()])
    timeout = IntegerField(N_("Timeout in seconds"), [InputRequired(N_("use 1 to 15 seconds"))], default=5)
    bind_name = StringField(N_("Bind name"))
    password = PasswordField(N_("Bind password"))
    user_base = StringField(N_("User base DN"), [InputRequired(NEEDED)])
    group_base = StringField(N_("Group base DN"), [InputRequired(NEEDED)])
    search_by = SelectField(N_("Search user by"), choices=SEARCH_BY, default="uid", invalid_choice_message=CHOOSE)
    attributes = StringField(N_("Further attributes"))
    lockout_limit = IntegerField(N_("Lockout limit"), [InputRequired(N_("use a number from 0 to 999"))], default=0)
    lockout_minutes = IntegerField(N_("Lockout minutes"), [InputRequired(N_("use a number from 1"))], default=1)
    global_catalog_port = IntegerField(N_("Global catalog port"), [Optional()], default=0)
    global_catalog_base = StringField(N_("Global catalog root context"))

    def entry(self) -> DirectoryEntry:
        """Return the directory that was entered; an uploaded certificate file takes precedence over pasted text."""
        return self.entered(
            DirectoryEntry,
            port=PORTS[self.security.data] if self.port.data is None else self.port.data,
            ca_pem=self.read_authorities(),
            global_catalog_port=self.global_catalog_port.data or 0,
        )


async def index(visit: Console) -> Response:
    """List the directories with the results of their last tests, or explain what a directory is for."""
    rows = []
    for row in await servers.list_directories():
        test = await servers.last_test(row.id)
        rows.append((row, test, connection_steps.first_failed_step(test) if test else ""))
    context = {"rows": rows, "kinds": KINDS, "explanations": EXPLANATIONS, "securities": SECURITIES}
    return render(visit.request, "admin/settings/directories/index.html", context)


class DirectoryPages(TestedPages[DirectoryRow, DirectoryForm]):
    """The pages of directories; "Save and test" starts a test at once."""

    form = DirectoryForm
    index = paths.DIRECTORIES
    named_by = "domain"
    template = "admin/settings/directories/edit.html"

    async def find(self, visit: Console) -> DirectoryRow:
        """Return the directory in the address."""
        listed = await servers.list_directories()
        return or_not_found(next((row for row in listed if row.id == row_id(visit.request)), None))

    async def empty(self, visit: Console) -> DirectoryForm:
        """Return the form for a directory of the kind in the address, filled with its usual values."""
        if visit.request.query_params.get("kind") == "active-directory":
            usual = {"kind": "active-directory", "security": "ldaps", "search_by": "sAMAccountName"}
            return DirectoryForm(data=usual)
        return DirectoryForm()

    async def filled(self, visit: Console, row: DirectoryRow) -> DirectoryForm:
        """Return the form of a directory; its usual port stays empty, so that it follows the chosen security."""
        del visit
        return DirectoryForm.filled(row, port=None if row.port == PORTS.get(row.security) else row.port)

    async def store(self, visit: Console, form: DirectoryForm, row: DirectoryRow | None) -> DirectoryRow:
        """Add or change a directory."""
        if row is None:
            return await servers.add_directory(visit.desk, form.entry(), now=visit.now, actor=visit.actor)
        await servers.update_directory(visit.desk, row, form.entry(), now=visit.now, actor=visit.actor)
        return row

    async def delete(self, visit: Console, row: DirectoryRow) -> None:
        """Remove a directory."""
        await servers.remove_directory(row, now=visit.now, actor=visit.actor)

    async def stored(self, visit: Console, form: DirectoryForm, row: DirectoryRow, note: str) -> Response:
        """Redirect to the directory's page; a test over the hourly limit is not started, and the note says so."""
        here, text = paths.DIRECTORY(row.id), note + form.left_out
        if form.sent.get("then") != "test":
            return redirect(here, "success", text)
        try:
            await servers.enqueue_test(visit.desk, row, now=visit.now, actor=visit.actor)
        except SlowDown:
            enough = _("Enough tests for this hour: wait a little.")
            return redirect(here, "warning", f"{text} {enough}")
        return redirect(f"{here}#test", "success", text)

    async def page(
        self,
        visit: Console,
        form: DirectoryForm,
        row: DirectoryRow | None,
        *,
        status: int = 200,
        slow: str = "",
    ) -> Response:
        """Return the page of a directory with its last test, or of a new one.

        ``slow``: why no test was started, "" when nothing prevented it.
        """
        context: dict[str, object] = {"form": form, "kinds": KINDS, "chosen": row is None}
        if row is None:
            form.kind.data = form.kind.data if form.kind.data in KINDS else "ldap"
            form.search_by.choices = {name: SEARCH_BY[name] for name in server_fields.SEARCH_BY[form.kind.data]}
            context |= {"stored": False, "explanations": EXPLANATIONS}
            return render(visit.request, "admin/settings/directories/add.html", context, status=status)
        context |= {"server": row, "stored": row.bind_password_sealed is not None, "slow": slow}
        context |= await self.test_context(row.id)
        context["losses"] = _losses(row, await domain_usage(row.domain))
        return render(visit.request, self.template, context, status=status)

    async def test_context(self, row_id: UUID) -> dict[str, object]:
        """Return the last test of a directory and its steps."""
        last = await servers.last_test(row_id)
        tried = connection_steps.server_steps(last) if last else ()
        return {"test": last, "tried": tried, "mark": _mark(last), "directory_id": row_id}

    async def test(self, visit: Console) -> Response:
        """Start a connection test; the page polls for its result."""
        row = await self.find(visit)
        try:
            await servers.enqueue_test(visit.desk, row, now=visit.now, actor=visit.actor)
        except SlowDown:
            slow = _("Enough tests for this hour: wait a little.")
            return await self.page(visit, await self.filled(visit, row), row, slow=slow, status=429)
        return redirect(f"{paths.DIRECTORY(row.id)}#test")

    async def make_default(self, visit: Console) -> Response:
        """Make this the default directory, in which names without a domain are looked up."""
        row = await self.find(visit)
        await servers.make_default(row, now=visit.now, actor=visit.actor)
        return redirect(paths.DIRECTORY(row.id), "success", _("%s is the default directory from now on.") % row.domain)


DIRECTORIES: Final = DirectoryPages()


def _losses(row: DirectoryRow, affected: DomainUsage) -> str:
    """Return what removing the directory breaks, in words."""
    sentences = [_("Removed, its settings and its bind password are lost.")]
    if affected.people:
        words = ngettext(
            "%(num)d person came from %(domain)s and stays listed, but can no longer sign in with a password.",
            "%(num)d people came from %(domain)s; they stay listed, but can no longer sign in with a password.",
            affected.people,
        )
        sentences.append(words % {"num": affected.people, "domain": row.domain})
    if affected.pending:
        words = ngettext(
            "%(num)d pending invitation of theirs stops working where its mode asks for the password.",
            "%(num)d pending invitations of theirs stop working where their mode asks for the password.",
            affected.pending,
        )
        sentences.append(words % {"num": affected.pending})
    return " ".join(sentences)


def _mark(last: DirectoryTest | None) -> str:
    return f"{last.id}-{last.status}-{len(last.steps)}" if last else "none"
