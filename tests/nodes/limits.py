"""How the three nodes are configured."""

# Shorter than by default, so that a test need not wait long for a limit.
LIMITS = {
    "database__connect_timeout": "1s", "database__acquire_timeout": "1s", "database__statement_timeout": "2s",
    "database__lock_timeout": "2s", "database__idle_in_transaction_timeout": "4s",
}
# A rotation takes some seconds.
DATA_KEYS_PER_SECOND = 25
