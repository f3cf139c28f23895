-- From which addresses an organisation's people and agents may come.

CREATE TABLE ip_rules (
  org_id     uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
  id         uuid NOT NULL,
  rule_type  text NOT NULL CHECK (rule_type IN ('allow', 'deny', 'block')),  -- block: another word for deny
  cidr       text NOT NULL CHECK (char_length(cidr) BETWEEN 2 AND 49),       -- as the client wrote it
  label      text NOT NULL CHECK (octet_length(label) <= 1024),
  applies_to text NOT NULL CHECK (applies_to IN ('all', 'users', 'agents')),
  created_by uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)
);

-- A rule never changes: it is made and removed.
GRANT SELECT, INSERT, DELETE ON ip_rules TO claviger_app;
