-- Customer-managed keys: values that clients seal before they send them, and the rotation of their keys.

-- SHA-256 of the key under which clients seal what they write; NULL: they do not.
ALTER TABLE vaults ADD COLUMN cmek_fingerprint bytea CHECK (octet_length(cmek_fingerprint) = 32);
GRANT UPDATE (cmek_fingerprint) ON vaults TO claviger_app;

-- The key under which the client sealed the value, as far as anybody can know: the vault's when it was written, or
-- since the last rotation. NULL: the value is what the client meant.
ALTER TABLE secret_versions ADD COLUMN cmek_fingerprint bytea CHECK (octet_length(cmek_fingerprint) = 32);
CREATE INDEX secret_versions_by_cmek ON secret_versions (org_id, vault_id, cmek_fingerprint, secret_id, version)
  WHERE cmek_fingerprint IS NOT NULL;

-- A rotation of a customer's key has failed for good: the keys are gone from the server's memory.
ALTER TABLE rotations DROP CONSTRAINT rotations_kind_check;
ALTER TABLE rotations ADD CONSTRAINT rotations_kind_check CHECK (kind IN ('vault', 'cmek'));
ALTER TABLE rotations ADD COLUMN old_fingerprint bytea CHECK (octet_length(old_fingerprint) = 32);
ALTER TABLE rotations ADD COLUMN new_fingerprint bytea CHECK (octet_length(new_fingerprint) = 32);
ALTER TABLE rotations ADD CHECK ((kind = 'cmek') = (old_fingerprint IS NOT NULL)
                                 AND (kind = 'cmek') = (new_fingerprint IS NOT NULL));
ALTER TABLE rotations ADD CHECK (kind = 'vault' OR state IN ('running', 'failed', 'done'));
DROP INDEX rotations_unfinished;
CREATE UNIQUE INDEX rotations_unfinished ON rotations (org_id, vault_id)
  WHERE state <> 'done' AND NOT (kind = 'cmek' AND state = 'failed');

-- A write under a customer's key begins with this: until it ends the vault keeps that key. If the vault has another
-- by now the write is tried again.
CREATE FUNCTION keep_cmek_key(org uuid, vault uuid, fingerprint bytea)
RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM vaults v WHERE v.org_id = org AND v.id = vault AND v.cmek_fingerprint = fingerprint FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the vault has another customer-managed key' USING ERRCODE = 'foreign_key_violation';
  END IF;
END
$$;

-- The runtime role still cannot rewrite what is sealed, but by this: values move from the vault's customer-managed key
-- to the next one and under the newest KEK, if nobody has touched them since they were read.
CREATE FUNCTION exchange_cmek_key(org uuid, vault uuid, old_key bytea, new_key bytea, newest integer, secrets uuid[],
                                  numbers bigint[], deks_before bytea[], deks_after bytea[], values_after bytea[])
RETURNS bigint LANGUAGE sql STRICT SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH exchanged AS (
    UPDATE secret_versions r
       SET cmek_fingerprint = new_key, kek_version = newest, first_kek_version = NULL, sealed_dek = n.dek_after,
           ciphertext = n.value_after
      FROM unnest(secrets, numbers, deks_before, deks_after, values_after)
             AS n (secret_id, number, dek_before, dek_after, value_after)
     WHERE r.org_id = org AND r.secret_id = n.secret_id AND r.version = n.number
       -- With '=' the planner, while the tables are young, takes another index and walks the whole vault for each row.
       AND r.vault_id IS NOT DISTINCT FROM vault AND r.cmek_fingerprint IS NOT DISTINCT FROM old_key
       AND r.sealed_dek = n.dek_before
       AND EXISTS (SELECT FROM vaults v WHERE v.org_id = org AND v.id = vault AND v.cmek_fingerprint = old_key
                   AND v.kek_version = newest)
    RETURNING 1)
  SELECT count(*) FROM exchanged
$$;

GRANT EXECUTE ON FUNCTION keep_cmek_key, exchange_cmek_key TO claviger_app;
