-- Logins of devices: a device shows a code, a person approves it at a page or by the API.

-- A login that waits, or that nobody has fetched yet. Of both codes only HMACs are kept.
CREATE TABLE device_codes (
  device_mac       bytea PRIMARY KEY CHECK (octet_length(device_mac) = 32),
  user_mac         bytea NOT NULL UNIQUE CHECK (octet_length(user_mac) = 32),
  -- What asks, by its own account, and from where.
  client_id        text NOT NULL CHECK (octet_length(client_id) BETWEEN 1 AND 64),
  device_name      text NOT NULL CHECK (octet_length(device_name) <= 64),
  user_agent       text NOT NULL CHECK (octet_length(user_agent) <= 256),
  address          text NOT NULL CHECK (octet_length(address) <= 64),
  offline          boolean NOT NULL,  -- asked for a refresh token
  created_at       timestamptz NOT NULL,
  expires_at       timestamptz NOT NULL,
  polled_at        timestamptz,       -- the newest poll that did not come too early
  interval_seconds integer NOT NULL CHECK (interval_seconds > 0),
  decision         text CHECK (decision IN ('approved', 'denied')),  -- NULL: nobody has decided
  org_id           uuid,              -- who decided
  user_id          uuid,
  decided_at       timestamptz,
  CHECK (num_nulls(decision, org_id, user_id, decided_at) IN (0, 4)),
  FOREIGN KEY (org_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX device_codes_by_expiry ON device_codes (expires_at);
CREATE INDEX device_codes_by_address ON device_codes (address, expires_at);
CREATE INDEX device_codes_by_user ON device_codes (org_id, user_id);

-- A person signed in at a page, for one decision.
CREATE TABLE page_sessions (
  org_id       uuid NOT NULL,
  user_id      uuid NOT NULL,
  mac          bytea NOT NULL UNIQUE CHECK (octet_length(mac) = 32),
  signed_in_at timestamptz NOT NULL,  -- as the `iat` of a token
  expires_at   timestamptz NOT NULL,
  PRIMARY KEY (org_id, user_id, mac),
  FOREIGN KEY (org_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX page_sessions_by_expiry ON page_sessions (expires_at);

-- The refresh tokens that follow from one approval. One of them is current; the one before it may be repeated for a
-- moment; the use of any other ends the family.
CREATE TABLE refresh_families (
  org_id       uuid NOT NULL,
  id           uuid NOT NULL,
  user_id      uuid NOT NULL,
  client_id    text NOT NULL CHECK (octet_length(client_id) BETWEEN 1 AND 64),
  began_at     timestamptz NOT NULL,  -- the approval
  expires_at   timestamptz NOT NULL,
  current_mac  bytea NOT NULL CHECK (octet_length(current_mac) = 32),
  previous_mac bytea CHECK (octet_length(previous_mac) = 32),
  rotated_at   timestamptz NOT NULL,
  rotations    integer NOT NULL DEFAULT 0 CHECK (rotations BETWEEN 0 AND 20000),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX refresh_families_by_user ON refresh_families (org_id, user_id, rotated_at);
CREATE INDEX refresh_families_by_rotation ON refresh_families (rotated_at);

-- All that a family ever had, each with the access token that was given out beside it.
CREATE TABLE refresh_tokens (
  org_id            uuid NOT NULL,
  family_id         uuid NOT NULL,
  mac               bytea NOT NULL UNIQUE CHECK (octet_length(mac) = 32),
  access_id         uuid NOT NULL,
  access_expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, family_id, mac),
  FOREIGN KEY (org_id, family_id) REFERENCES refresh_families ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_by_access ON refresh_tokens (org_id, access_id);

GRANT SELECT, INSERT, DELETE ON device_codes, page_sessions, refresh_families, refresh_tokens TO claviger_app;
GRANT UPDATE (polled_at, interval_seconds, decision, org_id, user_id, decided_at) ON device_codes TO claviger_app;
GRANT UPDATE (current_mac, previous_mac, rotated_at, rotations) ON refresh_families TO claviger_app;
