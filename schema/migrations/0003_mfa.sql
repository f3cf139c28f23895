-- The second factor of people: TOTP, its recovery codes, and logins that wait for it.

CREATE TABLE totp_factors (
  org_id        uuid NOT NULL,
  user_id       uuid NOT NULL,
  -- 20 bytes, sealed under the system KEK for this person.
  sealed_secret bytea NOT NULL CHECK (octet_length(sealed_secret) = 108),
  enabled_at    timestamptz,  -- NULL: set up, but no code was seen yet
  -- The newest step of 30 seconds whose code was accepted; neither it nor an older one ever is again.
  last_step     bigint NOT NULL DEFAULT 0,
  -- Codes tried in the hour that began then, over all challenges.
  hour_began    timestamptz NOT NULL,
  hour_tries    integer NOT NULL DEFAULT 0 CHECK (hour_tries >= 0),
  created_at    timestamptz NOT NULL,
  PRIMARY KEY (org_id, user_id),
  FOREIGN KEY (org_id, user_id) REFERENCES users ON DELETE CASCADE
);

-- What is left of them: a code that was used is removed.
CREATE TABLE recovery_codes (
  org_id  uuid NOT NULL,
  user_id uuid NOT NULL,
  mac     bytea NOT NULL CHECK (octet_length(mac) = 32),
  PRIMARY KEY (org_id, user_id, mac),
  FOREIGN KEY (org_id, user_id) REFERENCES totp_factors ON DELETE CASCADE
);

-- A login whose password was right. It goes when it succeeds, and with the password or the factor it rests on.
CREATE TABLE mfa_challenges (
  org_id     uuid NOT NULL,
  user_id    uuid NOT NULL,
  mac        bytea NOT NULL UNIQUE CHECK (octet_length(mac) = 32),
  tries      integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, user_id, mac),
  FOREIGN KEY (org_id, user_id) REFERENCES totp_factors ON DELETE CASCADE
);

GRANT SELECT, INSERT, DELETE ON totp_factors, recovery_codes, mfa_challenges TO claviger_app;
GRANT UPDATE (sealed_secret, enabled_at, last_step, hour_began, hour_tries, created_at) ON totp_factors TO claviger_app;
GRANT UPDATE (tries) ON mfa_challenges TO claviger_app;
