"""OAuth 2.0 for mail servers: a token for the client that this installation is, kept until shortly before its end.

Microsoft 365 and most others know client credentials (RFC 6749 §4.4). Google Workspace does not: there a service
account with domain-wide delegation speaks for a mailbox by an assertion that it signs (RFC 7523).
"""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from otae import outgoing
from otae.delivery import http_client
from otae.delivery.mail.mime import short_line
from otae.delivery.mail.transcript import BLANK, Conversation
from otae.delivery.transport import NotSent, Unreachable
from otae.hostnames import HostRefused, ascii_url
from otae.settings import Settings
from otae.store import database

MICROSOFT, GOOGLE, OTHER = "microsoft", "google", "other"
KINDS: Final = (MICROSOFT, GOOGLE, OTHER)
#: Where tokens come from and what they are for, where the kind says it; {} is the tenant.
TOKEN_URLS: Final[Mapping[str, str]] = {
    MICROSOFT: "https://login.microsoftonline.com/{}/oauth2/v2.0/token",
    GOOGLE: "https://oauth2.googleapis.com/token",
}
SCOPES: Final[Mapping[str, str]] = {
    MICROSOFT: "https://outlook.office365.com/.default",
    GOOGLE: "https://mail.google.com/",
}
#: A token is renewed so many seconds before it ends, and taken to live so long where nobody says how long.
BEFORE_END, LIVES = 120, 300
#: Seconds an assertion is good for; most characters of a token; most tokens that are kept.
ASSERTION, LONGEST, KEPT = 600, 16_384, 100


@dataclass(frozen=True)
class Client:
    """Who asks for tokens. ``kind``: one of KINDS; ``secret``: the client's secret, for GOOGLE its private key (PEM).

    ``mailbox``: whom an assertion speaks for; ``private``: the token address may be in a private network.
    """

    kind: str
    token_url: str
    client_id: str
    scope: str
    mailbox: str
    secret: str = field(repr=False)
    private: bool = False


@dataclass
class _Kept:
    """A token and when it is to be renewed, on the clock that only goes forward."""

    token: str = ""
    until: float = 0
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)


_TOKENS: dict[tuple[int, Client], _Kept] = {}


async def token(client: Client, *, patience: float, refused: str = "", conversation: Conversation | None = None) -> str:
    """Return a token that is good for now, kept or new; Unreachable with the reason when none is to be had.

    ``refused``: one that a server did not take, which is never returned again; ``patience``: seconds for fetching.
    Call outside of transactions. With ``conversation`` a new one is asked for, and what is said is written down.
    """
    key = (id(asyncio.get_running_loop()), client)
    if key not in _TOKENS and len(_TOKENS) >= KEPT:
        _TOKENS.clear()
    kept = _TOKENS.setdefault(key, _Kept())
    async with kept.fetching:
        usable = kept.token and kept.token != refused and time.monotonic() < kept.until and conversation is None
        if not usable:
            kept.token, lives = await _fetch(client, patience, conversation)
            kept.until = time.monotonic() + max(lives - BEFORE_END, lives / 2)
        return kept.token


async def _fetch(client: Client, patience: float, conversation: Conversation | None) -> tuple[str, float]:
    """Ask for a token; return it and for how many seconds it is good."""
    now = int((await database.now()).timestamp())
    request = http_client.HttpRequest(
        "POST",
        client.token_url,
        (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")),
        urlencode(await asyncio.to_thread(_asked, client, now)).encode(),
    )
    if conversation is not None:
        conversation.add(">", f"POST {client.token_url} client {client.client_id}, scope {client.scope}, {BLANK}")
    try:
        answer = await http_client.call(request, private=client.private, patience=patience, before_end=_nothing_to_note)
    except NotSent as error:
        raise Unreachable(f"OAuth token: {error}") from error
    try:
        said = json.loads(answer.text)
    except (ValueError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {}
    got = said.get("access_token")
    if answer.status != 200 or not isinstance(got, str) or not got.isprintable() or not 0 < len(got) <= LONGEST:
        words = " ".join(str(said[name]) for name in ("error", "error_description") if said.get(name))
        words = _blanked(words or "no token in the answer", client)
        if conversation is not None:
            conversation.add("<", f"{answer.status} {words}")
        raise Unreachable(f"OAuth token: {answer.status} {words}")
    lives = _seconds(said.get("expires_in"))
    if conversation is not None:
        conversation.secrets = (*conversation.secrets, got)
        conversation.add("<", f"{answer.status} a token, good for {lives:.0f} seconds")
    return got, lives


def _asked(client: Client, now: int) -> dict[str, str]:
    if client.kind == GOOGLE:
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return {"grant_type": grant, "assertion": _assertion(client, now)}
    asked = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.secret}
    return asked | ({"scope": client.scope} if client.scope else {})


def _assertion(client: Client, now: int) -> str:
    """Return what says, signed by the service account, that it speaks for the mailbox (RFC 7523 §3, RS256)."""
    claims = {
        "iss": client.client_id,
        "sub": client.mailbox,
        "aud": client.token_url,
        "scope": client.scope,
        "iat": now,
        "exp": now + ASSERTION,
    }
    parts = [
        _url64(json.dumps(part, separators=(",", ":")).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims)
    ]
    signed = ".".join(parts)
    key = serialization.load_pem_private_key(client.secret.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Unreachable("OAuth token: the key of the service account is no RSA key")
    return f"{signed}.{_url64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def service_account_key(entered: str) -> str | None:
    """Return the RSA key of a service account as PEM, read from its JSON file or from PEM; None for what is neither.

    Line breaks do not count: a browser's field for one line drops them.
    """
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    inside = _private_key_in(entered).replace("\\n", "\n").partition(begin)[2].partition(end)[0]
    try:
        key = serialization.load_der_private_key(base64.b64decode("".join(inside.split()), validate=True), None)
    except (ValueError, TypeError, binascii.Error):
        return None
    if not isinstance(key, rsa.RSAPrivateKey):
        return None
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _private_key_in(entered: str) -> str:
    """Return the private key in the JSON file of a service account; of anything else itself."""
    try:
        said = json.loads(entered)
    except (ValueError, RecursionError):
        return entered
    return str(said.get("private_key", "")) if isinstance(said, dict) else ""


def token_url(kind: str, entered: str) -> str:
    """Return the address of tokens: for MICROSOFT the tenant alone is enough, for GOOGLE nothing at all."""
    entered = entered.strip()
    with suppress(HostRefused):
        entered = ascii_url(entered)
    if kind == MICROSOFT and entered and "/" not in entered:
        return TOKEN_URLS[MICROSOFT].format(entered)
    return entered or (TOKEN_URLS[GOOGLE] if kind == GOOGLE else "")


def is_token_url(url: str, *, private: bool) -> bool:
    """Tell whether tokens can be asked for there; ``private``: also without TLS."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port or 1) > 0 and "@" not in parts.netloc and not parts.fragment
    except ValueError:
        return False
    return (
        usable
        and url.isascii()
        and url.isprintable()
        and (parts.scheme == "https" or (private and parts.scheme == "http"))
    )


async def checked(
    kind: str, columns: Mapping[str, str], secret: str | None, settings: Settings
) -> tuple[dict[str, str], str | None]:
    """Return what is wrong with how tokens are to be asked for, by field, and ``secret`` as it is stored."""
    url, private, wrong = columns["oauth_token_url"], settings.allow_private, dict[str, str]()
    for name, most in (("oauth_token_url", 500), ("oauth_client_id", 200), ("oauth_scope", 500)):
        if not short_line(columns[name], most):
            wrong[name] = f"use at most {most} printable characters"
    if not is_token_url(url, private=private):
        tenant = ", or the tenant alone" if kind == MICROSOFT else ""
        wrong["oauth_token_url"] = f"use an address such as https://login.example.org/token{tenant}"
    elif not await outgoing.is_called(*http_client.host_and_port(url), private=private, loopback=private):
        wrong["oauth_token_url"] = "is an address that is never called; see OTAE_ALLOW_PRIVATE"  # noqa: S105 - as above
    if not columns["oauth_client_id"]:
        wrong["oauth_client_id"] = "is missing"
    if secret and kind == GOOGLE:
        secret = service_account_key(secret)
        if secret is None:
            wrong["password"] = "paste the key of the service account: its JSON file, or the private key in it"  # noqa: S105 - as above
    elif secret and not short_line(secret, 500):
        wrong["password"] = "use at most 500 printable characters"  # noqa: S105 - as above
    return wrong, secret


def _blanked(words: str, client: Client) -> str:
    return words.replace(client.secret, BLANK)


def _seconds(said: object) -> float:
    try:
        lives = float(str(said))
    except ValueError:
        return LIVES
    return min(lives, 86_400) if lives > 0 else LIVES


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def _nothing_to_note() -> None:
    """A request for a token that breaks off is simply repeated."""
