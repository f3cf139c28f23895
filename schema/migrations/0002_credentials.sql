-- Credentials other than passwords: personal API keys and agents with theirs.

-- What more caches must forget: a key, an agent, and whatever belongs to an organisation as a whole.
ALTER TABLE change_log DROP CONSTRAINT change_log_kind_check;
ALTER TABLE change_log ADD CONSTRAINT change_log_kind_check
  CHECK (kind IN ('user', 'token', 'key', 'agent', 'org'));
