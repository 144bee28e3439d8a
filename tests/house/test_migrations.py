"""A released migration is never edited: an installation that has run it would never see what was added."""

import hashlib

import pytest

from tests.house.tree import ROOT

#: SHA-256 of each migration that was released. A new one is added here with the change that brings it.
RELEASED = {
    "0001_initial": "c4101059f3faa918f64291ed7b38be860c30491a4dc178a20a22819e8656f59e",
    "0002_modes_and_directories": "5562a2257f905dae8611bade1cdd3095825984580593e7b26ad436790900a44a",
    "0003_missing_columns_and_heartbeats": "5b9cd0d828cca4fa038afec6efe36d26799e5617d27e1ea71aaefe5c23e8b1f5",
    "0004_where_browsers_signed_in": "a2e5525de99688bc09a03fa215c2154934fc67e2e4a4ba660f0be9ff20b0578d",
    "0005_longer_serial_numbers": "256c7c99cdfff9638db301e6d4931bfa99545aca194c46c09c386b7a4e37d40c",
    "0006_mail_servers": "7ad6ad45dd48746eba8292128dd64180e384cdde0c81273652df76993e46b0bb",
    "0007_failures_and_makers": "1d320a12f9efbc488aec3ab8b472165d91be69e70160f18097886f9451e052df",
    "0008_indexes_and_search_text": "7d25940e0e250fb675bfdcf798e7c9a5c6ee7c87a6674811ae4ad8011d3c03ce",
    "0009_mail_authorities": "710ebdc9f963357a002543b448996fa05f62d6821b9adfbe986b4c21c464cda2",
    "0010_counts_and_earlier_links": "41814e963c44966bfc2365aad2f30b4f42156afcb7c81a24372d4cb16f3328cf",
    "0011_undelivered_pins": "f910f3a47565417a99c61e0441d3fe84c9d4aefa7955e49331795cddf1ddab5e",
    "0012_kept_texts": "2977faf32101cc85013450bdebc601b9a3b447b537ec689d21ad00ec20d0125a",
    "0013_when_a_pin_was_tried": "a3451d4e282840af49c07b74aca1340c510b3ee95ec460a819b3e93570135089",
    "0014_attributes_of_people": "ab2c5c6fe6d7c562000a2d292a128bf402188445cce840b1b0608295fc44cc1b",
    "0015_rights_and_names": "6d6d0b7fb6c4c2e64b9e8b5ae9624c42b567d8f1bf04d20dfa42cf780d14278f",
    "0016_support_codes": "ad2874d2505e6cfbf47c9b3512ce302c449e3053202c16fb1478250a69924ba2",
    "0017_branding": "80374aa10a83ca6d0c7b0246dc2db95bad142d386c1ea78e701d7e6008b47380",
    "0018_self_service": "4a782c7a1772a196fc2dd3ca6e5ac86c429c81b6920c69509036118ee7c805b8",
    "0019_approvals": "68e6365d1e847c436d55bc1801d498ea382509ac48bccbd7036841c01e8df6bc",
    "0020_campaigns": "7c15ca5fe9318e9aa7049a24babb8cce40e2120762f68d57f2dcdcf4c809a7bb",
    "0021_lists": "5ef523e35f220f8628c1563d9764ba11e1067b4b97c43f8968742060d0a30701",
    "0022_second_factors": "566199a72409e751866da5c81bbe842603e96451360e96b7998700e2db718dfe",
    "0023_data_carried_along": "5b0a9e28868366dd9cf7dc3c0a9a2652e55c27f8367b89d9312b749edd1f4a41",
    "0024_notices": "8e32de4c3589f6d87a20880601f4fbf594e8ba7289c2e3f539eb5a1177f2700a",
    "0025_rollout": "a41e30513c89007b37d8ac2d1eee29691271be2bd0b136459fe4657e3e005a6d",
    "0026_property_changes": "17942ade4125351660232d82198d93d10b6894d905c350e5d6c5b67e4514de52",
    "0027_audit_parts": "4964684052aa7d17c5166cf125d073c12adddac9687cfe5890f120fc966466fa",
    "0028_erased_people": "eed8860d33e9ec2f19ad836c0a38f59127580b2f854e06bdec64ead0e1a8d94e",
    "0029_listed_serials": "2fab057ef8b71b13c81e7fcea848d2446b069aec059ca26d1a6684ca479274e8",
    "0030_steps_of_a_status": "7ae8cf4cf6bbd735d542c9997fc79b702d2ce82c628ace409ddd1475c9add6f2",
}


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_migration_is_as_it_was_released(name: str) -> None:
    content = (ROOT / f"migrations/{name}.py").read_bytes()
    assert hashlib.sha256(content).hexdigest() == RELEASED[name], "write another migration instead"


def test_every_migration_is_listed() -> None:
    assert {path.stem for path in (ROOT / "migrations").glob("0*.py")} == RELEASED.keys()
