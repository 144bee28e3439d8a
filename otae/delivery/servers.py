"""Notification servers: adding, changing and activating them. While none of a kind is active, the catcher is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from tortoise.expressions import Q

from otae.authority.ca_files import read_authorities
from otae.contacts import MailAddressRefused, mail_address
from otae.delivery.mail import oauth
from otae.delivery.mail.mime import MessageRefused, check_header, short_line
from otae.delivery.mail.smtp import PASSWORD_PURPOSE, loopback_allowed
from otae.errors import InputRefused
from otae.outgoing import ascii_host_or_text, is_host, is_host_name, may_connect
from otae.settings import Settings
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, NotificationServer, ServerRefusal
from otae.translatable import N_

#: The type of a server, for rooms that may not import the tables.
ServerRow: TypeAlias = NotificationServer

SECURITIES = ("none", "starttls", "tls")
#: The kinds of OAuth clients.
OAUTH_KINDS = oauth.KINDS
GONE = N_("this notification server does not exist any more")
NEVER_CALLED = N_(
    "is this machine or an address that is never called, so that every message would "
    "wait: name another server, or set OTAE_ALLOW_PRIVATE=1 where the mail server runs on "
    "this machine"
)


@dataclass(frozen=True, kw_only=True)
class ServerEntry:
    """What an administrator enters for a mail server.

    Attributes:
        security: One of SECURITIES.
        username: With ``oauth`` the mailbox that mail is sent from.
        password: None keeps the stored one. With ``oauth`` the client's secret, or a service account's key as its
            JSON file or as PEM.
        ntlm: Sign in by NTLM, which Microsoft calls secure password authentication.
        clear_sign_in: Sign in without TLS, too.
        oauth: Sign in by tokens of a client of this kind, one of `oauth.KINDS`; "" for a password.
        ca_pem: CA certificates that the server's certificate must chain to, "" for those this machine trusts.
        timeout: Seconds an answer may take.
        retries: Attempts that are followed by a retry after 1, 5, 15, then 60 minutes; further retries follow every
            four hours until the invitation expires.
        connections: How many may be open at a time in each worker.
        rate: Messages a minute, 0 for no limit.
        standby: 0, or the order in which servers replace an active one that cannot be reached or refuses the sign-in.
        dkim_selector: Where the sender's DKIM key is published.
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
    """Store a server and activate it when none is active; InputRefused names each invalid field."""
    row = NotificationServer(name=entry.name.strip(), created_at=now)
    row.update_from_dict(await _checked(desk, row, entry))
    async with transaction():
        row.active = not await NotificationServer.filter(kind="smtp", active=True).exists()
        await row.save(force_create=True)
        await audit.record(actor, "notification-server.add", now=now, subject=row.name, detail=_audit_detail(row))
    return row


async def update_server(
    desk: Desk, server: NotificationServer, entry: ServerEntry, *, now: datetime, actor: str
) -> NotificationServer:
    """Change a server; InputRefused names each invalid field.

    The password is only ever sent to the server it was entered for: with another host, port, security, sign-in method
    or user name it must be entered again.
    """
    entered = await _checked(desk, server, entry)
    await change_server(server, entered, now=now, actor=actor)
    return server


async def change_server(
    server: NotificationServer, entered: Mapping[str, object], *, now: datetime, actor: str
) -> None:
    """Update the columns ``entered`` of ``server``; InputRefused when it was removed.

    Changes are audited, and waiting messages are retried at once.
    """
    async with transaction():
        before = await NotificationServer.filter(id=server.id).values()
        if await NotificationServer.filter(id=server.id).update(**entered) != 1:
            raise InputRefused({"": GONE})
        if changes := audit.describe_changes(before[0], entered):
            await _forget_refusals(server)
            await audit.record(actor, "notification-server.change", now=now, subject=server.name, detail=changes)
    server.update_from_dict(dict(entered))
    if changes:
        await _retry_waiting(server, now)


async def _forget_refusals(server: NotificationServer) -> None:
    """Delete the refusals of ``server``, whose settings changed; call inside the transaction that changes them."""
    await ServerRefusal.filter(server_id=server.id).delete()
    await NotificationServer.filter(id=server.id).update(told_at=None)


async def _retry_waiting(server: NotificationServer, now: datetime) -> None:
    """Make the messages that wait for a retry due now.

    Call outside of transactions: a worker locks messages before its server, and the opposite order would deadlock.
    """
    channel = "mail" if server.kind == "smtp" else "sms"
    await Delivery.filter(status="queued", channel=channel, next_try_at__gt=now).update(next_try_at=now)


async def list_servers(kind: str | None = None) -> list[NotificationServer]:
    """Return every server, or those of ``kind``; of each kind the active one first."""
    rows = NotificationServer.all() if kind is None else NotificationServer.filter(kind=kind)
    return await rows.order_by("-kind", "-active", "name")


async def last_sent_at() -> datetime | None:
    """Return when the newest of the messages that were sent was sent; None without one."""
    row = await Delivery.filter(status="sent").order_by("-created_at", "-id").first()
    return row.sent_at if row else None


async def find_server(name: str) -> NotificationServer:
    """Return the server named ``name``; InputRefused when there is none."""
    found = await NotificationServer.get_or_none(name=name.strip())
    if found is None:
        raise InputRefused({"name": N_("there is no notification server %(name)s", name=repr(name[:60]))})
    return found


async def server_of(server_id: UUID) -> NotificationServer:
    """Return the server with this id; InputRefused when there is none."""
    found = await NotificationServer.get_or_none(id=server_id)
    if found is None:
        raise InputRefused({"": GONE})
    return found


async def active_server(kind: str = "smtp") -> NotificationServer | None:
    """Return the active server of ``kind``; None while messages go to the catcher."""
    return await NotificationServer.filter(kind=kind, active=True).first()


async def servers_in_order(kind: str = "smtp") -> list[NotificationServer]:
    """Return the servers of ``kind`` in the order to try: the active one, then the standbys.

    Empty while none is active: messages go to the catcher then, not to a standby.
    """
    rows = await NotificationServer.filter(Q(active=True) | Q(standby__gt=0), kind=kind).order_by("standby", "name")
    active = [row for row in rows if row.active]
    return [*active, *(row for row in rows if not row.active)] if active else []


async def activate(desk: Desk, server: NotificationServer, *, now: datetime, actor: str) -> None:
    """Make ``server`` the active one of its kind; InputRefused as `check_address_allowed`."""
    if server.kind == "smtp":
        await check_address_allowed(desk.settings, server.host, server.port)
    async with transaction():
        await NotificationServer.filter(kind=server.kind, active=True).update(active=False)
        await NotificationServer.filter(id=server.id).update(active=True)
        await _forget_refusals(server)
        await audit.record(actor, "notification-server.activate", now=now, subject=server.name)
    server.active = True
    await _retry_waiting(server, now)


async def remove_server(server: NotificationServer, *, now: datetime, actor: str) -> None:
    """Delete ``server``; if it was the active one, messages go to the catcher until another is activated."""
    async with transaction():
        await NotificationServer.filter(id=server.id).delete()
        await audit.record(actor, "notification-server.remove", now=now, subject=server.name)


async def check_address_allowed(settings: Settings, host: str, port: int) -> None:
    """Raise InputRefused ("host") when ``host`` has only addresses that are never connected to (see `outgoing`)."""
    if not await may_connect(host, port, private=True, loopback=loopback_allowed(settings)):
        raise InputRefused({"host": NEVER_CALLED})


async def _checked(desk: Desk, row: NotificationServer, entry: ServerEntry) -> dict[str, object]:
    """Return the columns of ``row`` that ``entry`` sets; InputRefused names each invalid field."""
    fields, authorities = _field_errors(entry), ""
    try:
        authorities = read_authorities(entry.ca_pem.encode("utf-8", "replace")).pem
    except InputRefused as refusal:
        fields |= refusal.fields
    same = await NotificationServer.get_or_none(name=entry.name.strip())
    if same is not None and same.id != row.id:
        fields["name"] = N_("another notification server has this name")
    connection = {
        "host": ascii_host_or_text(entry.host).lower(),
        "port": entry.port,
        "security": entry.security,
        "username": entry.username or None,
        "ntlm": entry.ntlm,
        "clear_sign_in": entry.clear_sign_in,
        **_oauth_columns(entry),
        "ca_pem": authorities,
    }
    moved = any(getattr(row, name) != value for name, value in connection.items())
    if entry.username and not entry.password and (row.password_sealed is None or moved):
        again = N_("enter it again: it was given for another server, user name or way to sign in")
        fields["password"] = again if row.password_sealed else N_("is missing")
    secret = entry.password
    if entry.oauth:
        wrong, secret = await oauth.check_settings(entry.oauth, _oauth_columns(entry), entry.password, desk.settings)
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
        sealed = desk.vault.seal(secret.encode(), row.id, PASSWORD_PURPOSE)
    return {
        **connection,
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
    """Return the OAuth columns, all empty when the server does not use OAuth."""
    if not entry.oauth:
        return dict.fromkeys(("oauth", "oauth_token_url", "oauth_client_id", "oauth_scope"), "")
    return {
        "oauth": entry.oauth,
        "oauth_token_url": oauth.token_url(entry.oauth, entry.oauth_token_url),
        "oauth_client_id": entry.oauth_client_id.strip(),
        "oauth_scope": entry.oauth_scope.strip() or oauth.SCOPES.get(entry.oauth, ""),
    }


def _field_errors(entry: ServerEntry) -> dict[str, str]:
    fields: dict[str, str] = {}
    for field, value in (("name", entry.name), ("from_name", entry.from_name)):
        try:
            check_header(value, "this")
        except MessageRefused as error:
            fields[field] = str(error).partition(": ")[2]
    try:
        mail_address(entry.from_email)
    except MailAddressRefused as error:
        fields["from_email"] = error.args[0]
    rules = (
        ("name", len(entry.name.strip()) <= 100, N_("use at most 100 characters")),
        (
            "host",
            is_host(ascii_host_or_text(entry.host)),
            N_("use a host name such as mail.example.org, without a port"),
        ),
        ("port", 1 <= entry.port <= 65535, N_("use a number from 1 to 65535")),
        ("security", entry.security in SECURITIES, N_("choose none, starttls or tls")),
        (
            "security",
            not entry.username or entry.security != "none" or entry.clear_sign_in,
            N_("a password is only sent over STARTTLS or TLS: choose one of them, or allow signing in without"),
        ),
        ("timeout", 5 <= entry.timeout <= 60, "use 5 to 60 seconds"),
        ("retries", 0 <= entry.retries <= 20, N_("use a number from 0 to 20")),
        ("connections", 1 <= entry.connections <= 20, N_("use a number from 1 to 20")),
        ("rate", 0 <= entry.rate <= 100_000, N_("use a number from 0 to 100000; 0 sets no limit")),
        ("standby", 0 <= entry.standby <= 9, N_("use a number from 0 to 9; 0 is no standby")),
        (
            "dkim_selector",
            _is_selector(entry.dkim_selector.strip()),
            N_("use a selector such as mail2026, or leave it empty"),
        ),
        ("username", short_line(entry.username or "", 200), N_("use at most 200 printable characters")),
        ("password", entry.oauth or short_line(entry.password or "", 500), N_("use at most 500 printable characters")),
        ("oauth", entry.oauth in {"", *oauth.KINDS}, N_("choose %(kinds)s or none", kinds=", ".join(oauth.KINDS))),
        ("ntlm", not (entry.ntlm and entry.oauth), N_("choose NTLM or OAuth, not both")),
        ("username", entry.username or not entry.oauth, N_("enter the mailbox that mail is sent from")),
        ("description", short_line(entry.description, 200), N_("use at most 200 printable characters")),
    )
    return fields | {field: words for field, right, words in rules if not right}


def _is_selector(text: str) -> bool:
    return not text or (len(text) <= 63 and is_host_name(text))


def _audit_detail(row: NotificationServer) -> str:
    how = " by NTLM" if row.ntlm else f" by OAuth ({row.oauth_token_url})" if row.oauth else ""
    how += " in clear" if row.security == "none" else ""
    return f"{row.host}:{row.port} {row.security}" + (f", signs in{how}" if row.username else "")
