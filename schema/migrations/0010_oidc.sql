-- Sign-in with accounts of an OpenID provider.

-- Whose account it is whom the provider calls so. In the whole installation: who signs in has no organisation yet.
CREATE TABLE identities (
  issuer     text NOT NULL CHECK (char_length(issuer) BETWEEN 1 AND 1024),
  subject    text NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 255),
  org_id     uuid NOT NULL,
  user_id    uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (issuer, subject),
  UNIQUE (org_id, user_id, issuer),
  FOREIGN KEY (org_id, user_id) REFERENCES users ON DELETE CASCADE
);

GRANT SELECT, INSERT ON identities TO claviger_app;

-- Who has signed up at the provider has no password.
ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL;
ALTER TABLE users DROP CONSTRAINT users_auth_method_check,
  ADD CONSTRAINT users_auth_method_check CHECK (auth_method IN ('email', 'google')),
  ADD CONSTRAINT users_password_hash_check CHECK (auth_method <> 'email' OR password_hash IS NOT NULL);
