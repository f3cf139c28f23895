-- Under which version of the lookup key a credential's HMAC is, or a share's link was derived. An installation that
-- moves to another token has two of these keys for a while. Of a device login, the older of its two HMACs; of a family
-- of refresh tokens each token tells.
ALTER TABLE api_keys ADD COLUMN lookup_version integer NOT NULL DEFAULT 1 CHECK (lookup_version >= 1);
ALTER TABLE agents ADD COLUMN lookup_version integer NOT NULL DEFAULT 1 CHECK (lookup_version >= 1);
ALTER TABLE recovery_codes ADD COLUMN lookup_version integer NOT NULL DEFAULT 1 CHECK (lookup_version >= 1);
ALTER TABLE mfa_challenges ADD COLUMN lookup_version integer NOT NULL DEFAULT 1 CHECK (lookup_version >= 1);
ALTER TABLE pending_signups ADD COLUMN lookup_version integer NOT NULL DEFAULT 1 CHECK (lookup_version >= 1);
ALTER TABLE device_codes ADD COLUMN lookup_version integer NOT NULL DEFAULT 1 CHECK (lookup_version >= 1);
ALTER TABLE page_sessions ADD COLUMN lookup_version integer NOT NULL DEFAULT 1 CHECK (lookup_version >= 1);
ALTER TABLE refresh_tokens ADD COLUMN lookup_version integer NOT NULL DEFAULT 1 CHECK (lookup_version >= 1);
ALTER TABLE shares ADD COLUMN lookup_version integer NOT NULL DEFAULT 1 CHECK (lookup_version >= 1);
GRANT UPDATE (lookup_version) ON agents, pending_signups TO claviger_app;

-- A key that was shown: from the HMAC that was read, if it is still there, to one under a newer lookup key. The runtime
-- role still cannot rewrite that of a personal key but by this. Both wait for nobody: false if somebody holds the row.
CREATE FUNCTION move_api_key(org uuid, key uuid, mac_before bytea, mac_after bytea, version integer)
RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH moved AS (
    UPDATE api_keys k SET mac = mac_after, lookup_version = version
      FROM (SELECT f.org_id, f.id FROM api_keys f
             WHERE f.org_id = org AND f.id = key AND f.mac = mac_before AND f.lookup_version < version
               FOR UPDATE SKIP LOCKED) found
     WHERE k.org_id = found.org_id AND k.id = found.id
    RETURNING 1)
  SELECT EXISTS (SELECT FROM moved)
$$;
CREATE FUNCTION move_agent_key(org uuid, agent uuid, mac_before bytea, mac_after bytea, version integer)
RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH moved AS (
    UPDATE agents a SET mac = mac_after, lookup_version = version
      FROM (SELECT f.org_id, f.id FROM agents f
             WHERE f.org_id = org AND f.id = agent AND f.mac = mac_before AND f.lookup_version < version
               FOR UPDATE SKIP LOCKED) found
     WHERE a.org_id = found.org_id AND a.id = found.id
    RETURNING 1)
  SELECT EXISTS (SELECT FROM moved)
$$;
GRANT EXECUTE ON FUNCTION move_api_key, move_agent_key TO claviger_app;
