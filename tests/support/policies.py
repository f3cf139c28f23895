"""Who may touch which secret, written from the documentation and not from the daemon's code: the reference that its
decisions are held to."""

import ipaddress
import re
from datetime import timedelta
from zoneinfo import ZoneInfo


def pattern_expression(pattern):
    """A pattern as a regular expression over a path with a slash before each segment."""
    text = ""
    for segment in pattern.split("/"):
        if segment == "**":
            text += "(?:/[^/]*)*"
        else:
            text += "/(?=[^/])" + "".join("[^/]*" if c == "*" else re.escape(c) for c in segment)
    return re.compile(text, re.DOTALL)


def matches(pattern, path):
    return pattern_expression(pattern).fullmatch("/" + path) is not None


def is_pattern(text):
    return re.fullmatch(r"[A-Za-z0-9_*/-]+", text) is not None and all(
        segment == "**" or (segment and "**" not in segment) for segment in text.split("/"))


def in_network(address, network):
    address, network = ipaddress.ip_address(address), ipaddress.ip_network(network)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address) in network


def minute_of(clock):
    return int(clock[:2]) * 60 + int(clock[3:])


def in_window(window, time):
    local = time.astimezone(ZoneInfo(window.get("timezone", "UTC")))
    begin, end = 0, 24 * 60
    if "after" in window:
        begin = minute_of(window["after"])
    if "start_hour" in window:
        begin = window["start_hour"] * 60
    if "before" in window:
        end = minute_of(window["before"])
    if "end_hour" in window:
        end = window["end_hour"] * 60
    days = window.get("days_of_week", range(7))
    # As every window that may be open now: one that began today, and one that began yesterday.
    for ago in (0, 1):
        weekday = (local.date() - timedelta(days=ago)).isoweekday() % 7
        now = local.hour * 60 + local.minute + ago * 24 * 60
        last = end if end > begin else end + 24 * 60
        if weekday in days and begin <= now < last:
            return True
    return False


def hold(conditions, address, time):
    networks = conditions.get("ip_allowlist")
    if networks is not None and (address is None or not any(in_network(address, one) for one in networks)):
        return False
    window = conditions.get("time_window")
    return window is None or in_window(window, time)


def is_live(policy, time):
    return policy["expires_at"] is None or time < policy["expires_at"]


def names(policy, principal):
    return (policy["principal_type"], policy["principal_id"]) == (principal["type"], principal["id"])


def allows(policy, permission):
    needed = {"read": {"read"}, "write": {"write"}, "delete": {"write", "delete"}}[permission]
    return bool(needed & set(policy["permissions"]))


def decide(vault, policies, question, time):
    """"yes", or the reason of the refusal. `question` is who asks for what; times are aware datetimes."""
    if question["org"] != vault["org"]:
        return "not_found"
    if question["vaults"] and vault["id"] not in question["vaults"]:
        return "vault_binding"
    if (question["type"], question["id"]) == (vault["created_by_type"], vault["created_by"]):
        return "yes"
    live = [policy for policy in policies if names(policy, question) and is_live(policy, time)]
    if question["permission"] == "list":
        return "yes" if live else "no_policy"
    scopes = question["scopes"]
    if scopes is not None and not any(is_pattern(one) and matches(one, question["path"]) for one in scopes):
        return "token_scope"
    for policy in live:
        if (allows(policy, question["permission"]) and matches(policy["pattern"], question["path"])
                and hold(policy["conditions"], question["address"], time)):
            return "yes"
    return "no_policy"
