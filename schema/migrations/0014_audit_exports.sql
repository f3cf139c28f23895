-- How far the receivers of the audit log outside the database have got, and which node sends to them.
CREATE TABLE audit_exports (
  name         text PRIMARY KEY CHECK (name IN ('syslog', 'file')),
  checkpoint   bigint NOT NULL CHECK (checkpoint >= 0),  -- it and all before it have arrived
  holder       uuid NOT NULL,                            -- of the lease: one start of one daemon
  leased_until timestamptz NOT NULL
);

GRANT SELECT, INSERT ON audit_exports TO claviger_app;
GRANT UPDATE (checkpoint, holder, leased_until) ON audit_exports TO claviger_app;
