-- The audit log in parts, one a month, so that old months can be detached and kept elsewhere. Ids of version 7 begin
-- with their time: ids bound the parts, and the primary key stays what it was.

ALTER TABLE audit_events RENAME TO audit_events_first;
ALTER INDEX audit_events_pkey RENAME TO audit_events_first_pkey;
REVOKE ALL ON audit_events_first FROM claviger_app;

CREATE TABLE audit_events (LIKE audit_events_first INCLUDING ALL) PARTITION BY RANGE (id);
GRANT SELECT, INSERT ON audit_events TO claviger_app;
-- Takes what no month was made for, so that no record is refused for want of one.
CREATE TABLE audit_events_other PARTITION OF audit_events DEFAULT;

-- The least id of a month.
CREATE FUNCTION audit_month_start(month timestamp) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN (lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- What is there, whatever its months, is one part up to the end of next month, which it is named after.
DO $$
DECLARE
  last timestamp := date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month';
BEGIN
  EXECUTE format('ALTER TABLE audit_events_first RENAME TO %I', 'audit_events_' || to_char(last, 'YYYY_MM'));
  EXECUTE format('ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
                 'audit_events_' || to_char(last, 'YYYY_MM'), audit_month_start(last + interval '1 month'));
END $$;

-- Makes the months behind the newest part up to three from now, twelve at most, and returns how many. All that the
-- runtime role may do to the parts. Fails while audit_events_other holds records of such a month.
CREATE FUNCTION make_audit_months() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
  month timestamp;
  part text;
  made integer := 0;
BEGIN
  SELECT max(to_date(right(c.relname, 7), 'YYYY_MM')) + interval '1 month' INTO month
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
   WHERE i.inhparent = 'public.audit_events'::regclass AND c.relname ~ '^audit_events_[0-9]{4}_[0-9]{2}$';
  month := coalesce(month, this_month);
  WHILE month <= this_month + interval '3 months' AND made < 12 LOOP
    part := 'audit_events_' || to_char(month, 'YYYY_MM');
    -- Attaching takes a weaker lock than making it as a part.
    EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_events INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE public.audit_events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', part,
                   public.audit_month_start(month), public.audit_month_start(month + interval '1 month'));
    month := month + interval '1 month';
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION audit_month_start(timestamp), make_audit_months() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_audit_months() TO claviger_app;
SELECT make_audit_months();

-- To read the log of a checkpoint.
CREATE INDEX audit_links_by_checkpoint ON audit_links (checkpoint);

-- Auditors read the log of their organisation and nothing else of it.
ALTER TABLE users DROP CONSTRAINT users_role_check,
  ADD CONSTRAINT users_role_check CHECK (role IN ('owner', 'admin', 'member', 'auditor'));
ALTER TABLE invitations DROP CONSTRAINT invitations_role_check,
  ADD CONSTRAINT invitations_role_check CHECK (role IN ('owner', 'admin', 'member', 'auditor'));
