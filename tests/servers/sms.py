"""An HTTP(S) server in the place of an SMS provider: it keeps what it is asked and answers as the provider would.

``answer`` decides what a request gets; the functions below know the documented fields of each provider, and answer a
request that misses one as the provider does. Told so, it hangs, hangs up, drips, answers too much or points elsewhere.
"""

import asyncio
import contextlib
import json
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers.ports import in_thread, make_identity

#: Instead of an answer: say nothing more, or hang up.
HANG = "hang"
DROP = "drop"
#: Instead of an answer: send one without end.
FLOOD = "flood"


@dataclass(frozen=True)
class Asked:
    """One request. ``headers``: by name in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    encrypted: bool

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return _single(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, str]:
        return _single(self.body.decode())

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        return json.loads(self.body)

    @property
    def basic(self) -> tuple[str, str]:
        """Who signs in by HTTP Basic; two empty texts when nobody does."""
        kind, _, coded = self.headers.get("authorization", "").partition(" ")
        user, _, password = b64decode(coded).decode().partition(":") if kind == "Basic" else ("", "", "")
        return user, password


def _single(text: str) -> dict[str, str]:
    parsed = parse_qs(text, keep_blank_values=True, strict_parsing=bool(text))
    assert all(len(values) == 1 for values in parsed.values()), "a field was given twice"
    return {name: values[0] for name, values in parsed.items()}


Answer = Callable[[Asked], tuple[int, object]]


@dataclass
class Provider:
    """A listening stand-in. ``faults``: what the next requests get instead of an answer, first to last."""

    port: int
    base_url: str
    ca_file: Path
    answer: Answer
    asked: list[Asked] = field(default_factory=list)
    faults: list[str | tuple[int, object]] = field(default_factory=list)
    connections: int = 0
    #: Bytes that were sent of answers without end, 32 MiB of each at most.
    flooded: int = 0


StartProvider = Callable[..., Provider]


@pytest.fixture
def start_provider() -> Iterator[StartProvider]:
    """Give a function that starts a provider; all end with the test."""
    with ExitStack() as stack:
        yield lambda answer, *, tls=False: stack.enter_context(provider(answer, tls=tls))


@contextmanager
def provider(answer: Answer, *, tls: bool = False) -> Iterator[Provider]:
    """Run a provider on a free port of 127.0.0.1, with TLS under an authority of its own when asked for."""
    with tempfile.TemporaryDirectory(prefix="otae-sms-") as folder:
        identity = make_identity(Path(folder))
        made = Provider(0, "", identity.ca_file, answer)
        context = identity.server_context() if tls else None
        writers: set[asyncio.StreamWriter] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.add(writer)
            made.connections += 1
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await _serve(made, reader, writer, encrypted=tls)
            writer.close()

        async def start() -> asyncio.Server:
            return await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)

        def hang_up() -> None:
            for each in writers:
                each.transport.abort()

        with in_thread(start, "sms-provider", hang_up) as port:
            made.port, made.base_url = port, f"http{'s' if tls else ''}://localhost:{port}"
            yield made


async def _serve(
    made: Provider, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, encrypted: bool
) -> None:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert "transfer-encoding" not in headers, "providers of old take no chunked requests"
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    asked = Asked(method, target, headers, body, encrypted)
    made.asked.append(asked)
    fault = made.faults.pop(0) if made.faults else None
    if fault == HANG:
        await reader.read()
    if fault == FLOOD:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while made.flooded < 32 * 1024 * 1024:
            writer.write(b"x" * 65536)
            await writer.drain()
            made.flooded += 65536
    if isinstance(fault, str):
        return
    status, document = fault or made.answer(asked)
    content = document.encode() if isinstance(document, str) else json.dumps(document).encode()
    location = "Location: http://127.0.0.1:1/elsewhere\r\n" if 300 <= status < 400 else ""
    head = f"HTTP/1.1 {status} X\r\n{location}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + content)
    await writer.drain()


def vonage(asked: Asked) -> tuple[int, object]:
    """Answer as Vonage's SMS API: always 200, the state of each part inside."""
    form = asked.form
    state: dict[str, str] = {"to": form.get("to", ""), "message-id": "0A0000000123ABCD1", "status": "0"}
    if asked.path != "/sms/json" or asked.method != "POST":
        return 404, {"type": "about:blank", "title": "Not found"}
    if missing := {"api_key", "from", "to", "text"} - set(form):
        state = {"status": "2", "error-text": f"Missing {min(missing)} param"}
    elif (form["api_key"], form.get("api_secret")) != ("abcd1234", "s3cr3t"):
        state = {"status": "4", "error-text": "Bad Credentials"}
    elif not form["to"].isdigit() or (not form["text"].isascii() and form.get("type") != "unicode"):
        state = {"status": "3", "error-text": "Invalid parameter"}
    return 200, {"message-count": "1", "messages": [state]}


ACCOUNT = "AC" + "0123456789abcdef" * 2


def twilio(asked: Asked) -> tuple[int, object]:
    """Answer as Twilio's Messages resource: 201, or a document with code and message."""
    form = asked.form
    if asked.path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json" or asked.method != "POST":
        return 404, {"code": 20404, "message": "The requested resource was not found", "status": 404}
    if asked.basic != (ACCOUNT, "t0k3n"):
        return 401, {"code": 20003, "message": "Authenticate", "status": 401}
    if not form.get("To", "").startswith("+"):
        return 400, {"code": 21211, "message": f"Invalid 'To' Phone Number: {form.get('To')}", "status": 400}
    if "Body" not in form or not {"From", "MessagingServiceSid"} & set(form):
        return 400, {"code": 21603, "message": "A 'From' phone number is required.", "status": 400}
    return 201, {
        "sid": "SM" + "1" * 32,
        "status": "queued",
        "error_code": None,
        "error_message": None,
        "to": form["To"],
    }


def clickatell(asked: Asked) -> tuple[int, object]:
    """Answer as Clickatell's platform: 202 with the message's own state."""
    if asked.path != "/v1/message" or asked.headers.get("content-type") != "application/json":
        return 404, {"messages": [], "error": {"code": 404, "description": "no such resource"}}
    if asked.headers.get("authorization") != "k3y==":
        return 401, {"messages": [], "error": {"code": 101, "description": "Invalid or missing integration API Key."}}
    [one] = asked.json["messages"]
    if one.get("channel") != "sms" or not one["to"].isdigit() or "content" not in one:
        refused = {"apiMessageId": None, "accepted": False, "to": one["to"]}
        return 400, {
            "messages": [refused | {"error": {"code": 400, "description": "Invalid destination"}}],
            "error": None,
        }
    return 202, {
        "messages": [{"apiMessageId": "77fb", "accepted": True, "to": one["to"], "error": None}],
        "error": None,
    }


def bulksms(asked: Asked) -> tuple[int, object]:
    """Answer as BulkSMS' JSON API: 201 with a list, or a problem document."""
    if asked.path != "/v1/messages" or asked.headers.get("content-type") != "application/json":
        return 404, {"type": "about:blank", "title": "Not Found", "status": 404}
    if asked.basic != ("tok-1", "s3cr3t"):
        return 401, {"type": "about:blank", "title": "Authentication failed", "status": 401, "detail": "no such token"}
    one = asked.json
    if not one.get("to", "").startswith("+") or one.get("encoding") not in {"TEXT", "UNICODE"} or not one.get("body"):
        return 400, {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "recipient is invalid"}
    status = {"id": "ACCEPTED.null", "type": "ACCEPTED", "subtype": None}
    return 201, [{"id": "1", "type": "SENT", "to": one["to"], "body": one["body"], "status": status}]
