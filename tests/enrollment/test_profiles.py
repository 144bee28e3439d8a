"""The profiles people download, and the single-profile way."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from otae.authority import issuers
from otae.enrollment import issuance_policy, ota, profiles, sessions
from otae.errors import InvitationRevoked, NotReady, SessionClosed, SessionExpired
from otae.signing.certificates import der, load_certificate, pem
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Challenge, EnrollmentSession, Event, Invitation, Person
from tests.enrollment import lab
from tests.enrollment.lab import LabMac

pytestmark = pytest.mark.anyio


async def test_the_trust_profile_carries_the_root_alone(desk: Desk) -> None:
    profile = lab.read_profile(await profiles.trust_profile(desk))
    assert profile["PayloadIdentifier"] == "localhost.otae.trust"
    root = lab.payload(profile, "com.apple.security.root")["PayloadContent"]
    assert root == await profiles.root_certificate() == der(await issuers.root())


async def test_openssl_verifies_a_profile_up_to_our_root(desk: Desk, tmp_path: Path) -> None:
    root, signed = tmp_path / "root.pem", tmp_path / "trust.mobileconfig"
    root.write_bytes(pem(load_certificate(await profiles.root_certificate())))
    signed.write_bytes(await profiles.trust_profile(desk))
    command = ["openssl", "cms", "-verify", "-binary", "-purpose", "any", "-inform", "DER", "-CAfile", str(root)]
    done = subprocess.run([*command, "-in", str(signed)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"<?xml")


async def test_profiles_are_named_by_the_reversed_host_of_public_url(desk: Desk) -> None:
    settings = desk.settings.model_copy(update={"public_url": "https://mdm.example.org"})
    named = Desk(settings, desk.vault, desk.bell)
    await properties.write("organization.name", "Example & <Co>")
    profile = lab.read_profile(await profiles.trust_profile(named))
    assert profile["PayloadIdentifier"] == "org.example.mdm.otae.trust"
    assert profile["PayloadOrganization"] == "Example & <Co>"


async def test_trust_and_enrollment_are_two_profiles_that_say_what_they_are_for(desk: Desk) -> None:
    await properties.write("organization.name", "Example & <Co>")
    now = await database.now()
    session = await lab.signed_in(desk, now, way="profile")
    trust = lab.read_profile(await profiles.trust_profile(desk))
    enrollment = lab.read_profile(await ota.download(desk, session, now=now))
    assert trust["PayloadDisplayName"] == "Example & <Co> certificate"
    assert str(trust["PayloadDescription"]).startswith("Lets this Mac trust localhost.")
    assert enrollment["PayloadDisplayName"] == "Example & <Co> enrollment"
    assert enrollment["PayloadDescription"] == "Enrolls this Mac with Example & <Co>, which then manages it."


@pytest.mark.parametrize(("ownership", "rights"), [("corporate", 8191), ("employee", 3827)])
async def test_rights_follow_ownership_and_stay_as_they_were_at_sign_in(
    desk: Desk, ownership: str, rights: int
) -> None:
    now = await database.now()
    await lab.signed_in(desk, now, way="profile")
    person = await Person.get()
    session = await sessions.open_session(
        person=person, invitation=None, mode="username_password", ownership=ownership, now=now, way="profile"
    )
    await properties.write(f"mdm.rights.{ownership}", "1043")
    profile = lab.read_profile(await ota.download(desk, session, now=now))
    assert lab.payload(profile, "com.apple.mdm")["AccessRights"] == rights
    later = await sessions.open_session(
        person=person, invitation=None, mode="username_password", ownership=ownership, now=now, way="profile"
    )
    profile = lab.read_profile(await ota.download(desk, later, now=now))
    assert lab.payload(profile, "com.apple.mdm")["AccessRights"] == 1043


async def test_the_single_profile_configures_its_session(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now, way="profile")
    signed = await ota.download(desk, session, now=now)
    content = lab.read_profile(signed)["PayloadContent"]
    assert isinstance(content, list)
    kinds = [entry["PayloadType"] for entry in content]
    assert kinds == ["com.apple.security.root", "com.apple.security.scep", "com.apple.mdm"]
    assert (await EnrollmentSession.get(id=session.id)).status == "configured"
    assert (await Challenge.get()).expires_at == session.expires_at
    assert await lab.events(session) == ["session.opened", "profile.fetched", "session.configured"]


async def test_without_a_signature_the_profile_is_the_property_list_itself(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now, way="profile")
    assert (await profiles.single_profile(desk, session, now=now, signed=False)).startswith(b"<?xml")


async def test_each_download_has_a_challenge_of_its_own_and_the_first_used_closes_the_rest(desk: Desk) -> None:
    now = await database.now()
    session, mac = await lab.signed_in(desk, now, way="profile"), LabMac()
    first, second = [lab.challenge_of(await profiles.single_profile(desk, session, now=now)) for _ in range(2)]
    assert first != second
    await mac.identity(desk, second, now)
    with pytest.raises(AssertionError, match="failure"):
        await mac.identity(desk, first, now, of="second identity")
    assert (await EnrollmentSession.get(id=session.id)).status == "certified"
    third = lab.challenge_of(await profiles.single_profile(desk, session, now=now))
    await mac.identity(desk, third, now, of="second identity")


async def test_a_challenge_of_the_profile_way_is_good_to_the_end_of_its_session(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now, way="profile")
    challenge = lab.challenge_of(await profiles.single_profile(desk, session, now=now))
    await LabMac().identity(desk, challenge, session.expires_at - timedelta(seconds=1))


async def test_a_session_over_the_air_or_at_its_end_gets_no_single_profile(desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    with pytest.raises(SessionClosed):
        await profiles.single_profile(desk, session, now=now)
    session = await lab.signed_in(desk, now, way="profile")
    with pytest.raises(SessionExpired):
        await profiles.single_profile(desk, session, now=session.expires_at)
    await Invitation.filter(id=session.invitation_id).update(status="revoked")
    with pytest.raises(InvitationRevoked) as caught:
        await profiles.single_profile(desk, session, now=now)
    assert not await Challenge.exists()
    event = await Event.filter(kind="refused").order_by("-id").first()
    assert event is not None
    assert (event.session_id, event.support_code) == (session.id, caught.value.support_code)


async def test_without_a_push_certificate_only_trial_and_rehearsal_get_a_profile(desk: Desk) -> None:
    settings = desk.settings.model_copy(update={"public_url": "https://mdm.example.org"})
    elsewhere, now = Desk(settings, desk.vault, desk.bell), await database.now()
    session = await lab.signed_in(desk, now, way="profile")
    with pytest.raises(NotReady):
        await profiles.single_profile(elsewhere, session, now=now)
    assert (await EnrollmentSession.get(id=session.id)).status == "opened"
    await profiles.single_profile(elsewhere, session, now=now, generated_topic=True)
    rehearsal = await lab.signed_in(desk, now, way="profile", columns={"rehearsal": True})
    await profiles.single_profile(elsewhere, rehearsal, now=now)


async def test_the_name_of_a_certificate_is_the_sessions(desk: Desk) -> None:
    session = await lab.signed_in(desk, await database.now())
    assert issuance_policy.common_name(session) == f"otae {session.id}"
