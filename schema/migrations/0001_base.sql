-- The first schema. Data dictionary: docs/ARCHITECTURE.md. Every key starts with org_id and no reference crosses
-- organisations. The nil UUID as org_id means the installation itself. Applied as the owner role; the runtime role
-- (claviger_app) gets exactly the grants at the end.

CREATE TABLE installation (
  only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  id            uuid NOT NULL,
  created_at    timestamptz NOT NULL,
  system_kek_version      integer NOT NULL,
  system_kek_root_version integer NOT NULL,
  system_kek_blob         bytea NOT NULL CHECK (octet_length(system_kek_blob) = 40),
  system_kek_check        bytea NOT NULL CHECK (octet_length(system_kek_check) = 44)
);

CREATE TABLE orgs (
  id         uuid PRIMARY KEY,
  name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
  created_at timestamptz NOT NULL
);

CREATE TABLE users (
  org_id            uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
  id                uuid NOT NULL UNIQUE,
  email             text NOT NULL UNIQUE CHECK (char_length(email) BETWEEN 3 AND 254),
  display_name      text NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 255),
  role              text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
  auth_method       text NOT NULL CHECK (auth_method IN ('email')),
  password_hash     text NOT NULL,
  email_verified    boolean NOT NULL DEFAULT false,
  marketing_emails  boolean NOT NULL DEFAULT false,
  -- Tokens issued before this time are dead (password change).
  tokens_valid_from timestamptz NOT NULL,
  created_at        timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)
);

-- Tokens revoked before their time; rows may go once expires_at has passed.
CREATE TABLE revoked_tokens (
  org_id     uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
  jti        uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, jti)
);
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

-- What other nodes' caches must forget, written in the transaction that changes it. Readers poll by transaction id:
-- every row with xid at or above the last snapshot's xmin is new or was perhaps not yet visible.
CREATE TABLE change_log (
  xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
  kind       text NOT NULL CHECK (kind IN ('user', 'token')),
  id         uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX change_log_by_xid ON change_log (xid);

CREATE TABLE vaults (
  org_id          uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
  id              uuid NOT NULL,
  name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
  description     text NOT NULL,
  created_by_type text NOT NULL CHECK (created_by_type IN ('user', 'agent')),
  created_by      uuid NOT NULL,
  kek_version     integer NOT NULL,
  created_at      timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, name)
);

CREATE TABLE vault_keks (
  org_id       uuid NOT NULL,
  vault_id     uuid NOT NULL,
  version      integer NOT NULL CHECK (version >= 1),
  root_version integer NOT NULL CHECK (root_version >= 1),
  blob         bytea NOT NULL CHECK (octet_length(blob) = 40),
  check_record bytea NOT NULL CHECK (octet_length(check_record) = 44),
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (org_id, vault_id, version),
  FOREIGN KEY (org_id, vault_id) REFERENCES vaults ON DELETE CASCADE
);

CREATE TABLE secrets (
  org_id     uuid NOT NULL,
  vault_id   uuid NOT NULL,
  id         uuid NOT NULL,
  path       text COLLATE "C" NOT NULL CHECK (char_length(path) BETWEEN 1 AND 512),
  version    integer NOT NULL CHECK (version >= 1),
  deleted_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, vault_id, path),
  FOREIGN KEY (org_id, vault_id) REFERENCES vaults ON DELETE CASCADE
);

CREATE TABLE secret_versions (
  org_id           uuid NOT NULL,
  vault_id         uuid NOT NULL,
  secret_id        uuid NOT NULL,
  version          integer NOT NULL CHECK (version >= 1),
  type             text NOT NULL,
  metadata         text NOT NULL,  -- JSON object as the client sent it; not secret
  expires_at       timestamptz,
  max_access_count integer NOT NULL DEFAULT 0 CHECK (max_access_count >= 0),  -- 0: unlimited
  access_count     integer NOT NULL DEFAULT 0 CHECK (access_count >= 0),
  created_by_type  text NOT NULL CHECK (created_by_type IN ('user', 'agent')),
  created_by       uuid NOT NULL,
  created_at       timestamptz NOT NULL,
  kek_version      integer NOT NULL,
  sealed_dek       bytea NOT NULL CHECK (octet_length(sealed_dek) = 60),
  ciphertext       bytea NOT NULL CHECK (octet_length(ciphertext) >= 28),
  -- No two indexes of a table share a prefix that a look-up gives in full: the planner could take the wrong one.
  PRIMARY KEY (org_id, secret_id, version),
  CHECK (max_access_count = 0 OR access_count <= max_access_count),
  FOREIGN KEY (org_id, secret_id) REFERENCES secrets ON DELETE CASCADE,
  -- Deferred, or the deletion of a vault would reach the keys before the versions and fail.
  FOREIGN KEY (org_id, vault_id, kek_version) REFERENCES vault_keks (org_id, vault_id, version)
    DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX secret_versions_by_kek ON secret_versions (org_id, vault_id, kek_version);
ALTER TABLE secret_versions ALTER COLUMN ciphertext SET STORAGE EXTERNAL;  -- ciphertext does not compress

-- The audit log. Rows are never changed or removed by the daemon; outlives organisations, hence no references.
CREATE TABLE audit_events (
  org_id        uuid NOT NULL,
  id            uuid NOT NULL,
  actor_type    text NOT NULL,
  actor_id      text NOT NULL,
  action        text NOT NULL,
  resource_type text NOT NULL,
  resource_id   text NOT NULL,
  outcome       text NOT NULL,
  details       text NOT NULL,  -- JSON object, byte for byte what was hashed
  ip_address    text NOT NULL,
  request_id    text NOT NULL,
  created_at    timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)  -- ids of version 7: also the order of time
);

-- Committed events that the linker has not linked yet; the linker alone removes rows.
CREATE TABLE audit_pending (
  org_id   uuid NOT NULL,
  event_id uuid NOT NULL,
  PRIMARY KEY (event_id)
);

CREATE TABLE audit_checkpoints (
  number        bigint PRIMARY KEY CHECK (number >= 1),
  previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
  root          bytea NOT NULL CHECK (octet_length(root) = 32),
  total_records bigint NOT NULL,
  created_at    timestamptz NOT NULL,
  kid           text NOT NULL,
  signature     bytea NOT NULL
);

CREATE TABLE audit_leaves (
  checkpoint bigint NOT NULL REFERENCES audit_checkpoints,
  tag        bytea NOT NULL CHECK (octet_length(tag) = 32),
  count      bigint NOT NULL,
  head       bytea NOT NULL CHECK (octet_length(head) = 32),
  PRIMARY KEY (checkpoint, tag)
);

CREATE TABLE audit_links (
  org_id         uuid NOT NULL,
  sequence       bigint NOT NULL CHECK (sequence >= 1),
  event_id       uuid NOT NULL,
  prev_event_id  uuid,
  integrity_hash bytea NOT NULL CHECK (octet_length(integrity_hash) = 32),
  checkpoint     bigint NOT NULL,  -- inserted in the same transaction; no reference, which would cost each row a look-up
  PRIMARY KEY (org_id, sequence),
  UNIQUE (org_id, event_id)
);

-- Nobody else may do anything here, not even with what later migrations make.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC;

-- UPDATE goes by column: keys, ciphertexts and the names of what they belong to are written once. Versions and keys
-- go only with the secret or vault they belong to (the cascade acts as the owner).
GRANT USAGE ON SCHEMA public TO claviger_app;
GRANT SELECT ON installation, schema_migrations TO claviger_app;
GRANT SELECT, INSERT, DELETE ON orgs, users, vaults, secrets TO claviger_app;
GRANT SELECT, INSERT ON vault_keks, secret_versions TO claviger_app;
GRANT UPDATE (name) ON orgs TO claviger_app;
GRANT UPDATE (email, display_name, role, password_hash, email_verified, marketing_emails, tokens_valid_from)
  ON users TO claviger_app;
GRANT UPDATE (name, description, kek_version) ON vaults TO claviger_app;
GRANT UPDATE (version, deleted_at) ON secrets TO claviger_app;
GRANT UPDATE (access_count) ON secret_versions TO claviger_app;
GRANT SELECT, INSERT, DELETE ON revoked_tokens, change_log, audit_pending TO claviger_app;
GRANT SELECT, INSERT ON audit_events, audit_links, audit_checkpoints, audit_leaves TO claviger_app;
