-- Who may join an organisation with the role that is offered, once a mail has proven the address.

CREATE TABLE invitations (
  org_id     uuid NOT NULL REFERENCES orgs ON DELETE CASCADE,
  email      text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 254),
  role       text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
  invited_by uuid NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, email),
  FOREIGN KEY (org_id, invited_by) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX invitations_by_email ON invitations (email);
CREATE INDEX invitations_by_inviter ON invitations (org_id, invited_by);

-- The organisation that the mail named: nobody joins another one by its code.
ALTER TABLE pending_signups ADD COLUMN invited_to uuid;

GRANT SELECT, INSERT, DELETE ON invitations TO claviger_app;
GRANT UPDATE (role, invited_by, created_at, expires_at) ON invitations TO claviger_app;
GRANT UPDATE (invited_to) ON pending_signups TO claviger_app;
