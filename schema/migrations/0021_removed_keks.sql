-- A KEK that is removed, with its vault, its organisation or by a rotation, is forgotten by every node's HSM session.

ALTER TABLE change_log DROP CONSTRAINT change_log_kind_check;
ALTER TABLE change_log ADD CONSTRAINT change_log_kind_check
  CHECK (kind IN ('user', 'token', 'key', 'agent', 'org', 'policy', 'kek'));

CREATE FUNCTION tell_removed_keks()
RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO change_log (kind, id) SELECT DISTINCT 'kek', vault_id FROM removed;
  RETURN NULL;
END
$$;
CREATE TRIGGER removed_keks AFTER DELETE ON vault_keks REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION tell_removed_keks();
