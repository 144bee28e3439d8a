"""A process of its own that redeems challenges: reads a round of requests, answers them all at once, says how it went.

Started with the environment of an installation. Each line of standard input is a JSON array of requests in base64; the
answer is a line with the lengths of the replies: a CertRep with a certificate is longer than one that says no.
"""

import asyncio
import base64
import json
import os
import sys

from otae.enrollment import issuance
from otae.settings import Settings
from otae.store import database
from otae.store.installation import open_desk


async def main() -> None:
    """Answer rounds until standard input ends."""
    async with open_desk(Settings.load(os.environ)) as desk:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while line := await asyncio.to_thread(sys.stdin.readline):
            requests = [base64.b64decode(text) for text in json.loads(line)]
            now = await database.now()
            replies = await asyncio.gather(*(issuance.answer(desk, request, now=now) for request in requests))
            sys.stdout.write(json.dumps([base64.b64encode(reply).decode() for reply in replies]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
