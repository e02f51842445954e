"""Keys of issuers and their tokens, made with `cryptography` alone: the code has no part in it."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://id.example.com"
AUDIENCE = "conch"
NOW_S = 1_800_000_000.0
Json = dict[str, object]


@dataclass(frozen=True)
class Signer:
    """A private key of an issuer: what it publishes of it, and how it signs."""

    algorithm: str
    jwk: Json
    sign: Callable[[bytes], bytes]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int) -> str:
    return b64(value.to_bytes(size, "big"))


@cache
def rsa_key(kid: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def rsa_jwk(kid: str) -> Json:
    numbers = rsa_key(kid).public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "n": number(numbers.n, 256), "e": "AQAB"}


@cache
def rsa_signer(kid: str = "rsa", algorithm: str = "RS256") -> Signer:
    key = rsa_key(kid)
    digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[algorithm[2:]]()
    pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
    scheme = pss if algorithm.startswith("PS") else padding.PKCS1v15()
    return Signer(algorithm, rsa_jwk(kid), lambda data: key.sign(data, scheme, digest))


@cache
def ec_signer(kid: str = "ec", algorithm: str = "ES256") -> Signer:
    curve, digest, name = {
        "ES256": (ec.SECP256R1(), hashes.SHA256(), "P-256"),
        "ES384": (ec.SECP384R1(), hashes.SHA384(), "P-384"),
        "ES512": (ec.SECP521R1(), hashes.SHA512(), "P-521"),
    }[algorithm]
    size = (curve.key_size + 7) // 8
    key = ec.generate_private_key(curve)
    point = key.public_key().public_numbers()
    jwk: Json = {"kty": "EC", "kid": kid, "crv": name}
    jwk |= {"x": number(point.x, size), "y": number(point.y, size)}

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return Signer(algorithm, jwk, sign)


@cache
def ed_signer(kid: str = "ed", algorithm: str = "EdDSA") -> Signer:
    key = ed25519.Ed25519PrivateKey.generate()
    x = b64(key.public_key().public_bytes_raw())
    return Signer(algorithm, {"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": x}, key.sign)


def document(*signers: Signer, **members: object) -> bytes:
    """What an issuer publishes; `members` are added to each key."""
    return json.dumps({"keys": [signer.jwk | members for signer in signers]}).encode()


def issuers_text(jwks_url: str, **members: object) -> str:
    """The setting that names the issuer of these tokens; `members` are added or replaced."""
    entry = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": jwks_url}
    return json.dumps([entry | members])


def good_claims(**changes: object) -> Json:
    """The claims of a valid token, with changes; None takes a claim out."""
    claims: Json = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "exp": NOW_S + 600,
        "tenant": "acme",
        "scope": "infer metadata",
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def token(signer: Signer, claims: Json | bytes, **header: object) -> bytes:
    """A token by this signer; None takes a member out of the header."""
    members: Json = {"alg": signer.algorithm, "kid": signer.jwk["kid"], "typ": "JWT"} | header
    text = json.dumps({name: value for name, value in members.items() if value is not None})
    return raw_token(text.encode(), claims, signer.sign)


def raw_token(header: bytes, claims: Json | bytes, sign: Callable[[bytes], bytes]) -> bytes:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signed = f"{b64(header)}.{b64(payload)}".encode()
    return signed + b"." + b64(sign(signed)).encode()
