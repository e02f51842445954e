"""Random text and checksums of base62."""

from gateway.base62 import ALPHABET, CHECKSUM_LENGTH, checksum, random_text


def test_random_text_has_its_length_and_letters() -> None:
    text = random_text(500)
    assert len(text) == 500 and set(text) <= set(ALPHABET)
    assert random_text(33) != random_text(33)


def test_a_checksum_is_always_the_same_and_of_one_length() -> None:
    assert checksum(b"") == "0" * CHECKSUM_LENGTH
    assert checksum(b"a") == checksum(b"a") != checksum(b"b")
    assert all(len(checksum(bytes([n]))) == CHECKSUM_LENGTH for n in range(256))
