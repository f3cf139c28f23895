-- Who may touch which secrets of a vault besides its creator. A principal need not exist (yet): people type ids.

CREATE TABLE policies (
  org_id          uuid NOT NULL,
  vault_id        uuid NOT NULL,
  id              uuid NOT NULL,
  principal_type  text NOT NULL CHECK (principal_type IN ('user', 'agent')),
  principal_id    uuid NOT NULL,
  pattern         text NOT NULL CHECK (octet_length(pattern) BETWEEN 1 AND 512),
  may_read        boolean NOT NULL,
  may_write       boolean NOT NULL,
  may_delete      boolean NOT NULL,
  conditions      text NOT NULL CHECK (octet_length(conditions) <= 4096),  -- JSON object, members in order
  expires_at      timestamptz,
  created_by_type text NOT NULL CHECK (created_by_type IN ('user', 'agent')),
  created_by      uuid NOT NULL,
  created_at      timestamptz NOT NULL,
  PRIMARY KEY (org_id, vault_id, id),
  FOREIGN KEY (org_id, vault_id) REFERENCES vaults ON DELETE CASCADE,
  CHECK (may_read OR may_write OR may_delete)
);
CREATE INDEX policies_by_principal ON policies (org_id, principal_id, vault_id);

-- Whom and what a policy is about never changes.
GRANT SELECT, INSERT, DELETE ON policies TO claviger_app;
GRANT UPDATE (may_read, may_write, may_delete, conditions, expires_at) ON policies TO claviger_app;

ALTER TABLE change_log DROP CONSTRAINT change_log_kind_check;
ALTER TABLE change_log ADD CONSTRAINT change_log_kind_check
  CHECK (kind IN ('user', 'token', 'key', 'agent', 'org', 'policy'));
