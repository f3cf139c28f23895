"""What the database itself saw of each node. It knows them by their addresses."""

LOCK_OF_THE_LINKER = 0x636C617661756469


class Witness:
    """Triggers that note who commits work of a leader, and who only tries to."""

    def __init__(self, installation):
        self._installation = installation
        sql = installation.sql
        sql("CREATE TABLE witness (id bigserial, what text NOT NULL, thing text, node text NOT NULL)")
        sql("CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$"
            " BEGIN INSERT INTO witness (what, thing, node) SELECT TG_ARGV[0], to_jsonb(NEW) ->> 'id',"
            " host(inet_client_addr()) WHERE inet_client_addr() IS NOT NULL; RETURN NULL; END $$")
        # A sequence keeps what a transaction took from it even if that comes to nothing.
        sql("CREATE FUNCTION witness_attempt() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
            " SET search_path = public AS $$ BEGIN PERFORM nextval('attempts_' || split_part(host(inet_client_addr()),"
            " '.', 4)); RETURN NULL; END $$")
        sql("CREATE TRIGGER witness AFTER INSERT ON audit_checkpoints EXECUTE FUNCTION witness('link')")
        sql("CREATE TRIGGER witness AFTER UPDATE ON rotations FOR EACH ROW EXECUTE FUNCTION witness('rotation')")
        sql("CREATE TRIGGER attempt BEFORE UPDATE ON secret_versions EXECUTE FUNCTION witness_attempt()")
        sql("DO $$ BEGIN FOR host IN 0..255 LOOP EXECUTE 'CREATE SEQUENCE attempts_' || host; END LOOP; END $$")

    def links(self, after):
        """The addresses of who linked since then, in order."""
        return self._seen(f"what = 'link' AND id > {after}")

    def work(self, rotation, after=0):
        """The same of who worked on a rotation. What a test does to the row by itself, on the socket, is not here."""
        return self._seen(f"what = 'rotation' AND thing = '{rotation}' AND id > {after}")

    def _seen(self, condition):
        return [node for node, in self._installation.sql(f"SELECT node FROM witness WHERE {condition} ORDER BY id")]

    def now(self):
        return self._installation.sql("SELECT coalesce(max(id), 0) FROM witness")[0][0]

    def attempts(self, node):
        """To seal data keys anew, whether or not they were committed."""
        last = address(node).rpartition(".")[2]
        return self._installation.sql(
            f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM attempts_{last}")[0][0]

    def sessions(self, node, condition="true"):
        return self._installation.cluster.sql(
            f"SELECT count(*) FROM pg_stat_activity WHERE client_addr = '{address(node)}' AND ({condition})")[0][0]

    def holder_of_the_linkers_lock(self, nodes):
        """A node that has begun to link and waits, for it cannot write; else None."""
        rows = self._installation.cluster.sql(
            "SELECT host(a.client_addr) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'"
            f" AND l.granted AND (l.classid::bigint << 32 | l.objid::bigint) = {LOCK_OF_THE_LINKER}"
            " AND a.wait_event_type = 'Lock'")
        return next((node for node in nodes for found, in rows if address(node) == found), None)


def address(node):
    """By which the database knows it."""
    return node.host.addresses["database"]
