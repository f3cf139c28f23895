"""clavigerd verify and clavigerd manifest: does a restored pair of token and database belong together, wholly?"""

import json
import shutil
import subprocess

import pytest
from support import wait
from support.daemon import ROOT_FLAGS, Installation
from support.postgres import SUPERUSER

UNVERIFIED, CONFIG, HSM = 11, 3, 4


@pytest.fixture
def own(own_cluster, tmp_path):
    installation = Installation(own_cluster, tmp_path)
    yield installation
    installation.close()


@pytest.fixture
def filled(own):
    """Two vaults with secrets, one rotated, and one that is empty. The daemon has stopped."""
    daemon = own.daemon()
    account = daemon.api().signup()
    vaults = [account.create_vault() for _ in range(3)]
    for vault in vaults[:2]:
        for path in ("a", "b"):
            assert vault.put(path, f"value of {path}").status_code == 201
    assert daemon.stop() == 0
    return own, [vault.id for vault in vaults]


def run(own, command, *flags, **overrides):
    return own.run(command, *ROOT_FLAGS, *flags, **overrides)


def verify(own, *flags, code=0, **overrides):
    """What it says, on either channel."""
    result = run(own, "verify", *flags, **overrides)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def manifest(own, path):
    result = run(own, "manifest")
    assert result.returncode == 0, result.stderr
    path.write_text(result.stdout)
    path.chmod(0o600)
    return json.loads(result.stdout)


def rows(own):
    return [own.cluster.sql(f"SELECT count(*) FROM {table}", database=own.database)[0][0]
            for table in ("audit_events", "change_log", "secret_versions", "vault_keks")]


def test_a_whole_installation_is_verified_and_nothing_is_changed(filled):
    own, vaults = filled
    before = rows(own)
    said = verify(own)
    assert said.splitlines()[0] == "4 keys: 2 opened a data key, 2 hold none"  # with the installation's own
    assert "is signed by this token" in said and said.splitlines()[-1] == "verified"
    assert rows(own) == before


def test_a_data_key_that_was_exchanged_is_found_with_its_vault(filled):
    own, (one, other, _) = filled
    own.cluster.sql("UPDATE secret_versions r SET sealed_dek = o.sealed_dek FROM secret_versions o "
                    f"WHERE r.vault_id = '{one}' AND o.vault_id = '{other}'", database=own.database)
    said = verify(own, code=UNVERIFIED)
    assert f"key 1 of the vault {one} does not open" in said and other not in said
    assert "verified\n" not in said and "faults found: 1; do not serve this" in said


def test_a_key_that_was_exchanged_is_found_in_an_empty_vault_too(filled):
    own, (one, _, empty) = filled
    own.cluster.sql("UPDATE vault_keks k SET blob = o.blob, check_record = o.check_record FROM vault_keks o "
                    f"WHERE k.vault_id = '{empty}' AND o.vault_id = '{one}'", database=own.database)
    assert f"key 1 of the vault {empty} does not open" in verify(own, code=UNVERIFIED)


def test_every_version_of_a_vaults_key_is_tried(own):
    daemon = own.daemon()
    vault = daemon.api().signup().create_vault()
    assert vault.put("a", "v").status_code == 201
    # As a rotation leaves it that was interrupted: the value lies under the older key.
    own.cluster.sql("INSERT INTO vault_keks SELECT org_id, vault_id, 2, root_version, blob, check_record, created_at "
                    "FROM vault_keks", database=own.database)
    assert daemon.stop() == 0
    said = verify(own, code=UNVERIFIED)
    assert f"key 2 of the vault {vault.id} does not open" in said and "key 1 of" not in said


def test_a_vault_in_the_midst_of_a_rotation_is_whole(own):
    daemon = own.daemon(rotation__secrets_per_second=20)
    account = daemon.api().signup()
    vault = account.create_vault()
    for number in range(60):
        assert vault.put(f"s/{number}", "v").status_code == 201
    assert account.post(vault.path() + "/rotations").status_code == 201

    def under_both():
        return own.cluster.sql("SELECT count(DISTINCT kek_version) FROM secret_versions", database=own.database) == [(2,)]
    wait.until(under_both, "some values to lie under the new key")
    daemon.kill9()
    assert under_both()
    assert "3 keys: 2 opened a data key, 1 hold none" in verify(own)


def test_a_restored_pair_is_known_by_its_manifest_and_serves(filled, tmp_path):
    own, _ = filled
    listed = manifest(own, tmp_path / "manifest.json")
    names = [key["name"] for key in listed["keys"]]
    assert {"claviger-root-v1", "claviger-lookup", "claviger-token-v1", "claviger-audit-v1"} <= set(names)
    assert listed["format"] == "claviger-manifest/1" and listed["checkpoint"] >= 1
    dump = own.cluster.dump(own.database)
    copy = tmp_path / "copy-of-tokens"
    shutil.copytree(own.token.directory / "tokens", copy)

    # All is lost, and restored.
    shutil.rmtree(own.token.directory / "tokens")
    own.cluster.sql(f"DROP DATABASE {own.database}")
    own.cluster.sql(f"CREATE DATABASE {own.database}")
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", own.cluster.conninfo(SUPERUSER, own.database)],
                   input=dump, check=True, capture_output=True, timeout=60)
    shutil.copytree(copy, own.token.directory / "tokens")
    assert "verified" in verify(own, "--manifest", str(tmp_path / "manifest.json"))
    assert own.daemon("restored").stop() == 0


def test_what_is_not_of_the_manifest_is_named(filled, tmp_path, own_cluster):
    own, _ = filled
    path = tmp_path / "manifest.json"
    listed = manifest(own, path)
    for key in listed["keys"]:
        changed = json.loads(json.dumps(listed))
        next(each for each in changed["keys"] if each["name"] == key["name"])["check"] = "0" * 16
        path.write_text(json.dumps(changed))
        said = verify(own, "--manifest", str(path), code=UNVERIFIED)
        assert f"{key['name']} is not the key of the manifest, or is not there" in said
        assert "faults found: 1;" in said
    path.write_text(json.dumps(listed | {"checkpoint": listed["checkpoint"] + 1}))
    assert "the audit log ends at checkpoint" in verify(own, "--manifest", str(path), code=UNVERIFIED)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "claviger-manifest/2"}', "not json",
                                  '{"format":"claviger-manifest/1","schema":1,"checkpoint":-1,"keys":[]}',
                                  '{"format":"claviger-manifest/1","schema":1,"checkpoint":1,"keys":[{"name":"x"}]}',
                                  '{"format":"claviger-manifest/1","schema":1,"checkpoint":1,"keys":'
                                  '[{"name":"x","check":"12"}]}'])
def test_only_a_manifest_is_one(own, tmp_path, text):
    path = tmp_path / "manifest.json"
    path.write_text(text)
    path.chmod(0o600)
    verify(own, "--manifest", str(path), code=CONFIG)


def test_a_manifest_goes_with_no_other_command(own):
    result = own.run("check-config", "--manifest", "x")
    assert result.returncode == 2 and "goes with `verify` only" in result.stderr


def test_a_manifest_that_others_may_write_decides_nothing(own, tmp_path):
    path = tmp_path / "manifest.json"
    manifest(own, path)
    path.chmod(0o666)
    verify(own, "--manifest", str(path), code=CONFIG)


def test_a_checkpoint_of_another_token_is_no_proof(filled):
    own, _ = filled
    own.cluster.sql("UPDATE audit_checkpoints SET signature = '\\x" + "00" * 64 + "'", database=own.database)
    assert "is not signed by a key of this token" in verify(own, code=UNVERIFIED)


def test_another_token_is_no_match_at_all(filled, own_cluster, tmp_path_factory):
    own, _ = filled
    other = Installation(own_cluster, tmp_path_factory.mktemp("other"))
    try:
        said = verify(other, code=HSM, database__conninfo=own.settings()["database.conninfo"])
        assert "do not belong together" in said
    finally:
        other.close()
