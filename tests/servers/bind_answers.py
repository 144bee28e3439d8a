"""Who answers a slapd's binds in its place, in the words of an Active Directory, which says why it lets nobody in."""

import re
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.ldap_trees import PASSWORD, SERVICE
from tests.servers.slapd import LdapServer, running

#: What an Active Directory ends such a result with, and begins it with.
WORDS = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v4563"
#: Of a wrong password and of somebody whom there is not.
WRONG, NOBODY = "52e", "525"


@dataclass
class BindAnswers:
    """``refusals``: by common name in lower case, the code with which the right password is answered; "" lets in."""

    refusals: Mapping[str, str]
    asked: list[str] = field(default_factory=list)

    def answer(self, request: str) -> str:
        """Return what slapd is told about one bind."""
        dn, _, password = _parts(request)
        name = dn.partition(",")[0].removeprefix("cn=").casefold()
        self.asked.append(name)
        code = self.refusals.get(name, NOBODY) if password == PASSWORD or name not in self.refusals else WRONG
        return f"RESULT\ncode: 49\nmatched:\ninfo: {WORDS.format(code=code)}\n" if code else "CONTINUE\n"


def _parts(request: str) -> tuple[str, str, str]:
    found = re.search(r"^dn: (.*)\nmethod: (.*)\ncredlen: \d+\ncred: (.*)\n", request, re.MULTILINE)
    return (found[1], found[2], found[3]) if found else ("", "", "")


@contextmanager
def answering(refusals: Mapping[str, str]) -> Iterator[LdapServer]:
    """Run a server whose Active Directory refuses binds with the codes of ``refusals``, until the block ends."""
    answers = BindAnswers(refusals)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines: list[bytes] = []
            while (line := self.rfile.readline()) not in {b"", b"\n"}:
                lines.append(line)
            self.wfile.write(answers.answer(b"".join(lines).decode("utf-8", "replace")).encode())

    folder = Path(tempfile.mkdtemp(prefix="otae-binds-"))
    access = f"access to attrs=userPassword by * auth\naccess to * by dn.exact={SERVICE} read by * auth\n"
    overlay = f'overlay sock\nsocketpath {folder}/binds\nsockops bind\nsockdnpat ",ou=staff,"\n'
    try:
        with socketserver.ThreadingUnixStreamServer(f"{folder}/binds", Handler) as listener:
            threading.Thread(target=listener.serve_forever, name="binds", daemon=True).start()
            try:
                with running(beside=access + overlay) as server:
                    yield server
            finally:
                listener.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
