-- Personal API keys.

-- A key of a person. The key itself is nowhere: `mac` is its HMAC under the HSM's lookup key.
CREATE TABLE api_keys (
  org_id       uuid NOT NULL,
  id           uuid NOT NULL,
  user_id      uuid NOT NULL,
  name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
  mac          bytea NOT NULL UNIQUE CHECK (octet_length(mac) = 32),  -- who shows a key shows nothing else
  key_prefix   text NOT NULL CHECK (char_length(key_prefix) = 12),
  scopes       text NOT NULL,  -- JSON array of strings
  is_active    boolean NOT NULL DEFAULT true,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz,
  last_used_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX api_keys_by_user ON api_keys (org_id, user_id, id);

GRANT SELECT, INSERT, DELETE ON api_keys TO claviger_app;
GRANT UPDATE (is_active, last_used_at) ON api_keys TO claviger_app;
