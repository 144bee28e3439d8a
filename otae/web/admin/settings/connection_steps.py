"""The steps of a directory's connection test as the page shows them: result, the server's answer, and advice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from otae.directory.ldap.servers import DirectoryTest
from otae.translatable import N_
from otae.words import gettext as _

#: Step → its title, in order.
TITLES: Final = {
    "settings": N_("Read the settings"),
    "resolve": N_("Find the server's address"),
    "connect": N_("Connect"),
    "tls": N_("Secure the line"),
    "bind": N_("Sign in with the bind name"),
    "user-base": N_("Look at the user base"),
    "group-base": N_("Look at the group base"),
    "search": N_("Read a few people"),
}
#: What usually helps when a step fails.
ADVICE: Final = {
    "resolve": N_("Check the server's name, and that this machine asks a name server that knows it."),
    "connect": N_("Check the port, and that no firewall stands between this machine and the server."),
    "tls": N_(
        "Check that the server speaks what was chosen on this port, that its certificate is for the server name "
        "entered here, and that the certificate authority it leads to is given."
    ),
    "bind": N_("Check the bind name and enter the bind password again; the account must not be disabled or locked."),
    "user-base": N_("Check the user base DN for typing errors, and that the account may read it."),
    "group-base": N_("Check the group base DN for typing errors, and that the account may read it."),
    "search": N_("Check what user names are searched by, and that the account may read it of people there."),
}
#: The steps on every server, and on one that is searched for people and groups.
ALWAYS: Final = ("resolve", "connect", "tls", "bind", "search")
WHOLE: Final = ("resolve", "connect", "tls", "bind", "user-base", "group-base", "search")


@dataclass(frozen=True)
class ShownStep:
    """A step. ``mark`` is "done", "failed", "now" (running) or "open" (not reached); ``words`` is the answer."""

    title: str
    mark: str
    words: str = ""
    advice: str = ""


@dataclass
class ShownServer:
    """The steps on one server. ``suffix``: of their names, "" for the first server; ``tried``: names of steps done."""

    suffix: str
    steps: list[ShownStep] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    failed: bool = False

    @property
    def name(self) -> str:
        """The server's title, "" for the first one."""
        return _("Global catalog") if self.suffix == "global catalog" else self.suffix

    def take(self, name: str, *, ok: bool, words: str) -> None:
        """Add a step that was tried."""
        advice = "" if ok else ADVICE.get(name, "")
        self.steps.append(ShownStep(TITLES.get(name, name), "done" if ok else "failed", words, advice))
        self.tried.append(name)
        self.failed |= not ok

    def leave_open(self, *, running: bool) -> None:
        """Add the steps that were not reached; with ``running``, the first of them is running."""
        expected = ALWAYS if self.suffix == "global catalog" else WHOLE
        for name in (each for each in expected if each not in self.tried):
            self.steps.append(ShownStep(TITLES[name], "now" if running else "open"))
            running = False


def first_failed_step(test: DirectoryTest) -> str:
    """Return the title of the first step that failed, "" when none did."""
    names = [str(step.get("step", "")).partition(" ")[0] for step in test.steps if not step.get("ok")]
    return TITLES.get(names[0], names[0]) if names else ""


def server_steps(test: DirectoryTest) -> Sequence[ShownServer]:
    """Return the steps of ``test`` by server, including those it did not reach."""
    servers: dict[str, ShownServer] = {"": ShownServer("")}
    for step in test.steps:
        name, _space, suffix = str(step.get("step", "")).partition(" ")
        server = servers.setdefault(suffix, ShownServer(suffix.strip("()")))
        server.take(name, ok=bool(step.get("ok")), words=str(step.get("words", "")))
    *before, last = servers.values()
    for server in before:
        if server.failed:
            server.leave_open(running=False)
    if last.failed or test.is_running:
        last.leave_open(running=test.status == "running" and not last.failed)
    return list(servers.values())
