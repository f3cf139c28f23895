-- What guessing at credentials has used up. Both tables belong to the installation as a whole, since who guesses has
-- no organisation yet; keys are HMACs of addresses and accounts under a key that comes from the HSM.

-- A budget that is not full. Full at full_at if nobody guesses until then; the row says nothing any more after that.
CREATE TABLE guess_budgets (
  key     bytea PRIMARY KEY CHECK (octet_length(key) = 32),
  full_at timestamptz NOT NULL  -- no index: rows change in place
) WITH (fillfactor = 70);

-- An address at which an account has lately proven itself.
CREATE TABLE familiar_addresses (
  account bytea NOT NULL CHECK (octet_length(account) = 32),
  address bytea NOT NULL CHECK (octet_length(address) = 32),
  seen_at timestamptz NOT NULL,
  PRIMARY KEY (account, address)
);

GRANT SELECT, INSERT, DELETE ON guess_budgets, familiar_addresses TO claviger_app;
GRANT UPDATE (full_at) ON guess_budgets TO claviger_app;
GRANT UPDATE (seen_at) ON familiar_addresses TO claviger_app;

-- Tries of codes are such guesses.
ALTER TABLE totp_factors DROP COLUMN hour_began, DROP COLUMN hour_tries;
