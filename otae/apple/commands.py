"""What is said at ServerURL: commands to a Mac and its answers.

https://developer.apple.com/documentation/devicemanagement/commands-and-queries
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from otae.apple import plist
from otae.apple.fields import COMMAND_UUID, UDID, USER_ID, Fields
from otae.errors import CheckinUnreadable

DEVICE_QUERIES = (
    "UDID",
    "SerialNumber",
    "DeviceName",
    "OSVersion",
    "BuildVersion",
    "ModelName",
    "Model",
    "ProductName",
    "IsAppleSilicon",
    "IsSupervised",
    "HostName",
    "LocalHostName",
)

_LONGEST_CHAIN = 32
# macOS 10.11 repeats the RequestType of the command; later ones do not.
_ANSWER_HEAD = frozenset({"Status", "UDID", "CommandUUID", "ErrorChain", "UserID", "NotOnConsole", "RequestType"})


class Status(StrEnum):
    """How a Mac answers; everything but IDLE and NOT_NOW closes the command."""

    IDLE = "Idle"
    ACKNOWLEDGED = "Acknowledged"
    ERROR = "Error"
    COMMAND_FORMAT_ERROR = "CommandFormatError"
    NOT_NOW = "NotNow"


@dataclass(frozen=True, slots=True)
class CommandError:
    """One link of an ErrorChain; ``description`` is the English words when the Mac sent them."""

    code: int
    domain: str
    description: str


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What a Mac says at ServerURL: that it is idle, or what became of one command.

    ``command_uuid`` is "" for IDLE only; ``user_id`` is "" on the device channel; ``results`` holds every further key
    (SecurityInfo, QueryResponses, ProfileList, …) as the Mac sent it.
    """

    udid: str
    status: Status
    command_uuid: str = ""
    error_chain: tuple[CommandError, ...] = ()
    user_id: str = ""
    results: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}), repr=False)


def parse_status(data: bytes) -> CommandAnswer:
    """Read the body of a PUT to ServerURL (XML, at most 1 MiB).

    Raises TooLarge, PlistUnreadable, and CheckinUnreadable for an unknown Status, a missing key or a wrong type.
    """
    message = plist.loads(data)
    fields = Fields(message)
    try:
        status = Status(fields.required_text("Status", longest=64))
    except ValueError:
        raise CheckinUnreadable("an unknown Status") from None
    read_uuid = fields.form if status is Status.IDLE else fields.required_form
    return CommandAnswer(
        udid=fields.required_form("UDID", UDID),
        status=status,
        command_uuid=read_uuid("CommandUUID", COMMAND_UUID),
        error_chain=_error_chain(message.get("ErrorChain", [])),
        user_id=fields.form("UserID", USER_ID),
        results=MappingProxyType({key: value for key, value in message.items() if key not in _ANSWER_HEAD}),
    )


def user_approved(answer: CommandAnswer) -> bool | None:
    """Whether a person approved the enrollment, out of a SecurityInfo answer; None when the Mac does not say."""
    security = answer.results.get("SecurityInfo")
    management = security.get("ManagementStatus") if isinstance(security, dict) else None
    approved = management.get("UserApprovedEnrollment") if isinstance(management, dict) else None
    return approved if isinstance(approved, bool) else None


def profile_identifiers(answer: CommandAnswer) -> tuple[str, ...]:
    """The top PayloadIdentifiers in a ProfileList answer, in the Mac's order."""
    profiles = answer.results.get("ProfileList")
    if not isinstance(profiles, list):
        return ()
    found = (profile.get("PayloadIdentifier") for profile in profiles if isinstance(profile, dict))
    return tuple(identifier for identifier in found if isinstance(identifier, str))


def command(uuid: str, request_type: str, **keys: object) -> bytes:
    """One command as it goes to a Mac; ``keys`` are Apple's own names and stand beside RequestType."""
    return plist.dumps({"CommandUUID": uuid, "Command": {"RequestType": request_type, **keys}})


def security_info(uuid: str) -> bytes:
    """Ask for SecurityInfo (FileVault, firewall, whether a person approved the enrollment)."""
    return command(uuid, "SecurityInfo")


def device_information(uuid: str, queries: Sequence[str] = DEVICE_QUERIES) -> bytes:
    """Ask for the facts named in ``queries``."""
    return command(uuid, "DeviceInformation", Queries=list(queries))


def profile_list(uuid: str) -> bytes:
    """Ask which profiles are installed."""
    return command(uuid, "ProfileList")


def certificate_list(uuid: str) -> bytes:
    """Ask which certificates are installed."""
    return command(uuid, "CertificateList")


def install_profile(uuid: str, profile: bytes) -> bytes:
    """Install ``profile``: the bytes of a profile, signed or not."""
    return command(uuid, "InstallProfile", Payload=profile)


def remove_profile(uuid: str, identifier: str) -> bytes:
    """Remove the profile with this top PayloadIdentifier."""
    return command(uuid, "RemoveProfile", Identifier=identifier)


def _error_chain(chain: object) -> tuple[CommandError, ...]:
    if not isinstance(chain, list) or len(chain) > _LONGEST_CHAIN:
        raise CheckinUnreadable("ErrorChain is no short array")
    return tuple(_command_error(link) for link in chain)


def _command_error(link: object) -> CommandError:
    if not isinstance(link, dict):
        raise CheckinUnreadable("a link of ErrorChain is no dictionary")
    code = link.get("ErrorCode")
    if not isinstance(code, int) or isinstance(code, bool):
        raise CheckinUnreadable("ErrorCode is no integer")
    fields = Fields(link)
    words = fields.shown("USEnglishDescription", longest=500) or fields.shown("LocalizedDescription", longest=500)
    return CommandError(code, fields.shown("ErrorDomain") or "unknown", words)
