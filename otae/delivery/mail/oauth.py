"""OAuth 2.0 access tokens for mail servers, cached until shortly before they expire.

Microsoft 365 and most others support client credentials (RFC 6749 §4.4). Google Workspace does not: there a service
account with domain-wide delegation acts for a mailbox by an assertion that it signs (RFC 7523).
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
from otae.delivery.mail.transcript import REDACTED, Transcript, redact
from otae.delivery.transport import NotSent, Unreachable, note_nothing
from otae.hostnames import HostRefused, ascii_url
from otae.settings import Settings
from otae.store import database
from otae.translatable import N_

MICROSOFT, GOOGLE, OTHER = "microsoft", "google", "other"
KINDS: Final = (MICROSOFT, GOOGLE, OTHER)
#: Token endpoint and scope of the kinds that have fixed ones; {} is the tenant.
TOKEN_URLS: Final[Mapping[str, str]] = {
    MICROSOFT: "https://login.microsoftonline.com/{}/oauth2/v2.0/token",
    GOOGLE: "https://oauth2.googleapis.com/token",
}
SCOPES: Final[Mapping[str, str]] = {
    MICROSOFT: "https://outlook.office365.com/.default",
    GOOGLE: "https://mail.google.com/",
}
#: Seconds before its expiry at which a token is renewed; lifetime in seconds where the answer gives none.
RENEW_BEFORE, DEFAULT_LIFETIME = 120, 300
#: Lifetime of an assertion in seconds; most characters of a token; most cached tokens.
ASSERTION_LIFETIME, MAX_TOKEN, MAX_CACHED = 600, 16_384, 100


@dataclass(frozen=True)
class Client:
    """An OAuth client.

    Attributes:
        kind: One of KINDS.
        mailbox: The mailbox that an assertion acts for.
        secret: The client's secret, for GOOGLE its private key (PEM).
        private: The token endpoint may be in a private network.
    """

    kind: str
    token_url: str
    client_id: str
    scope: str
    mailbox: str
    secret: str = field(repr=False)
    private: bool = False


@dataclass
class _CachedToken:
    """A token and when to renew it, as `time.monotonic` gives it."""

    token: str = ""
    until: float = 0
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)


class TokenCache:
    """The access tokens of this process, by client."""

    def __init__(self) -> None:
        self._tokens: dict[Client, _CachedToken] = {}

    async def token(
        self, client: Client, *, time_limit: float, refused: str = "", transcript: Transcript | None = None
    ) -> str:
        """Return a valid access token, cached or new; call outside of transactions.

        Args:
            time_limit: Seconds for fetching one.
            refused: A token that a server refused; it is not returned again.
            transcript: If given, a new token is fetched and the exchange is recorded there.

        Raises:
            Unreachable: No token was given; with the reason.
        """
        if client not in self._tokens and len(self._tokens) >= MAX_CACHED:
            self._tokens.clear()
        cached = self._tokens.setdefault(client, _CachedToken())
        async with cached.fetching:
            usable = cached.token and cached.token != refused and time.monotonic() < cached.until and transcript is None
            if not usable:
                cached.token, lives = await _fetch(client, time_limit, transcript)
                cached.until = time.monotonic() + max(lives - RENEW_BEFORE, lives / 2)
            return cached.token


async def _fetch(client: Client, time_limit: float, transcript: Transcript | None) -> tuple[str, float]:
    """Fetch a token; return it and its lifetime in seconds."""
    now = int((await database.now()).timestamp())
    request = http_client.HttpRequest(
        "POST",
        client.token_url,
        (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")),
        urlencode(await asyncio.to_thread(_token_request, client, now)).encode(),
    )
    if transcript is not None:
        transcript.add(">", f"POST {client.token_url} client {client.client_id}, scope {client.scope}, {REDACTED}")
    try:
        answer = await http_client.call(request, private=client.private, time_limit=time_limit, before_end=note_nothing)
    except NotSent as error:
        raise Unreachable(f"OAuth token: {error}") from error
    try:
        document = json.loads(answer.text)
    except (ValueError, RecursionError):
        document = None
    document = document if isinstance(document, dict) else {}
    token = document.get("access_token")
    if answer.status != 200 or not isinstance(token, str) or not token.isprintable() or not 0 < len(token) <= MAX_TOKEN:
        words = " ".join(str(document[name]) for name in ("error", "error_description") if document.get(name))
        words = redact(words or "no token in the answer", [client.secret])
        if transcript is not None:
            transcript.add("<", f"{answer.status} {words}")
        raise Unreachable(f"OAuth token: {answer.status} {words}")
    lifetime = _lifetime(document.get("expires_in"))
    if transcript is not None:
        transcript.secrets = (*transcript.secrets, token)
        transcript.add("<", f"{answer.status} a token, good for {lifetime:.0f} seconds")
    return token, lifetime


def _token_request(client: Client, now: int) -> dict[str, str]:
    if client.kind == GOOGLE:
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return {"grant_type": grant, "assertion": _assertion(client, now)}
    asked = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.secret}
    return asked | ({"scope": client.scope} if client.scope else {})


def _assertion(client: Client, now: int) -> str:
    """Return the assertion that the service account acts for the mailbox, signed with RS256 (RFC 7523 §3)."""
    claims = {
        "iss": client.client_id,
        "sub": client.mailbox,
        "aud": client.token_url,
        "scope": client.scope,
        "iat": now,
        "exp": now + ASSERTION_LIFETIME,
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
    """Return the RSA key of a service account as PEM, read from its JSON file or from PEM; None when it is neither.

    Line breaks are ignored: a single-line form field drops them.
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
    """Return the private key in the JSON file of a service account; any other text unchanged."""
    try:
        document = json.loads(entered)
    except (ValueError, RecursionError):
        return entered
    return str(document.get("private_key", "")) if isinstance(document, dict) else ""


def token_url(kind: str, entered: str) -> str:
    """Return the URL of the token endpoint, "" when none was entered.

    With MICROSOFT it is enough to enter the tenant; with GOOGLE nothing needs to be entered.
    """
    entered = entered.strip()
    with suppress(HostRefused):
        entered = ascii_url(entered)
    if kind == MICROSOFT and entered and "/" not in entered:
        return TOKEN_URLS[MICROSOFT].format(entered)
    return entered or (TOKEN_URLS[GOOGLE] if kind == GOOGLE else "")


def is_token_url(url: str, *, private: bool) -> bool:
    """Return whether ``url`` can be a token endpoint; ``private``: http without TLS is allowed, too."""
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


async def check_settings(
    kind: str, columns: Mapping[str, str], secret: str | None, settings: Settings
) -> tuple[dict[str, str], str | None]:
    """Check OAuth settings; return the errors by field, and ``secret`` in the form to store."""
    url, private, wrong = columns["oauth_token_url"], settings.allow_private, dict[str, str]()
    for name, most in (("oauth_token_url", 500), ("oauth_client_id", 200), ("oauth_scope", 500)):
        if not short_line(columns[name], most):
            wrong[name] = N_("use at most %(most)s printable characters", most=most)
    if not is_token_url(url, private=private):
        tenant = ", or the tenant alone" if kind == MICROSOFT else ""
        wrong["oauth_token_url"] = N_("use an address such as https://login.example.org/token%(tenant)s", tenant=tenant)
    elif not await outgoing.may_connect(*http_client.host_and_port(url), private=private, loopback=private):
        wrong["oauth_token_url"] = N_("is an address that is never called; see OTAE_ALLOW_PRIVATE")
    if not columns["oauth_client_id"]:
        wrong["oauth_client_id"] = N_("is missing")
    if secret and kind == GOOGLE:
        secret = service_account_key(secret)
        if secret is None:
            wrong["password"] = N_("paste the key of the service account: its JSON file, or the private key in it")
    elif secret and not short_line(secret, 500):
        wrong["password"] = N_("use at most 500 printable characters")
    return wrong, secret


def _lifetime(expires_in: object) -> float:
    try:
        lives = float(str(expires_in))
    except ValueError:
        return DEFAULT_LIFETIME
    return min(lives, 86_400) if lives > 0 else DEFAULT_LIFETIME


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
