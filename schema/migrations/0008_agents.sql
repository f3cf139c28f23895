-- Agents: programs that call by their own names. `mac` is the HMAC of an agent's key under the HSM's lookup key;
-- agents that prove themselves in another way have none.
CREATE TABLE agents (
  org_id                  uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
  id                      uuid NOT NULL,
  name                    text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
  description             text NOT NULL,
  auth_method             text NOT NULL CHECK (auth_method IN ('api_key', 'mtls', 'oidc_client_credentials')),
  client_cert_fingerprint text CHECK ((auth_method = 'mtls') = (client_cert_fingerprint IS NOT NULL)),
  oidc_issuer             text CHECK ((auth_method = 'oidc_client_credentials') = (oidc_issuer IS NOT NULL)),
  oidc_client_id          text CHECK ((auth_method = 'oidc_client_credentials') = (oidc_client_id IS NOT NULL)),
  mac                     bytea UNIQUE CHECK (octet_length(mac) = 32),
  -- Tokens issued before this time are dead (rotation of the key).
  tokens_valid_from       timestamptz NOT NULL,
  scopes                  text NOT NULL,  -- JSON arrays of strings, here and below
  vault_ids               text NOT NULL,
  is_active               boolean NOT NULL,
  intents_api_enabled     boolean NOT NULL,
  tx_to_allowlist         text NOT NULL,
  tx_allowed_chains       text NOT NULL,
  tx_max_value_eth        text,
  tx_daily_limit_eth      text,
  token_ttl_seconds       bigint CHECK (token_ttl_seconds BETWEEN 60 AND 86400),
  expires_at              timestamptz,
  ssh_public_key          bytea NOT NULL CHECK (octet_length(ssh_public_key) = 32),
  ecdh_public_key         bytea NOT NULL CHECK (octet_length(ecdh_public_key) = 65),
  created_by              uuid,  -- a user, while there is one
  created_at              timestamptz NOT NULL,
  last_active_at          timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, created_by) REFERENCES users ON DELETE SET NULL (created_by),
  CHECK ((auth_method = 'api_key') = (mac IS NOT NULL))
);
CREATE INDEX agents_by_creator ON agents (org_id, created_by);

GRANT SELECT, INSERT ON agents TO claviger_app;
GRANT UPDATE (name, description, mac, tokens_valid_from, scopes, vault_ids, is_active, intents_api_enabled,
              tx_to_allowlist, tx_allowed_chains, tx_max_value_eth, tx_daily_limit_eth, token_ttl_seconds, expires_at,
              last_active_at) ON agents TO claviger_app;
