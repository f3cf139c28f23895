-- Rotation of keys: jobs that any node may go on with.

CREATE TABLE rotations (
  org_id       uuid NOT NULL,
  id           uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('vault')),
  vault_id     uuid NOT NULL,
  state        text NOT NULL CHECK (state IN ('pending', 'running', 'paused', 'failed', 'done')),
  requested_by text NOT NULL CHECK (octet_length(requested_by) BETWEEN 1 AND 64),
  key_version  integer CHECK (key_version >= 2),  -- of the new key; NULL until it is made
  total        bigint NOT NULL DEFAULT 0 CHECK (total >= 0),  -- data keys under older keys when it was made
  resealed     bigint NOT NULL DEFAULT 0 CHECK (resealed >= 0),
  error        text CHECK (char_length(error) BETWEEN 1 AND 255),
  -- The node at work, for as long as it says so again in time. What it writes it writes under this number, which grows
  -- with every claim: a node that was taken for dead changes nothing any more.
  lease_owner  uuid,
  lease_until  timestamptz,
  fence        bigint NOT NULL DEFAULT 0,
  created_at   timestamptz NOT NULL,
  started_at   timestamptz,
  updated_at   timestamptz NOT NULL,
  finished_at  timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, vault_id) REFERENCES vaults ON DELETE CASCADE,
  CHECK ((state = 'running') = (lease_owner IS NOT NULL) AND (lease_owner IS NULL) = (lease_until IS NULL)),
  CHECK ((state = 'failed') = (error IS NOT NULL)),
  CHECK ((state = 'done') = (finished_at IS NOT NULL))
);
CREATE UNIQUE INDEX rotations_unfinished ON rotations (org_id, vault_id) WHERE state <> 'done';
CREATE INDEX rotations_waiting ON rotations (id) WHERE state IN ('pending', 'running');
CREATE INDEX rotations_by_vault ON rotations (org_id, vault_id, id);

GRANT SELECT, INSERT, DELETE ON rotations TO claviger_app;
GRANT UPDATE (state, key_version, total, resealed, error, lease_owner, lease_until, fence, started_at, updated_at,
              finished_at) ON rotations TO claviger_app;

-- The key under which the value was written, which its seal names for ever; NULL while that is still kek_version.
ALTER TABLE secret_versions ADD COLUMN first_kek_version integer CHECK (first_kek_version < kek_version);

-- The runtime role still cannot rewrite what is sealed, nor remove keys, but by these two: a data key moves from an older
-- key of its vault to the newest, if nobody has touched it since it was read; and keys go that no version names.
CREATE FUNCTION reseal_versions(org uuid, vault uuid, newest integer, secrets uuid[], numbers bigint[], deks_before bytea[],
                                deks_after bytea[])
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH resealed AS (
    UPDATE secret_versions r
       SET first_kek_version = coalesce(r.first_kek_version, r.kek_version), kek_version = newest, sealed_dek = n.dek_after
      FROM unnest(secrets, numbers, deks_before, deks_after) AS n (secret_id, number, dek_before, dek_after)
     WHERE r.org_id = org AND r.secret_id = n.secret_id AND r.version = n.number
       -- With '=' the planner, while the tables are young, takes the index by key and walks the whole vault for each row.
       AND r.vault_id IS NOT DISTINCT FROM vault
       AND r.sealed_dek = n.dek_before AND r.kek_version < newest
       AND newest = (SELECT v.kek_version FROM vaults v WHERE v.org_id = org AND v.id = vault)
    RETURNING 1)
  SELECT count(*) FROM resealed
$$;

-- A version under one of them, committed or about to be, makes the commit fail.
CREATE FUNCTION remove_older_keks(org uuid, vault uuid, newest integer)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH removed AS (
    DELETE FROM vault_keks k
     WHERE k.org_id = org AND k.vault_id = vault AND k.version < newest
       AND newest = (SELECT v.kek_version FROM vaults v WHERE v.org_id = org AND v.id = vault)
    RETURNING 1)
  SELECT count(*) FROM removed
$$;

GRANT EXECUTE ON FUNCTION reseal_versions, remove_older_keks TO claviger_app;
