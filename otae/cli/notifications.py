"""`otae notification-server`: mail servers and SMS gateways, and testing one (`delivery.servers`, `delivery.sms`)."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from otae.cli.command import (
    ACTOR,
    as_json,
    as_row,
    commands,
    emit,
    password_stdin,
    read_ca_file,
    read_password,
    run_with_desk,
    with_desk,
)
from otae.contacts import shown_address
from otae.delivery import connection_test, servers
from otae.delivery.sms import servers as sms_servers
from otae.hostnames import shown_host
from otae.store import jobs
from otae.store.desk import Desk
from otae.store.models import NotificationServer

_GATEWAY_FIELDS = "; ".join(
    f"{gateway} {' '.join(each.name for each in sms_servers.fields_of(gateway) if not each.secret)}"
    for gateway in sms_servers.TITLES
)
CA_FILE = "Authorities that the server's certificate must lead to; those of this machine when left out."


@commands.group(name="notification-server")
def notification_server() -> None:
    """Servers that messages go out through."""


@notification_server.group(name="add")
def notification_server_add() -> None:
    """Add a server."""


@notification_server_add.command(name="smtp")
@click.option("--name", required=True)
@click.option("--host", required=True)
@click.option("--port", default=25, show_default=True)
@click.option("--security", default="none", type=click.Choice(["none", "starttls", "tls"]), show_default=True)
@click.option("--ca-file", type=click.Path(path_type=Path, dir_okay=False, exists=True), help=CA_FILE)
@click.option("--username")
@click.option("--ntlm", is_flag=True, help="Sign in by NTLM (Microsoft secure password authentication).")
@click.option(
    "--oauth", default="", type=click.Choice(["", *servers.OAUTH_KINDS]), help="Sign in by OAuth tokens (XOAUTH2)."
)
@click.option("--oauth-token-url", default="", help="Where tokens come from; microsoft: the tenant is enough.")
@click.option("--oauth-client-id", default="", help="The application's id; google: the service account's address.")
@click.option("--oauth-scope", default="", help="What tokens are for; microsoft and google know it.")
@click.option("--oauth-secret-stdin", is_flag=True, help="Read the client's secret, or the service account's key.")
@click.option("--clear-sign-in", is_flag=True, help="Allow sign-in without encryption.")
@click.option("--from-name", required=True)
@click.option("--from-email", required=True)
@click.option("--connections", default=4, show_default=True, help="Open at a time in each worker.")
@click.option("--rate", default=0, help="Messages a minute; 0 for no limit.")
@click.option("--standby", default=0, help="Order in which it stands in for the active server; 0 for never.")
@click.option("--dkim-selector", default="", help="Where the sender's DKIM key is published.")
@click.option("--description", default="", help="A note for administrators.")
@password_stdin
@as_json
def smtp_add(
    *, ca_file: Path | None, password_stdin: bool, oauth_secret_stdin: bool, json_wanted: bool, **entered: str
) -> None:
    """Add an SMTP server; it is made active when none is."""
    secret = sys.stdin.read().strip() if oauth_secret_stdin else read_password(password_stdin)
    authorities = read_ca_file(ca_file)
    entry = servers.ServerEntry(password=secret, ca_pem=authorities, **entered)  # type: ignore[arg-type]  # click's types

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        return _server_row(await servers.add_server(desk, entry, now=now, actor=ACTOR))

    emit(run_with_desk(work), json_wanted=json_wanted)


@notification_server_add.command(name="sms", epilog=f"Fields of --set: {_GATEWAY_FIELDS}.")
@click.option("--name", required=True)
@click.option("--gateway", required=True, type=click.Choice(list(sms_servers.TITLES)))
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="A field of the gateway; may be repeated."
)
@click.option("--secret-stdin", is_flag=True, help="Read the gateway's key or token from standard input.")
@click.option("--connections", default=4, show_default=True, help="Requests at a time in each worker.")
@click.option("--rate", default=0, help="Messages a minute; 0 for no limit.")
@click.option("--standby", default=0, help="Order in which it stands in for the active gateway; 0 for never.")
@click.option("--description", default="", help="A note for administrators.")
@as_json
def sms_add(
    *,
    gateway: str,
    settings: tuple[str, ...],
    secret_stdin: bool,
    json_wanted: bool,
    **entered: Any,  # noqa: ANN401 - whatever click made of each option
) -> None:
    """Add an SMS gateway; it is made active when none is."""
    values = dict(_field(text, gateway) for text in settings)
    secret = read_password(secret_stdin)
    if secret is not None:
        names = [each.name for each in sms_servers.fields_of(gateway) if each.secret]
        values |= dict.fromkeys(names, secret)
    entry = sms_servers.SmsEntry(gateway=gateway, values=values, **entered)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        return _server_row(await sms_servers.add_sms_server(desk, entry, now=now, actor=ACTOR))

    emit(run_with_desk(work), json_wanted=json_wanted)


def _field(text: str, gateway: str) -> tuple[str, str]:
    """Return name and value of ``FIELD=VALUE``; a secret is not taken here, where everybody can read it."""
    name, is_one, value = text.partition("=")
    each = next((each for each in sms_servers.fields_of(gateway) if each.name == name), None)
    if not is_one or each is None:
        known = ", ".join(each.name for each in sms_servers.fields_of(gateway) if not each.secret)
        raise click.UsageError(f"--set takes FIELD=VALUE, with one of {known}")
    if each.secret:
        raise click.UsageError(f"{name} is secret: give --secret-stdin and write it to standard input")
    return name, value


def _server_row(row: NotificationServer) -> dict[str, object]:
    if row.kind == sms_servers.KIND:
        return as_row(row, "name", "kind", "gateway", "active")
    shown = {"host": shown_host(row.host), "from_email": shown_address(row.from_email)}
    return as_row(row, "name", "kind", "host", "port", "security", "oauth", "from_email", "active") | shown


@notification_server.command(name="list")
@as_json
@with_desk
async def server_list(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
    """List the servers."""
    return [_server_row(row) for row in await servers.list_servers()]


@notification_server.command(name="activate")
@click.argument("name")
@with_desk
async def server_activate(desk: Desk, now: datetime, name: str) -> None:
    """Send through this server from now on."""
    await servers.activate(desk, await servers.find_server(name), now=now, actor=ACTOR)


@notification_server.command(name="test")
@click.argument("name")
@click.option("--to", "recipient", required=True)
@as_json
def server_test(*, name: str, recipient: str, json_wanted: bool) -> None:
    """Send a test message, to a mail address or a phone number, and print what the server said."""

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        server = await servers.find_server(name)
        job = await connection_test.enqueue_test(desk, server, recipient, now=now, actor=ACTOR)
        if claimed := await jobs.claim(job.id, now):
            await connection_test.run_test(desk, claimed, now=now)
        return dict(await jobs.outcome(job.id))

    output = run_with_desk(work)
    emit(output, json_wanted=json_wanted)
    if not output.get("ok"):
        sys.exit(1)
