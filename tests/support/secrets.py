"""Secrets of a vault, as clients write and list them."""

from concurrent.futures import ThreadPoolExecutor


def write(vault, path, body):
    """PUT of exactly these members (Vault.put adds a type)."""
    return vault.account.put(vault.path(path), json=body)


def listed(vault, **query):
    return vault.account.get(vault.path() + "/secrets", params=query).json()["secrets"]


def vault_with_one_secret(daemon):
    vault = daemon.api().signup().create_vault()
    assert vault.put("before", "value-before").status_code == 201
    return vault


def works(vault):
    """Whether that one secret can be read."""
    response = vault.get("before", raw=True)
    return response.status_code == 200 and response.json()["value"] == "value-before"


def at_once(account, count, request):
    """request(client, number) by `count` threads, each with a connection of its own."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda number: request(account.with_token(account.token), number), range(count)))
