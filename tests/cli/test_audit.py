"""audit list, export, key and verify: a good export holds, and no change to it goes unseen."""

import base64
import copy
import json
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from command import Cli
from support import wait


class Export:
    """A file of lines, and the key that checks it."""

    def __init__(self, cli, directory):
        self.cli = cli
        self.key = directory / "key.json"
        self.path = directory / "log.ndjson"
        cli.ok("audit", "key", "--file", self.key)
        self.lines = []

    def fetch(self):
        self.cli.ok("audit", "export", "--file", self.path)
        self.lines = self.path.read_text().splitlines()

    def holds(self, action):
        """Fetches anew; false while such a record is not sealed yet."""
        if self.cli.run("audit", "export", "--file", self.path).returncode != 0:
            return False
        self.lines = self.path.read_text().splitlines()
        return any(record["action"] == action for record in self.records())

    def kinds(self):
        return [json.loads(line)["type"] for line in self.lines]

    def records(self):
        return [json.loads(line) for line in self.lines if json.loads(line)["type"] == "record"]

    def index(self, kind, number=0):
        return [i for i, found in enumerate(self.kinds()) if found == kind][number]

    def verify(self, *options, lines=None, key=None, text=None):
        self.path.write_text(text if text is not None else "".join(line + "\n" for line in lines or self.lines))
        return self.cli.run("audit", "verify", self.path, "--public-key", key or self.key, *options,
                            env={"CLAVIGER_URL": "https://127.0.0.1:1"})


@pytest.fixture(scope="module")
def sealed(shared_daemon, tmp_path_factory):
    """Several records under several checkpoints, and who made them."""
    directory = tmp_path_factory.mktemp("sealed")
    account = shared_daemon.api().signup()
    vault = account.create_vault()
    cli = Cli(directory / "home", shared_daemon.base_url, shared_daemon.ca)
    cli.environment["CLAVIGER_TOKEN"] = account.token
    vault.put("one", "canary-value")
    export = Export(cli, directory)
    wait.until(lambda: export.holds("secret.write"), "the write to be sealed")
    vault.get("one")
    wait.until(lambda: export.holds("secret.read"), "the read to be sealed")
    assert len(export.records()) >= 4 and export.kinds().count("checkpoint") >= 2
    export.account, export.vault = account, vault
    return export


@pytest.fixture
def export(sealed, tmp_path):
    """A copy to tamper with."""
    own = copy.copy(sealed)
    own.path = tmp_path / "log.ndjson"
    own.path.write_text("".join(line + "\n" for line in sealed.lines))
    return own


def refused(result):
    assert result.returncode == 7, (result.returncode, result.stdout, result.stderr)
    assert b"NOT verified" in result.stderr
    assert b"verified: no" not in result.stdout
    return result.stderr.decode()


def test_a_good_export_is_verified_without_a_server(export):
    result = export.verify("--output", "json")
    assert result.returncode == 0, result.stderr
    verdict = json.loads(result.stdout)
    assert verdict["verified"] is True
    assert verdict["records"] == len(export.records())
    assert verdict["last_checkpoint"] == export.kinds().count("checkpoint")
    assert verdict["org_id"] == export.account.me()["org_id"]
    assert verdict["sealed_until"]
    assert verdict["last_checkpoint_hash"].encode() in export.verify().stdout


def test_an_export_and_its_file(export):
    export.fetch()
    assert stat.S_IMODE(export.path.stat().st_mode) == 0o600
    kinds = export.kinds()
    assert kinds[0] == "header" and kinds[-1] == "end"
    assert "canary-value" not in export.path.read_text()
    text = export.cli.ok("audit", "export").decode()
    assert export.verify(text=text).returncode == 0


def test_a_pem_key_does_as_well(export, tmp_path):
    keys = json.loads(export.key.read_text())["keys"]
    raw = base64.urlsafe_b64decode(keys[0]["x"] + "=")
    prefix = bytes.fromhex("302a300506032b6570032100")
    body = base64.b64encode(prefix + raw).decode()
    (tmp_path / "key.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    assert export.verify(key=tmp_path / "key.pem").returncode == 0


def changed(line, **members):
    return json.dumps(json.loads(line) | members, ensure_ascii=False, separators=(",", ":"))


EDITS = {"action": "secret.list", "actor_id": "", "outcome": "denied", "details": "{}", "ip_address": "192.0.2.1",
         "resource_id": "0199b0a0-0000-7000-8000-000000000001",
         "created_at": "2020-01-01T00:00:00.000000Z", "request_id": "", "sequence": 99,
         "integrity_hash": "00" * 32}


@pytest.mark.parametrize("member", EDITS)
def test_an_edited_record_is_found(export, member):
    # Twice: the record in the middle and the newest.
    for number in (1, -1):
        lines = list(export.lines)
        index = export.index("record", number)
        lines[index] = changed(lines[index], **{member: EDITS[member]})
        assert lines != export.lines
        refused(export.verify(lines=lines))


@pytest.mark.parametrize("member, value", [
    ("number", 9), ("previous", "11" * 32), ("root", "11" * 32), ("total_records", 1),
    ("created_at", "2020-01-01T00:00:00.000000Z"), ("kid", "other"), ("signature", "A" * 86), ("leaves", [])])
def test_an_edited_checkpoint_is_found(export, member, value):
    lines = list(export.lines)
    index = export.index("checkpoint", 1)
    lines[index] = changed(lines[index], **{member: value})
    assert lines != export.lines
    refused(export.verify(lines=lines))


@pytest.mark.parametrize("kind", ["header", "checkpoint", "record", "end"])
def test_a_missing_line_is_found(export, kind):
    for number in (0, -1):
        index = export.index(kind, number)
        refused(export.verify(lines=export.lines[:index] + export.lines[index + 1:]))


def with_true_count(lines, kind):
    """As a forger would: the end line counts what is left."""
    kinds = [json.loads(line)["type"] for line in lines]
    return lines[:-1] + [changed(lines[-1], **{kind + "s": kinds.count(kind)})]


@pytest.mark.parametrize("kind", ["checkpoint", "record"])
def test_a_missing_line_is_found_though_the_end_agrees(export, kind):
    for number in (0, 1, -1):
        index = export.index(kind, number)
        refused(export.verify(lines=with_true_count(export.lines[:index] + export.lines[index + 1:], kind)))


@pytest.mark.parametrize("kind", ["checkpoint", "record"])
def test_lines_out_of_order_are_found(export, kind):
    lines = list(export.lines)
    first, second = export.index(kind, 0), export.index(kind, 1)
    lines[first], lines[second] = lines[second], lines[first]
    refused(export.verify(lines=lines))


@pytest.mark.parametrize("kind", ["header", "checkpoint", "record", "end"])
def test_a_repeated_line_is_found(export, kind):
    index = export.index(kind)
    refused(export.verify(lines=export.lines[:index] + [export.lines[index]] + export.lines[index:]))


def test_a_cut_file_is_found_at_every_line_and_inside_one(export):
    for length in range(len(export.lines)):
        refused(export.verify(text="".join(line + "\n" for line in export.lines[:length])))
    whole = "".join(line + "\n" for line in export.lines)
    for cut in (10, len(whole) // 2, len(whole) - 3):
        refused(export.verify(text=whole[:cut]))


def test_added_text_is_found(export):
    for added in ("{}", "x", "", export.lines[-1]):
        refused(export.verify(lines=export.lines + [added]))


def test_another_key_is_found(export, tmp_path):
    raw = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    keys = json.loads(export.key.read_text())
    keys["keys"][0]["x"] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    (tmp_path / "other.json").write_text(json.dumps(keys))
    refused(export.verify(key=tmp_path / "other.json"))


def test_another_organisation_is_found(export, other_account):
    other = other_account.me()["org_id"]
    refused(export.verify("--org", other))
    own = json.loads(export.lines[0])["org_id"]
    assert export.verify("--org", own).returncode == 0
    # With its records taken away, an export under another name must not pass for an empty log.
    lines = [line for line in export.lines if json.loads(line)["type"] != "record"]
    lines[0] = changed(lines[0], org_id=other)
    refused(export.verify(lines=with_true_count(lines, "record")))


def test_an_empty_export_proves_nothing(export):
    lines = [export.lines[0], changed(export.lines[-1], checkpoints=0, records=0)]
    refused(export.verify(lines=lines))


def test_a_rolled_back_log_lacks_the_expected_checkpoint(export):
    before = json.loads(export.verify("--output", "json").stdout)
    old_lines = list(export.lines)
    export.vault.get("one")
    known = f"{before['last_checkpoint']}:{before['last_checkpoint_hash']}"
    assert export.verify("--expect-checkpoint", known).returncode == 0

    def grown():
        export.fetch()
        return export.kinds().count("checkpoint") > before["last_checkpoint"]

    wait.until(grown, "a further checkpoint")
    after = json.loads(export.verify("--output", "json").stdout)
    assert export.verify("--expect-checkpoint", known).returncode == 0
    newest = f"{after['last_checkpoint']}:{after['last_checkpoint_hash']}"
    refused(export.verify("--expect-checkpoint", newest, lines=old_lines))
    wrong = f"{before['last_checkpoint']}:{'00' * 32}"
    refused(export.verify("--expect-checkpoint", wrong))


def test_files_that_cannot_be_read(offline, tmp_path):
    (tmp_path / "empty").write_text("")
    offline.fails(1, "audit", "verify", tmp_path / "empty", "--public-key", tmp_path / "absent")
    offline.fails(1, "audit", "verify", tmp_path / "empty", "--public-key", tmp_path / "empty")


def test_a_line_without_end_is_refused_and_not_swallowed(export):
    refused(export.verify(text="x" * 3_000_000))


def test_an_unverified_export_says_so_in_json(export):
    result = export.verify("--output", "json", lines=export.lines[:-1])
    assert result.returncode == 7
    assert json.loads(result.stdout)["verified"] is False


# Bundles

@pytest.fixture(scope="module")
def evidence(sealed, tmp_path_factory):
    """A bundle that begins behind a checkpoint and holds several records; the lines, and the period."""
    first = next(record for record in sealed.records() if record["action"] == "secret.read")["created_at"]
    for number in range(3):
        sealed.vault.put(f"bundled-{number}", "canary-value")
    last = json.loads(sealed.cli.ok("audit", "list", "--limit", "1", "--output", "json"))["events"][0]["created_at"]
    path = tmp_path_factory.mktemp("bundle") / "bundle.ndjson"
    saved = json.loads(sealed.cli.ok("audit", "bundle", "--from", first, "--to", last, "-o", path, "--output", "json"))
    bundle = copy.copy(sealed)
    bundle.path, bundle.lines = path, path.read_text().splitlines()
    assert saved["records"] == len(bundle.records())
    bundle.period = (first, last)
    return bundle


@pytest.fixture
def bundle(evidence, tmp_path):
    """A copy to tamper with."""
    own = copy.copy(evidence)
    own.path = tmp_path / "bundle.ndjson"
    return own


def test_a_bundle_is_verified_without_a_server(bundle):
    result = bundle.verify("--output", "json", "--org", bundle.account.me()["org_id"])
    assert result.returncode == 0, result.stderr
    verdict = json.loads(result.stdout)
    assert verdict["verified"] is True and verdict["records"] == len(bundle.records())
    assert (verdict["from"], verdict["to"]) == bundle.period
    assert verdict["sealed_until"] > bundle.period[1]
    assert b"from" in bundle.verify().stdout


def test_a_bundle_holds_what_happened_in_its_period_and_is_its_owners(evidence):
    assert stat.S_IMODE(evidence.path.stat().st_mode) == 0o600
    assert evidence.kinds()[:3] == ["header", "keys", "checkpoint"] and evidence.kinds()[-2:] == ["checkpoint", "end"]
    assert "canary-value" not in evidence.path.read_text()
    paths = [json.loads(record["details"]).get("path") for record in evidence.records()]
    assert [path for path in paths if path and path.startswith("bundled")] == ["bundled-0", "bundled-1", "bundled-2"]
    first, last = evidence.period
    whole = {record["id"] for record in evidence.records()}
    listed = json.loads(evidence.cli.ok("audit", "list", "--from", first, "--to", last, "--limit", "1000", "--output",
                                        "json"))["events"]
    assert listed and {event["id"] for event in listed} <= whole


@pytest.mark.parametrize("member", [*EDITS, "prev_event_id"])
def test_an_edited_record_of_a_bundle_is_found(bundle, member):
    for number in (0, 1, -1):
        lines = list(bundle.lines)
        index = bundle.index("record", number)
        lines[index] = changed(lines[index], **{member: EDITS.get(member, "0199b0a0-0000-7000-8000-000000000001")})
        refused(bundle.verify(lines=lines))


@pytest.mark.parametrize("kind", ["header", "keys", "checkpoint", "record", "end"])
def test_a_missing_line_of_a_bundle_is_found(bundle, kind):
    for number in (0, -1):
        index = bundle.index(kind, number)
        rest = bundle.lines[:index] + bundle.lines[index + 1:]
        refused(bundle.verify(lines=rest))
        if kind in ("checkpoint", "record"):
            refused(bundle.verify(lines=with_true_count(rest, kind)))


def test_a_bundle_that_is_cut_off_or_reordered_is_found(bundle):
    for size in range(len(bundle.lines)):
        refused(bundle.verify(lines=bundle.lines[:size] or [""]))
    first, second = bundle.index("record", 0), bundle.index("record", 1)
    lines = list(bundle.lines)
    lines[first], lines[second] = lines[second], lines[first]
    refused(bundle.verify(lines=lines))
    first, last = bundle.index("checkpoint", 0), bundle.index("checkpoint", -1)
    lines = list(bundle.lines)
    lines[first], lines[last] = lines[last], lines[first]
    refused(bundle.verify(lines=lines))


def test_a_bundle_does_not_claim_a_longer_period_than_it_proves(bundle):
    for claim in ({"from": "2020-01-01T00:00:00.000000Z"}, {"to": "2096-01-01T00:00:00.000000Z"}):
        lines = [changed(bundle.lines[0], **claim), *bundle.lines[1:]]
        refused(bundle.verify(lines=lines))


def test_a_bundle_names_no_key_of_its_own(bundle, tmp_path):
    foreign = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    index = bundle.index("keys")
    jwks = json.loads(json.loads(bundle.lines[index])["jwks"])
    jwks["keys"][0]["x"] = base64.urlsafe_b64encode(foreign).decode().rstrip("=")
    lines = list(bundle.lines)
    lines[index] = changed(lines[index], jwks=json.dumps(jwks, separators=(",", ":")))
    refused(bundle.verify(lines=lines))


def test_a_bundle_of_the_whole_chain(cli, vault, tmp_path):
    vault.put("a", "x")
    path = tmp_path / "whole.ndjson"
    cli.ok("audit", "bundle", "--from", "2020-01-01T00:00:00Z", "-o", path)
    cli.ok("audit", "key", "--file", tmp_path / "key.json")
    cli.ok("audit", "verify", path, "--public-key", tmp_path / "key.json")
    records = [json.loads(line) for line in path.read_text().splitlines() if '"type":"record"' in line]
    assert records[0]["sequence"] == 1 and records[0]["prev_event_id"] is None


def test_periods_that_make_no_bundle(cli, tmp_path):
    path = tmp_path / "none.ndjson"
    for words in (["--from", "yesterday"], [], ["--to", "2026-01-01T00:00:00Z"]):
        assert cli.run("audit", "bundle", *words, "-o", path).returncode == 2
    assert "has not ended" in cli.fails(1, "audit", "bundle", "--from", "2026-01-01T00:00:00Z", "--to",
                                        "2096-01-01T00:00:00Z", "-o", path)
    assert "before it begins" in cli.fails(1, "audit", "bundle", "--from", "2026-02-01T00:00:00Z", "--to",
                                           "2026-01-01T00:00:00Z", "-o", path)
    assert not path.exists()


def test_list_and_its_filters(cli, vault, account):
    vault.put("listed", "x")
    vault.get("listed")

    def events(*options):
        return json.loads(cli.ok("audit", "list", "--output", "json", *options))["events"]

    # Once it is sealed, nothing more is added to an event.
    wait.until(lambda: any("integrity_hash" in event for event in events("--action", "secret.read")),
               "the read to be sealed")
    reads = events("--action", "secret.read")
    assert {event["action"] for event in reads} == {"secret.read"}
    assert events("--action", "secret.read", "--actor-id", account.me()["id"]) == reads
    assert events("--resource-id", reads[0]["resource_id"], "--action", "secret.read") == reads
    assert events("--action", "secret.read", "--from", "2096-01-01T00:00:00Z") == []
    assert events("--action", "secret.read", "--to", "2020-01-01T00:00:00Z") == []
    assert events("--action", "secret.read", "--resource-type", "secret", "--outcome", "success") == reads
    assert events("--action", "secret.read", "--outcome", "denied") == []
    assert events("--action", "secret.read", "--before", reads[0]["id"]) == []
    assert cli.run("audit", "list", "--outcome", "perhaps").returncode == 2
    assert len(events("--limit", "1")) == 1
    assert cli.run("audit", "list", "--limit", "1001").returncode == 2
    assert events("--action", "secret.read", "--offset", "1") == []
    assert b"secret.read" in cli.ok("audit", "list")


def test_the_key_is_a_jwk_set_for_everyone(stranger):
    printed = json.loads(stranger.ok("audit", "key"))
    assert printed["keys"] and printed["keys"][0]["kty"] == "OKP"
