-- Agents that somebody asks for in another's name, by their e-mail address.

-- Asked for, and no node has looked yet whose the address is; so they belong to the installation.
CREATE TABLE enrollments (
  id              uuid PRIMARY KEY,  -- of the request that asked
  email           text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 254),
  name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
  description     text NOT NULL,
  client          text NOT NULL,  -- from where, as in the audit log
  next_attempt_at timestamptz NOT NULL,
  created_at      timestamptz NOT NULL
);
CREATE INDEX enrollments_by_time ON enrollments (next_attempt_at);

GRANT SELECT, INSERT, DELETE ON enrollments TO claviger_app;
GRANT UPDATE (next_attempt_at) ON enrollments TO claviger_app;

-- Whether the agent came so. Few of these may wait for their first use.
ALTER TABLE agents ADD COLUMN enrolled boolean NOT NULL DEFAULT false;
