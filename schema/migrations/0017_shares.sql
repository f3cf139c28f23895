-- Shares: one secret that somebody lets somebody else read.

-- Neither the link nor anything that gives it: the id in a link is an HMAC of this row's columns down to
-- max_access_count, under the HSM's lookup key, and `lookup` is a hash of that id. See docs/FORMATS.md.
CREATE TABLE shares (
  org_id           uuid NOT NULL,
  id               uuid NOT NULL,
  secret_id        uuid NOT NULL,
  by_user          uuid,  -- who shares: a person or an agent
  by_agent         uuid,
  recipient_type   text NOT NULL
    CHECK (recipient_type IN ('creator', 'user', 'agent', 'external_email', 'anyone_with_link')),
  to_id            uuid,  -- of a person or an agent of the same organisation; goes unnoticed when they go
  to_email         text CHECK (char_length(to_email) BETWEEN 3 AND 254),
  passphrase_hash  text NOT NULL,  -- empty: none
  ip_allowlist     text NOT NULL,  -- a JSON array of networks; of none: from everywhere
  created_at       timestamptz NOT NULL,
  expires_at       timestamptz NOT NULL,
  max_access_count integer NOT NULL CHECK (max_access_count >= 0),  -- 0: unlimited
  lookup           bytea NOT NULL UNIQUE CHECK (octet_length(lookup) = 32),
  access_count     integer NOT NULL DEFAULT 0 CHECK (access_count >= 0),
  accepted_at      timestamptz,
  told_at          timestamptz,  -- when the person who shares was last told by mail that it is read
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(by_user, by_agent) = 1),
  CHECK ((to_id IS NOT NULL) = (recipient_type IN ('creator', 'user', 'agent'))),
  CHECK ((to_email IS NOT NULL) = (recipient_type = 'external_email')),
  CHECK (max_access_count = 0 OR access_count <= max_access_count),
  FOREIGN KEY (org_id, secret_id) REFERENCES secrets ON DELETE CASCADE,
  FOREIGN KEY (org_id, by_user) REFERENCES users ON DELETE CASCADE,
  FOREIGN KEY (org_id, by_agent) REFERENCES agents ON DELETE CASCADE
);
CREATE INDEX shares_by_secret ON shares (org_id, secret_id);
CREATE INDEX shares_by_user ON shares (org_id, by_user);
CREATE INDEX shares_by_agent ON shares (org_id, by_agent);
CREATE INDEX shares_by_recipient ON shares (org_id, to_id);
CREATE INDEX shares_by_email ON shares (to_email);
CREATE INDEX shares_by_expiry ON shares (expires_at);

GRANT SELECT, INSERT, DELETE ON shares TO claviger_app;
GRANT UPDATE (access_count, accepted_at, told_at) ON shares TO claviger_app;
