-- Rotation of the root key: every KEK is replaced by one under the new root, the system KEK among them.

-- The system KEK in several versions. All is sealed under the newest; each sealed record says under which it lies.
CREATE TABLE system_keks (
  version      integer PRIMARY KEY CHECK (version >= 1),
  root_version integer NOT NULL CHECK (root_version >= 1),
  blob         bytea NOT NULL CHECK (octet_length(blob) = 40),
  check_record bytea NOT NULL CHECK (octet_length(check_record) = 44),
  created_at   timestamptz NOT NULL
);
INSERT INTO system_keks
  SELECT system_kek_version, system_kek_root_version, system_kek_blob, system_kek_check, created_at FROM installation;
ALTER TABLE installation DROP COLUMN system_kek_version, DROP COLUMN system_kek_root_version,
  DROP COLUMN system_kek_blob, DROP COLUMN system_kek_check;
GRANT SELECT, INSERT ON system_keks TO claviger_app;

-- By id a factor is known again when it was sealed anew.
ALTER TABLE totp_factors ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE totp_factors ADD COLUMN kek_version integer NOT NULL DEFAULT 1 REFERENCES system_keks;
ALTER TABLE totp_factors ALTER COLUMN id DROP DEFAULT, ALTER COLUMN kek_version DROP DEFAULT;
CREATE INDEX totp_factors_by_kek ON totp_factors (kek_version);
GRANT UPDATE (id, kek_version) ON totp_factors TO claviger_app;

ALTER TABLE outbox ADD COLUMN kek_version integer DEFAULT 1 REFERENCES system_keks;
UPDATE outbox SET kek_version = NULL WHERE sealed IS NULL;
ALTER TABLE outbox ALTER COLUMN kek_version DROP DEFAULT;
ALTER TABLE outbox ADD CHECK ((sealed IS NULL) = (kek_version IS NULL));
CREATE INDEX outbox_by_kek ON outbox (kek_version);
GRANT UPDATE (kek_version) ON outbox TO claviger_app;

-- From the commit of a row on no KEK is written under an older root. Leases and fences are as in `rotations`.
CREATE TABLE root_rotations (
  root_version     integer PRIMARY KEY CHECK (root_version >= 2),
  id               uuid NOT NULL,
  state            text NOT NULL CHECK (state IN ('pending', 'running', 'paused', 'failed', 'done')),
  vaults_total     bigint NOT NULL CHECK (vaults_total >= 0),  -- vaults with a KEK under an older root when it began
  records_total    bigint NOT NULL CHECK (records_total >= 0),  -- factors and mails then
  records_resealed bigint NOT NULL DEFAULT 0 CHECK (records_resealed >= 0),
  error            text CHECK (char_length(error) BETWEEN 1 AND 255),
  lease_owner      uuid,
  lease_until      timestamptz,
  fence            bigint NOT NULL DEFAULT 0,
  created_at       timestamptz NOT NULL,
  started_at       timestamptz,
  updated_at       timestamptz NOT NULL,
  finished_at      timestamptz,
  CHECK ((state = 'running') = (lease_owner IS NOT NULL) AND (lease_owner IS NULL) = (lease_until IS NULL)),
  CHECK ((state = 'failed') = (error IS NOT NULL)),
  CHECK ((state = 'done') = (finished_at IS NOT NULL))
);
CREATE UNIQUE INDEX root_rotations_unfinished ON root_rotations ((true)) WHERE state <> 'done';
GRANT SELECT ON root_rotations TO claviger_app;
GRANT UPDATE (state, records_resealed, error, lease_owner, lease_until, fence, started_at, updated_at, finished_at)
  ON root_rotations TO claviger_app;

CREATE INDEX vault_keks_by_root ON vault_keks (root_version, org_id, vault_id);

-- 40: whoever was about to write one looks for the newest root and tries again.
CREATE FUNCTION refuse_outdated_root()
RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM root_rotations r WHERE r.root_version > NEW.root_version) THEN
    RAISE EXCEPTION 'the KEK lies under an outdated root key' USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER newest_root_only BEFORE INSERT ON vault_keks FOR EACH ROW EXECUTE FUNCTION refuse_outdated_root();
CREATE TRIGGER newest_root_only BEFORE INSERT ON system_keks FOR EACH ROW EXECUTE FUNCTION refuse_outdated_root();

-- The only way to begin one. The locks wait for KEKs that are being written, and let
-- nobody write one until the row is there to be seen; what lies under KEKs is read and written meanwhile.
CREATE FUNCTION begin_root_rotation(root integer, rotation uuid, moment timestamptz)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  LOCK TABLE vault_keks, system_keks IN SHARE ROW EXCLUSIVE MODE;
  INSERT INTO root_rotations (root_version, id, state, vaults_total, records_total, created_at, updated_at)
    SELECT root, rotation, 'pending',
           (SELECT count(DISTINCT (k.org_id, k.vault_id)) FROM vault_keks k WHERE k.root_version < root),
           (SELECT count(*) FROM totp_factors) + (SELECT count(*) FROM outbox o WHERE o.sealed IS NOT NULL),
           moment, moment;
END
$$;

-- A record under one of them, committed or about to be, makes it fail.
CREATE FUNCTION remove_older_system_keks(newest integer)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH removed AS (
    DELETE FROM system_keks k WHERE k.version < newest AND newest = (SELECT max(n.version) FROM system_keks n)
    RETURNING 1)
  SELECT count(*) FROM removed
$$;

GRANT EXECUTE ON FUNCTION begin_root_rotation, remove_older_system_keks TO claviger_app;
