"""Secrets of a vault, as clients write and list them."""

from concurrent.futures import ThreadPoolExecutor


def write(vault, path, body):
    """PUT of exactly these members (Vault.put adds a type)."""
    return vault.account.put(vault.path(path), json=body)


def listed(vault, **query):
    return vault.account.get(vault.path() + "/secrets", params=query).json()["secrets"]


def at_once(account, count, request):
    """request(client, number) by `count` threads, each with a connection of its own."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda number: request(account.with_token(account.token), number), range(count)))
