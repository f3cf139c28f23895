#!/usr/bin/python3
"""A second implementation of every format of docs/FORMATS.md, sharing no code with the first.

    known_answers.py            prints known_answers.txt
    known_answers.py --export   prints known_export.ndjson
    known_answers.py --bundle   prints known_bundle.ndjson
    known_answers.py --check    exits with 1 if either file beside this script is not what it would print, or
                                if docs/FORMATS.md shows other examples

Keys come from the repeatable generator of tests/fakes/fake_random.h, so that the C++ tests, whose fake keyring uses
the same one, must arrive at the same bytes.
"""
import base64
import ctypes
import ctypes.util
import datetime
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import uuid

from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORG = uuid.UUID("0190aaaa-0001-7000-8000-000000000001")
OTHER_ORG = uuid.UUID("0190aaaa-0001-7000-8000-000000000002")
VAULT = uuid.UUID("0190aaaa-0002-7000-8000-000000000001")
SECRET = uuid.UUID("0190aaaa-0003-7000-8000-000000000001")
USER = uuid.UUID("0190aaaa-0004-7000-8000-000000000001")
TOKEN = uuid.UUID("0190aaaa-0005-7000-8000-000000000001")
CUSTOMER_KEY = uuid.UUID("0190aaaa-0009-7000-8000-000000000001")
SHARE = uuid.UUID("0190aaaa-0008-7000-8000-000000000001")
PATH = "db/main/password"
ISSUER = "https://vault.example"
P256_G_X = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")  # its y is odd
ISSUED = 1772366400  # 2026-03-01T12:00:00Z


class FakeRandom:
    def __init__(self, seed):
        self.state = seed

    def take(self, count):
        mask = 2**64 - 1
        out = bytearray()
        for _ in range(count):
            self.state = (self.state + 0x9E3779B97F4A7C15) & mask
            z = self.state
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
            out.append((z ^ (z >> 31)) & 0xFF)
        return bytes(out)


def canonical(*fields):
    out = b""
    for field in fields:
        if isinstance(field, uuid.UUID):
            field = field.bytes
        elif isinstance(field, int):
            field = struct.pack(">q" if field < 0 else ">Q", field)
        elif isinstance(field, str):
            field = field.encode()
        out += struct.pack(">I", len(field)) + field
    return out


def sha256(data):
    return hashlib.sha256(data).digest()


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def micros(text):
    return round(datetime.datetime.fromisoformat(text + "+00:00").timestamp()) * 1000000


def gcm(key, iv, aad, plaintext):
    return iv + AESGCM(key).encrypt(iv, plaintext, aad)


# --- what the fake keyring of seed 1 holds, in the order it draws it -------------------------------------------
ring = FakeRandom(1)
ROOT = ring.take(32)
LOOKUP = ring.take(32)
TOKEN_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(ring.take(32))
AUDIT_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(ring.take(32))


def raw_public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


# --- keys and secrets ------------------------------------------------------------------------------------------
def secret_answers():
    drawn = FakeRandom(ring.state)
    kek = drawn.take(32)
    kek_aad = canonical("claviger/kek/1", ORG, VAULT, 3)
    yield "kek_aad", kek_aad
    yield "kek_blob", keywrap.aes_key_wrap(ROOT, kek)
    yield "kek_check", gcm(kek, drawn.take(12), kek_aad, bytes(16))
    identity = (ORG, VAULT, SECRET, PATH, 2, 3)
    dek_aad = canonical("claviger/dek/1", *identity)
    secret_aad = canonical("claviger/secret/1", *identity)
    dek = drawn.take(32)
    yield "dek_aad", dek_aad
    yield "sealed_dek", gcm(kek, drawn.take(12), dek_aad, dek)
    yield "secret_aad", secret_aad
    yield "ciphertext", gcm(dek, FakeRandom(2).take(12), secret_aad, b"correct horse")
    yield "customer_key_aad", canonical("claviger/customer-key/1", ORG, CUSTOMER_KEY)
    yield "customer_dek_aad", canonical("claviger/customer-dek/1", CUSTOMER_KEY, dek_aad)


# --- customer-managed key --------------------------------------------------------------------------------------
def cmek_answers():
    key = FakeRandom(4).take(32)
    yield "cmek_key", base64.b64encode(key)
    yield "cmek_fingerprint", hashlib.sha256(key).hexdigest().encode()
    yield "cmek_blob", base64.b64encode(b"\x01" + gcm(key, FakeRandom(5).take(12), None, b"correct horse"))


# --- token -----------------------------------------------------------------------------------------------------
def token_answers():
    header = compact({"alg": "EdDSA", "typ": "JWT", "kid": "claviger-token-v1"}).encode()
    claims = compact({"iss": ISSUER, "aud": ISSUER, "sub": f"user:{USER}", "org": str(ORG), "scopes": ["*"],
                      "iat": ISSUED, "nbf": ISSUED, "exp": ISSUED + 900, "jti": str(TOKEN)}).encode()
    signed = b64url(header) + "." + b64url(claims)
    yield "token_header", header
    yield "token_claims", claims
    yield "token", (signed + "." + b64url(TOKEN_KEY.sign(signed.encode()))).encode()
    yield "token_public_key", raw_public(TOKEN_KEY)


# --- password --------------------------------------------------------------------------------------------------
def password_answers():
    argon2 = ctypes.CDLL(ctypes.util.find_library("argon2"))
    salt, password, tag = FakeRandom(3).take(16), b"YourSecurePassword123!", ctypes.create_string_buffer(32)
    size = ctypes.c_size_t
    code = argon2.argon2id_hash_raw(2, 64, 1, password, size(len(password)), salt, size(len(salt)), tag, size(32))
    assert code == 0

    def text(data):
        return base64.b64encode(data).decode().rstrip("=")

    yield "password_hash", f"$argon2id$v=19$m=64,t=2,p=1${text(salt)}${text(tag.raw)}".encode()


# --- share -----------------------------------------------------------------------------------------------------
def share_answers():
    terms = canonical("claviger/share/1", ORG, SHARE, SECRET, "user", USER, "external_email", uuid.UUID(int=0),
                      "someone@example.org", "", '["192.0.2.0/24"]', ISSUED * 1000000, (ISSUED + 3600) * 1000000, 5)
    mac = hmac.digest(LOOKUP, terms, "sha256")
    link = uuid.UUID(bytes=mac[:16], version=4)
    yield "share_terms", terms
    yield "share_link", str(link).encode()
    yield "share_lookup", sha256(canonical("claviger/share-lookup/1", link))


# --- audit -----------------------------------------------------------------------------------------------------
def record(number, org, action, details):
    return {"id": uuid.UUID(int=0x0190AAAA00067000800000000000_0000 + number), "org_id": org, "actor_type": "user",
            "actor_id": str(USER), "action": action, "resource_type": "secret", "resource_id": str(SECRET),
            "outcome": "success", "details": details, "ip_address": "2001:db8::1",
            "request_id": str(uuid.UUID(int=0x0190AAAA00077000800000000000_0000 + number)),
            "created_at": f"2026-03-01T12:00:0{number}"}


def record_bytes(r):
    return canonical("claviger/audit-record/1", r["id"], r["org_id"], r["actor_type"], r["actor_id"], r["action"],
                     r["resource_type"], r["resource_id"], r["outcome"], r["details"], r["ip_address"],
                     r["request_id"], micros(r["created_at"]))


def chain(records):
    head, linked = bytes(32), []
    for sequence, r in enumerate(records, 1):
        head = sha256(canonical("claviger/audit-link/1", head, sequence, record_bytes(r)))
        linked.append((sequence, r, head))
    return linked


def leaf(org, checkpoint, count, head):
    return sha256(canonical("claviger/audit-tag/1", org, checkpoint)), count, head


def next_key_leaf(checkpoint, version, form, raw):
    return canonical("claviger/audit-leaf/1", sha256(canonical("claviger/audit-next-key/1", checkpoint)), 4 * version + form, raw)


def merkle(entries):
    if not entries:
        return sha256(b"")
    if len(entries) == 1:
        return sha256(b"\0" + entries[0])
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return sha256(b"\1" + merkle(entries[:split]) + merkle(entries[split:]))


def checkpoint(number, previous, total, created_at, leaves):
    leaves = sorted(leaves)
    root = merkle([canonical("claviger/audit-leaf/1", *one) for one in leaves])
    kid = "claviger-audit-v1"
    signed = canonical("claviger/audit-checkpoint/1", number, previous, root, total, micros(created_at), kid)
    return {"number": number, "previous": previous, "root": root, "total_records": total, "created_at": created_at,
            "kid": kid, "bytes": signed, "signature": AUDIT_KEY.sign(signed), "leaves": leaves}


OURS = chain([record(1, ORG, "secret.write", '{"version":1}'),
              record(2, ORG, "secret.read", '{"note":"tab\\t and Grüße"}'),
              record(3, ORG, "secret.delete", "{}")])
THEIRS = chain([record(4, OTHER_ORG, "secret.read", "{}")])
FIRST = checkpoint(1, bytes(32), 3, "2026-03-01T12:00:05",
                   [leaf(ORG, 1, 2, OURS[1][2]), leaf(OTHER_ORG, 1, 1, THEIRS[0][2])])
SECOND = checkpoint(2, sha256(FIRST["bytes"]), 4, "2026-03-01T12:00:06", [leaf(ORG, 2, 3, OURS[2][2])])


def audit_answers():
    yield "audit_record", record_bytes(OURS[0][1])
    for sequence, _, head in OURS:
        yield f"integrity_hash_{sequence}", head
    yield "leaf_tag", leaf(ORG, 1, 0, b"")[0]
    yield "checkpoint_root", FIRST["root"]
    yield "checkpoint_bytes", FIRST["bytes"]
    yield "checkpoint_hash", sha256(FIRST["bytes"])
    yield "checkpoint_signature", FIRST["signature"]
    yield "audit_public_key", raw_public(AUDIT_KEY)
    yield "next_key_leaf", next_key_leaf(7, 2, 0, raw_public(AUDIT_KEY))
    yield "next_key_leaf_p256", next_key_leaf(7, 3, 3, P256_G_X)
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    for count in range(len(inputs) + 1):
        yield f"merkle_{count}", merkle([bytes.fromhex(text) for text in inputs[:count]])


def stamp(text):
    return text + ".000000Z"


def checkpoint_line(c):
    return {"type": "checkpoint", "number": c["number"], "previous": c["previous"].hex(), "root": c["root"].hex(),
            "total_records": c["total_records"], "created_at": stamp(c["created_at"]), "kid": c["kid"],
            "signature": b64url(c["signature"]), "leaves": [[t.hex(), n, h.hex()] for t, n, h in c["leaves"]]}


def record_lines():
    previous = None
    for sequence, r, head in OURS:
        yield {"type": "record", "sequence": sequence, "id": str(r["id"]),
               "prev_event_id": previous and str(previous), "org_id": str(r["org_id"]),
               **{name: r[name] for name in ("actor_type", "actor_id", "action", "resource_type", "resource_id",
                                             "outcome", "details", "ip_address", "request_id")},
               "created_at": stamp(r["created_at"]), "integrity_hash": head.hex()}
        previous = r["id"]


def export():
    yield {"type": "header", "format": "claviger/audit-export/1", "org_id": str(ORG),
           "exported_at": stamp("2026-03-01T12:01:00")}
    yield from (checkpoint_line(FIRST), checkpoint_line(SECOND))
    yield from record_lines()
    yield {"type": "end", "checkpoints": 2, "records": 3}


def bundle():
    """Of a period that begins behind the first checkpoint."""
    yield {"type": "header", "format": "claviger/audit-bundle/1", "org_id": str(ORG), "from": "2026-03-01T12:00:05.500000Z",
           "to": "2026-03-01T12:00:05.900000Z", "prev_event_id": str(OURS[1][1]["id"]),
           "exported_at": stamp("2026-03-01T12:01:00")}
    key = {"kty": "OKP", "crv": "Ed25519", "x": b64url(raw_public(AUDIT_KEY)), "kid": FIRST["kid"], "use": "sig",
           "alg": "EdDSA"}
    yield {"type": "keys", "jwks": compact({"keys": [key]})}
    yield checkpoint_line(FIRST)
    yield list(record_lines())[2]
    yield checkpoint_line(SECOND)
    yield {"type": "end", "checkpoints": 2, "records": 1}


def answers_text():
    lines = ["# Made by known_answers.py: one value a line, name and hexadecimal bytes."]
    lines += [f"{name} {value.hex()}" for name, value in all_answers()]
    return "\n".join(lines) + "\n"


def text_of(lines):
    return "".join(compact(line) + "\n" for line in lines)


def all_answers():
    for answers in (secret_answers, cmek_answers, token_answers, password_answers, share_answers, audit_answers):
        yield from answers()


def undocumented():
    """Names of the answers that docs/FORMATS.md lacks, as hexadecimal or as text, whatever its line breaks."""
    page = (pathlib.Path(__file__).parents[2] / "docs" / "FORMATS.md").read_text()
    page = "".join(page.split())
    for name, value in all_answers():
        if not name.startswith("merkle_") and value.hex() not in page and value.decode("latin-1") not in page:
            yield name


def main():
    if sys.argv[1:] == ["--check"]:
        here = pathlib.Path(__file__).parent
        same = (here / "known_answers.txt").read_text() == answers_text()
        same = same and (here / "known_export.ndjson").read_text() == text_of(export())
        same = same and (here / "known_bundle.ndjson").read_text() == text_of(bundle())
        if not same:
            return "the known answers are not what this script computes"
        missing = list(undocumented())
        return f"docs/FORMATS.md lacks or misstates {missing}" if missing else 0
    files = {"--export": export, "--bundle": bundle}
    chosen = files.get(" ".join(sys.argv[1:]))
    sys.stdout.write(text_of(chosen()) if chosen else answers_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
