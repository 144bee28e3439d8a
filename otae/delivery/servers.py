"""Notification servers: where messages leave the house. One of each kind is active; else the catcher takes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from tortoise.expressions import Q

from otae.authority.ca_files import read_authorities
from otae.contacts import MailAddressRefused, mail_address
from otae.delivery import phones
from otae.delivery.connection_test import try_out, try_out_sms
from otae.delivery.mail import oauth
from otae.delivery.mail.mime import MessageRefused, check_header, short_line
from otae.delivery.mail.smtp import PASSWORD, may_be_here
from otae.errors import InputRefused
from otae.outgoing import ascii_host_or_text, is_called, is_host, is_host_name
from otae.settings import Settings
from otae.store import audit, failure_counters, jobs
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Job, NotificationServer, ServerRefusal

#: Name for those who show rows and may not know the tables.
ServerRow: TypeAlias = NotificationServer

SECURITIES = ("none", "starttls", "tls")
#: Whose OAuth tokens a server may be signed in to by.
OAUTH = oauth.KINDS
#: The kind of a test's job.
TEST = "notification-server.test"
GONE = "this notification server does not exist any more"
#: Tests an hour and administrator.
TESTS = 30
NEVER_CALLED = (
    "is this machine or an address that is never called, so that every message would wait: name another server, or set "
    "OTAE_ALLOW_PRIVATE=1 where the mail server runs on this machine"
)


@dataclass(frozen=True, kw_only=True)
class ServerEntry:
    """What an administrator enters. ``timeout``: seconds an answer may take; ``password`` None keeps the stored one.

    ``retries``: how often a message that could not go out is tried again at growing distance (1, 5, 15, then 60
    minutes); after that every four hours until its invitation expires. ``connections``: open at a time in each worker;
    ``rate``: messages a minute, 0 for no limit; ``standby``: 0, or the order in which servers stand in for the active
    one when it cannot be reached or refuses the sign-in; ``dkim_selector``: where the sender's DKIM key is published.
    ``ntlm``: sign in by NTLM, which Microsoft calls secure password authentication; ``clear_sign_in``: sign in over a
    line without TLS, too. ``oauth``: sign in by tokens of one of `oauth.KINDS`: ``username`` is the mailbox then, and
    ``password`` the client's secret, or a service account's key as its JSON file or as PEM.
    ``ca_pem``: authorities that the server's certificate must lead to, "" for those of this machine.
    """

    name: str
    host: str
    port: int = 25
    security: str = "none"
    username: str | None = None
    password: str | None = None
    ntlm: bool = False
    clear_sign_in: bool = False
    oauth: str = ""
    oauth_token_url: str = ""
    oauth_client_id: str = ""
    oauth_scope: str = ""
    ca_pem: str = ""
    from_name: str
    from_email: str
    timeout: int = 30
    retries: int = 5
    connections: int = 4
    rate: int = 0
    standby: int = 0
    dkim_selector: str = ""
    description: str = ""

    def __repr__(self) -> str:
        return f"<ServerEntry {self.name!r}>"


async def add_server(desk: Desk, entry: ServerEntry, *, now: datetime, actor: str) -> NotificationServer:
    """Store a server and make it active when none is; InputRefused names each field that cannot be taken."""
    row = NotificationServer(name=entry.name.strip(), created_at=now)
    row.update_from_dict(await _checked(desk, row, entry))
    async with transaction():
        row.active = not await NotificationServer.filter(kind="smtp", active=True).exists()
        await row.save(force_create=True)
        await audit.record(actor, "notification-server.add", now=now, subject=row.name, detail=_where(row))
    return row


async def update_server(
    desk: Desk, server: NotificationServer, entry: ServerEntry, *, now: datetime, actor: str
) -> NotificationServer:
    """Change a server; InputRefused names each field that cannot be taken.

    The password is only ever sent to the server it was entered for: with another host, port, security, way to sign in
    or user name it has to be entered again.
    """
    entered = await _checked(desk, server, entry)
    await change_server(server, entered, now=now, actor=actor)
    return server


async def change_server(
    server: NotificationServer, entered: Mapping[str, object], *, now: datetime, actor: str
) -> None:
    """Store what was entered for ``server``, all of it together, and nothing else; InputRefused when it was removed.

    The audit log is told what that changes, and nothing where it changes nothing. What waits has its next try at once.
    """
    async with transaction():
        before = await NotificationServer.filter(id=server.id).values()
        if await NotificationServer.filter(id=server.id).update(**entered) != 1:
            raise InputRefused({"": GONE})
        if told := audit.changes(before[0], entered):
            await _forget_refusals(server)
            await audit.record(actor, "notification-server.change", now=now, subject=server.name, detail=told)
    server.update_from_dict(dict(entered))
    if told:
        await _try_anew(server, now)


async def _forget_refusals(server: NotificationServer) -> None:
    """Forget what ``server`` refused, which was set up anew; call inside the transaction that does that."""
    await ServerRefusal.filter(server_id=server.id).delete()
    await NotificationServer.filter(id=server.id).update(told_at=None)


async def _try_anew(server: NotificationServer, now: datetime) -> None:
    """Let what waits for a further try have it now.

    Call outside of transactions: a worker that claims messages locks them before its server, the other way round.
    """
    channel = "mail" if server.kind == "smtp" else "sms"
    await Delivery.filter(status="queued", channel=channel, next_try_at__gt=now).update(next_try_at=now)


async def list_servers(kind: str | None = None) -> list[NotificationServer]:
    """Return every server, or those of ``kind``: of each kind the active one first."""
    rows = NotificationServer.all() if kind is None else NotificationServer.filter(kind=kind)
    return await rows.order_by("-kind", "-active", "name")


async def find_server(name: str) -> NotificationServer:
    """Return the server called ``name``; InputRefused when there is none."""
    found = await NotificationServer.get_or_none(name=name.strip())
    if found is None:
        raise InputRefused({"name": f"there is no notification server {name[:60]!r}"})
    return found


async def server_of(server_id: UUID) -> NotificationServer:
    """Return the server with this id; InputRefused when there is none."""
    found = await NotificationServer.get_or_none(id=server_id)
    if found is None:
        raise InputRefused({"": GONE})
    return found


async def active_server(kind: str = "smtp") -> NotificationServer | None:
    """Return the server of ``kind`` that messages go out through; None while the catcher takes them."""
    return await NotificationServer.filter(kind=kind, active=True).first()


async def ways(kind: str = "smtp") -> list[NotificationServer]:
    """Return the servers of ``kind`` that messages may go out through: the active one, then its standbys in order.

    Empty while none is active: the catcher takes them then, and no standby stands in for it.
    """
    rows = await NotificationServer.filter(Q(active=True) | Q(standby__gt=0), kind=kind).order_by("standby", "name")
    active = [row for row in rows if row.active]
    return [*active, *(row for row in rows if not row.active)] if active else []


async def activate(desk: Desk, server: NotificationServer, *, now: datetime, actor: str) -> None:
    """Send through ``server`` from now on; InputRefused when it is where nothing is ever sent."""
    if server.kind == "smtp":
        await check_address_allowed(desk.settings, server.host, server.port)
    async with transaction():
        await NotificationServer.filter(kind=server.kind, active=True).update(active=False)
        await NotificationServer.filter(id=server.id).update(active=True)
        await _forget_refusals(server)
        await audit.record(actor, "notification-server.activate", now=now, subject=server.name)
    server.active = True
    await _try_anew(server, now)


async def remove_server(server: NotificationServer, *, now: datetime, actor: str) -> None:
    """Forget ``server``; when it was the active one, the catcher takes mail until another is activated."""
    async with transaction():
        await NotificationServer.filter(id=server.id).delete()
        await audit.record(actor, "notification-server.remove", now=now, subject=server.name)


async def check_recipient(server: NotificationServer, recipient: str) -> str:
    """Return where a test through ``server`` goes, as it is sent there.

    Raises InputRefused when ``recipient`` is no mail address, or no phone number where ``server`` is an SMS gateway.
    """
    try:
        if server.kind == "sms":
            return phones.e164(recipient, region=await phones.own_region())
        return mail_address(recipient)
    except (MailAddressRefused, phones.NumberRefused) as error:
        raise InputRefused({"recipient": str(error)}) from None


async def enqueue_test(desk: Desk, server: NotificationServer, recipient: str, *, now: datetime, actor: str) -> Job:
    """Order a test message through ``server`` and return the job to follow.

    Raises InputRefused when `check_recipient` does, SlowDown after thirty tests in an hour.
    """
    recipient = await check_recipient(server, recipient)
    await failure_counters.spend(f"notification-server.test:{actor}"[:200], TESTS, now, timedelta(hours=1))
    async with transaction():
        order: dict[str, object] = {"server": str(server.id), "recipient": recipient}
        job = await jobs.enqueue(TEST, order, created_by=actor, now=now)
        await audit.record(actor, "notification-server.test", now=now, subject=server.name, detail=recipient)
    desk.bell.ring("job", job.id)
    return job


async def run_test(desk: Desk, job: Job, *, now: datetime) -> None:
    """Send the test message of ``job`` and store what came of it.

    The job's output: ``server`` (its name) and what `tryout.try_out` returns.
    """
    outcome: dict[str, object] = {"ok": False, "server": "", "words": "", "tls": ""}
    try:
        server = await server_of(UUID(str(job.input["server"])))
    except InputRefused as error:
        outcome["words"] = str(error)
    else:
        message_id = f"<{job.id}.test@{desk.settings.public_host}>"
        outcome |= {"server": server.name}
        recipient = str(job.input["recipient"])
        if server.kind == "sms":
            mail = next(iter(await ways()), None)
            outcome |= await try_out_sms(desk, server, recipient, mail=mail, message_id=message_id, now=now)
        else:
            outcome |= await try_out(desk, server, recipient, message_id=message_id, now=now)
    await jobs.finish(job.id, outcome, now=now, failed=not outcome["ok"])


async def check_address_allowed(settings: Settings, host: str, port: int) -> None:
    """Raise InputRefused when no message would ever be given to ``host``: the addresses it has are not called."""
    if not await is_called(host, port, private=True, loopback=may_be_here(settings)):
        raise InputRefused({"host": NEVER_CALLED})


async def _checked(desk: Desk, row: NotificationServer, entry: ServerEntry) -> dict[str, object]:
    """Return the columns that ``entry`` gives ``row``; InputRefused."""
    fields, authorities = _wrong(entry), ""
    try:
        authorities = read_authorities(entry.ca_pem.encode("utf-8", "replace")).pem
    except InputRefused as refusal:
        fields |= refusal.fields
    same = await NotificationServer.get_or_none(name=entry.name.strip())
    if same is not None and same.id != row.id:
        fields["name"] = "another notification server has this name"
    leads = {
        "host": ascii_host_or_text(entry.host).lower(),
        "port": entry.port,
        "security": entry.security,
        "username": entry.username or None,
        "ntlm": entry.ntlm,
        "clear_sign_in": entry.clear_sign_in,
        **_oauth_columns(entry),
        "ca_pem": authorities,
    }
    moved = any(getattr(row, name) != value for name, value in leads.items())
    if entry.username and not entry.password and (row.password_sealed is None or moved):
        again = "enter it again: it was given for another server, user name or way to sign in"
        fields["password"] = again if row.password_sealed else "is missing"  # - what the form says
    secret = entry.password
    if entry.oauth:
        wrong, secret = await oauth.checked(entry.oauth, _oauth_columns(entry), entry.password, desk.settings)
        fields = wrong | fields
    if "host" not in fields and "port" not in fields:
        try:
            await check_address_allowed(desk.settings, ascii_host_or_text(entry.host), entry.port)
        except InputRefused as refusal:
            fields |= refusal.fields
    if fields:
        raise InputRefused(fields)
    sealed = row.password_sealed if entry.username else None
    if entry.username and secret:
        sealed = desk.vault.seal(secret.encode(), row.id, PASSWORD)
    return {
        **leads,
        "password_sealed": sealed,
        "name": entry.name.strip(),
        "description": entry.description.strip(),
        "from_name": entry.from_name.strip(),
        "from_email": mail_address(entry.from_email),
        "timeout": entry.timeout,
        "retries": entry.retries,
        "connections": entry.connections,
        "rate": entry.rate,
        "standby": entry.standby,
        "dkim_selector": entry.dkim_selector.strip().lower(),
    }


def _oauth_columns(entry: ServerEntry) -> dict[str, str]:
    """Return how tokens are asked for, as it is stored; nothing of it where none are."""
    if not entry.oauth:
        return dict.fromkeys(("oauth", "oauth_token_url", "oauth_client_id", "oauth_scope"), "")
    return {
        "oauth": entry.oauth,
        "oauth_token_url": oauth.token_url(entry.oauth, entry.oauth_token_url),
        "oauth_client_id": entry.oauth_client_id.strip(),
        "oauth_scope": entry.oauth_scope.strip() or oauth.SCOPES.get(entry.oauth, ""),
    }


def _wrong(entry: ServerEntry) -> dict[str, str]:
    fields: dict[str, str] = {}
    for field, value, check in (
        ("name", entry.name, check_header),
        ("from_name", entry.from_name, check_header),
    ):
        try:
            check(value, "this")
        except MessageRefused as error:
            fields[field] = str(error).partition(": ")[2]
    try:
        mail_address(entry.from_email)
    except MailAddressRefused as error:
        fields["from_email"] = str(error)
    rules = (
        ("name", len(entry.name.strip()) <= 100, "use at most 100 characters"),
        ("host", is_host(ascii_host_or_text(entry.host)), "use a host name such as mail.example.org, without a port"),
        ("port", 1 <= entry.port <= 65535, "use a number from 1 to 65535"),
        ("security", entry.security in SECURITIES, "choose none, starttls or tls"),
        (
            "security",
            not entry.username or entry.security != "none" or entry.clear_sign_in,
            "a password is only sent over STARTTLS or TLS: choose one of them, or allow signing in without",
        ),
        ("timeout", 5 <= entry.timeout <= 60, "use 5 to 60 seconds"),
        ("retries", 0 <= entry.retries <= 20, "use a number from 0 to 20"),
        ("connections", 1 <= entry.connections <= 20, "use a number from 1 to 20"),
        ("rate", 0 <= entry.rate <= 100_000, "use a number from 0 to 100000; 0 sets no limit"),
        ("standby", 0 <= entry.standby <= 9, "use a number from 0 to 9; 0 is no standby"),
        (
            "dkim_selector",
            _is_selector(entry.dkim_selector.strip()),
            "use a selector such as mail2026, or leave it empty",
        ),
        ("username", short_line(entry.username or "", 200), "use at most 200 printable characters"),
        ("password", entry.oauth or short_line(entry.password or "", 500), "use at most 500 printable characters"),
        ("oauth", entry.oauth in {"", *oauth.KINDS}, f"choose {', '.join(oauth.KINDS)} or none"),
        ("ntlm", not (entry.ntlm and entry.oauth), "choose NTLM or OAuth, not both"),
        ("username", entry.username or not entry.oauth, "enter the mailbox that mail is sent from"),
        ("description", short_line(entry.description, 200), "use at most 200 printable characters"),
    )
    return fields | {field: words for field, right, words in rules if not right}


def _is_selector(text: str) -> bool:
    return not text or (len(text) <= 63 and is_host_name(text))


def _where(row: NotificationServer) -> str:
    how = " by NTLM" if row.ntlm else f" by OAuth ({row.oauth_token_url})" if row.oauth else ""
    how += " in clear" if row.security == "none" else ""
    return f"{row.host}:{row.port} {row.security}" + (f", signs in{how}" if row.username else "")
