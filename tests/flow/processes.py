"""The product as separate processes: what the Procfile starts, and commands beside them."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.desks import MASTER_KEY
from tests.servers.ports import listens, wait_until

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Processes:
    """One installation by its environment; ``logs`` holds what its processes said."""

    environment: dict[str, str]
    folder: Path
    logs: list[Path] = field(default_factory=list)

    def run(self, *arguments: str, typed: str = "", more: dict[str, str] | None = None) -> str:
        """Run a command to its end; RuntimeError with its words when it does not exit 0."""
        done = subprocess.run(
            [sys.executable, "-m", "otae", *arguments],
            input=typed,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**self.environment, **(more or {})},
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"otae {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def json(self, *arguments: str, typed: str = "") -> Any:  # noqa: ANN401 - whatever the command prints
        return json.loads(self.run(*arguments, "--json", typed=typed))

    @contextmanager
    def started(self, *commands: str) -> Iterator[None]:
        """Run processes until the block ends, then see that each ends well within 25 s of SIGTERM."""
        running: list[subprocess.Popen[bytes]] = []
        try:
            for command in commands:
                log = self.folder / f"{command}.log"
                self.logs.append(log)
                with log.open("wb") as out:
                    started = [sys.executable, "-m", "otae", command]
                    running.append(subprocess.Popen(started, cwd=ROOT, env=self.environment, stdout=out, stderr=out))
            yield
        finally:
            for process in running:
                process.terminate()
            codes = [process.wait(timeout=25) for process in running]
        assert set(codes) <= {0, -signal.SIGTERM}, f"{codes}\n{self.said()}"

    def wait(self, port: int) -> None:
        """Wait until somebody serves on ``port``."""
        wait_until(lambda: listens(port), f"port {port}: {self.said()[-2000:]}", 180)

    def said(self) -> str:
        return "\n".join(log.read_text(errors="replace") for log in self.logs if log.exists())


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of an installation in ``folder``; nothing of this machine's own settings leaks into it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "OTAE_HOME": str(folder / "var"), "OTAE_MASTER_KEYS": MASTER_KEY, **more}


def link_in(text: str) -> str:
    """The invitation's link in a mail's words."""
    found = re.search(r"https://\S+/zdm/su\?e=ep-[\w-]+", text)
    assert found, text
    return found.group()


def pin_in(text: str) -> str:
    """The PIN in a mail's words."""
    found = re.search(r"(?<![\w-])\d{8}(?![\w-])", text)
    assert found, text
    return found.group()
