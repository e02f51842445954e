"""Subjects as operators write them are those that certificates have."""

import pytest
from cryptography.x509 import Name, NameAttribute
from cryptography.x509.oid import NameOID

from gateway.errors import InvalidInput
from gateway.tls_subjects import check_subject

SUBJECT = Name(
    [
        NameAttribute(NameOID.ORGANIZATION_NAME, "Acme, Inc."),
        NameAttribute(NameOID.COMMON_NAME, "tränér"),
        NameAttribute(NameOID.EMAIL_ADDRESS, "a@b"),
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        SUBJECT.rfc4514_string(),
        # As `openssl x509 -nameopt RFC2253` prints it.
        r"emailAddress=a@b,CN=tr\C3\A4n\C3\A9r,O=Acme\, Inc.",
    ],
)
def test_other_ways_to_write_a_subject_become_the_one_of_certificates(text: str) -> None:
    assert check_subject(text) == SUBJECT.rfc4514_string()


@pytest.mark.parametrize("text", ["", "trainer", "CN=a, O=b", "cn=a", "CN=", "CN=" + "x" * 1025])
def test_what_is_no_subject_is_told(text: str) -> None:
    with pytest.raises(InvalidInput, match="RFC 4514"):
        check_subject(text)
