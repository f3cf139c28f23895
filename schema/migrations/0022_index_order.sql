-- No index but those of primary keys and unique constraints begins with the organisation. Of several that do, the
-- planner takes any while a table is young, and then walks all rows of an organisation to find the one whose whole
-- key it was given.

DROP INDEX secret_versions_by_kek, secret_versions_by_cmek;
CREATE INDEX secret_versions_by_kek ON secret_versions (vault_id, org_id, kek_version);
CREATE INDEX secret_versions_by_cmek ON secret_versions (vault_id, org_id, cmek_fingerprint, secret_id, version)
  WHERE cmek_fingerprint IS NOT NULL;

DROP INDEX shares_by_secret, shares_by_user, shares_by_agent, shares_by_recipient;
CREATE INDEX shares_by_secret ON shares (secret_id, org_id);
CREATE INDEX shares_by_user ON shares (by_user, org_id, id);
CREATE INDEX shares_by_agent ON shares (by_agent, org_id, id);
CREATE INDEX shares_by_recipient ON shares (to_id, org_id, id);

DROP INDEX agents_by_creator, api_keys_by_user, device_codes_by_user, invitations_by_inviter, policies_by_principal,
  refresh_families_by_user, refresh_tokens_by_access, rotations_by_vault, rotations_unfinished;
CREATE INDEX agents_by_creator ON agents (created_by, org_id);
CREATE INDEX api_keys_by_user ON api_keys (user_id, org_id, id);
CREATE INDEX device_codes_by_user ON device_codes (user_id, org_id);
CREATE INDEX invitations_by_inviter ON invitations (invited_by, org_id);
CREATE INDEX policies_by_principal ON policies (principal_id, org_id, vault_id);
CREATE INDEX refresh_families_by_user ON refresh_families (user_id, org_id, rotated_at);
CREATE INDEX refresh_tokens_by_access ON refresh_tokens (access_id, org_id);
CREATE INDEX rotations_by_vault ON rotations (vault_id, org_id, id);
CREATE UNIQUE INDEX rotations_unfinished ON rotations (vault_id, org_id)
  WHERE state <> 'done' AND NOT (kind = 'cmek' AND state = 'failed');
