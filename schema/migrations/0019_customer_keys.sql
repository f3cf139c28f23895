-- Keys on tokens of customers' own, under which the data keys of a vault lie besides its KEK.

CREATE TABLE vault_customer_keys (
  org_id       uuid NOT NULL,
  vault_id     uuid NOT NULL,
  id           uuid NOT NULL,
  token        text NOT NULL CHECK (octet_length(token) BETWEEN 1 AND 32),
  label        text NOT NULL CHECK (octet_length(label) BETWEEN 1 AND 255),
  check_record bytea NOT NULL CHECK (octet_length(check_record) = 44),
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (org_id, vault_id, id),
  FOREIGN KEY (org_id, vault_id) REFERENCES vaults ON DELETE CASCADE
);
GRANT SELECT, INSERT, DELETE ON vault_customer_keys TO claviger_app;

-- The key that the vault's next KEK goes with; NULL: none. The KEKs themselves say which they went with: a rotation
-- leads from one to the other, and whatever lies under a KEK lies under its customer's key.
ALTER TABLE vaults ADD COLUMN customer_key_id uuid;
ALTER TABLE vaults ADD FOREIGN KEY (org_id, id, customer_key_id) REFERENCES vault_customer_keys (org_id, vault_id, id);
ALTER TABLE vaults ADD CHECK (cmek_fingerprint IS NULL OR customer_key_id IS NULL);
GRANT UPDATE (customer_key_id) ON vaults TO claviger_app;
ALTER TABLE vault_keks ADD COLUMN customer_key_id uuid;
ALTER TABLE vault_keks ADD FOREIGN KEY (org_id, vault_id, customer_key_id)
  REFERENCES vault_customer_keys (org_id, vault_id, id);

-- 60 bytes under a KEK alone, 88 under a customer's key as well.
ALTER TABLE secret_versions DROP CONSTRAINT secret_versions_sealed_dek_check;
ALTER TABLE secret_versions ADD CONSTRAINT secret_versions_sealed_dek_check CHECK (octet_length(sealed_dek) IN (60, 88));
