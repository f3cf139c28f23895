-- Mail that waits to be sent, and signups that wait for the proof that an address is the person's.

-- It belongs to the installation. A mail goes with the transaction that it tells of, and its row when it was sent.
CREATE TABLE outbox (
  id              uuid PRIMARY KEY,
  recipient       text NOT NULL CHECK (char_length(recipient) BETWEEN 3 AND 254),
  sealed          bytea CHECK (octet_length(sealed) > 60),  -- the mail, under the system KEK; NULL once it was refused
  attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_attempt_at timestamptz NOT NULL,
  refused_at      timestamptz,
  refusal         text CHECK (char_length(refusal) <= 255),
  created_at      timestamptz NOT NULL,
  CHECK ((sealed IS NULL) = (refused_at IS NOT NULL) AND (refused_at IS NULL) = (refusal IS NULL))
);
CREATE INDEX outbox_by_time ON outbox (next_attempt_at) WHERE refused_at IS NULL;

-- One for an address, whether or not it has an account: the newest. Only the mail's link makes an account of it.
CREATE TABLE pending_signups (
  email         text PRIMARY KEY CHECK (char_length(email) BETWEEN 3 AND 254),
  mac           bytea NOT NULL UNIQUE CHECK (octet_length(mac) = 32),
  display_name  text NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 255),
  password_hash text NOT NULL,
  expires_at    timestamptz NOT NULL,
  -- Mails to the address in the hour that began then.
  hour_began    timestamptz NOT NULL,
  hour_mails    integer NOT NULL DEFAULT 1 CHECK (hour_mails >= 1)
);
CREATE INDEX pending_signups_by_expiry ON pending_signups (expires_at);

GRANT SELECT, INSERT, DELETE ON outbox, pending_signups TO claviger_app;
GRANT UPDATE (sealed, attempts, next_attempt_at, refused_at, refusal) ON outbox TO claviger_app;
GRANT UPDATE (mac, display_name, password_hash, expires_at, hour_began, hour_mails) ON pending_signups TO claviger_app;
