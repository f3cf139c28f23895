"""Further members of an organisation. An invitation takes two mails, so the database is told directly."""


def join(daemon, newcomer, host, role="member"):
    """Moves `newcomer`, a fresh account, into the organisation of `host`; returns a client with a token there."""
    organisation = host.me()["org_id"]
    person = newcomer.me()["id"]
    daemon.psql_owner(f"UPDATE users SET org_id = '{organisation}', role = '{role}' WHERE id = '{person}'")
    return newcomer.with_token(newcomer.login())
