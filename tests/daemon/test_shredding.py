"""A vault that is deleted takes its keys along: without them nobody opens its secrets again, whatever else comes back."""

import pytest

VALUE = "canary-of-a-deleted-vault"
KEPT = ("vaults", "vault_keks", "secrets", "secret_versions")  # what a backup has of a vault, in the order of references


@pytest.fixture
def vault(own_daemon):
    """A vault with two versions of a secret and, as during a rotation, a second key."""
    vault = own_daemon.api().signup().create_vault()
    for value in ("old", VALUE):
        assert vault.put("a", value).status_code == 201
    assert vault.get("a").json()["value"] == VALUE, "the HSM has the key loaded"
    own_daemon.psql_owner("INSERT INTO vault_keks SELECT org_id, vault_id, version + 1, root_version, blob, check_record,"
                          f" created_at FROM vault_keks WHERE vault_id = '{vault.id}'")
    return vault


class Backup:
    """Copies of a vault's rows."""

    def __init__(self, daemon, vault):
        self.daemon = daemon
        daemon.psql_owner("; ".join(
            f"CREATE TABLE kept_{table} AS "
            f"SELECT * FROM {table} WHERE {'id' if table == 'vaults' else 'vault_id'} = '{vault.id}'" for table in KEPT))

    def restore(self, *tables):
        """Whatever the references between tables say."""
        installation = self.daemon.installation
        installation.cluster.sql("SET session_replication_role = replica; " + "; ".join(
            f"INSERT INTO {table} SELECT * FROM kept_{table}" for table in tables), database=installation.database)

    def remove(self):
        self.daemon.psql_owner("; ".join(f"DROP TABLE kept_{table}" for table in KEPT))


@pytest.fixture
def backup(own_daemon, vault):
    backup = Backup(own_daemon, vault)
    yield backup
    backup.remove()


def rows_of(daemon, vault):
    """In how many rows of which table the vault is named."""
    tables = [table for table, in daemon.psql_owner(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'vault_id'"
        " AND table_name NOT LIKE 'kept_%'")]
    assert {"vault_keks", "secrets", "secret_versions", "policies", "rotations"} <= set(tables)
    counts = {table: daemon.psql_owner(f"SELECT count(*) FROM {table} WHERE vault_id = '{vault.id}'")[0][0]
              for table in tables}
    counts["vaults"] = daemon.psql_owner(f"SELECT count(*) FROM vaults WHERE id = '{vault.id}'")[0][0]
    return {table: count for table, count in counts.items() if count}


def test_every_key_of_a_deleted_vault_goes_with_it(own_daemon, vault):
    assert rows_of(own_daemon, vault) == {"vaults": 1, "vault_keks": 2, "secrets": 1, "secret_versions": 2}
    assert vault.account.delete(vault.path()).status_code == 204
    assert rows_of(own_daemon, vault) == {}


def test_secrets_and_keys_go_together_or_not_at_all(own_daemon, vault):
    before = rows_of(own_daemon, vault)
    own_daemon.psql_owner("CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken off'; END $$")
    own_daemon.psql_owner("CREATE TRIGGER break_off BEFORE DELETE ON vault_keks FOR EACH ROW EXECUTE FUNCTION break_off()")
    try:
        assert vault.account.delete(vault.path()).status_code >= 500
    finally:
        own_daemon.psql_owner("DROP FUNCTION break_off CASCADE")
    assert rows_of(own_daemon, vault) == before
    assert vault.get("a").json()["value"] == VALUE


def assert_lost(vault):
    response = vault.get("a")
    assert (response.status_code, response.json()["detail"]) == (500, "Stored data failed its integrity check")
    assert VALUE not in response.text


def test_restored_secrets_do_not_open_without_their_keys(vault, backup):
    assert vault.account.delete(vault.path()).status_code == 204
    assert vault.get("a").status_code == 404
    backup.restore("vaults", "secrets", "secret_versions")
    assert_lost(vault)


def test_nor_with_the_keys_of_another_vault(own_daemon, vault, backup):
    other = vault.account.create_vault()
    assert vault.account.delete(vault.path()).status_code == 204
    backup.restore("vaults", "secrets", "secret_versions")
    own_daemon.psql_owner(f"INSERT INTO vault_keks SELECT org_id, '{vault.id}', version, root_version, blob, check_record,"
                          f" created_at FROM vault_keks WHERE vault_id = '{other.id}'")
    assert_lost(vault)


def test_a_backup_that_holds_the_keys_opens_as_long_as_the_hsm_has_their_root(vault, backup):
    """The threat model says so, and what to do about it."""
    assert vault.account.delete(vault.path()).status_code == 204
    backup.restore(*KEPT)
    assert vault.get("a").json()["value"] == VALUE
