"""What may be used once, or so many times, is used so often by all nodes together."""

from concurrent.futures import ThreadPoolExecutor

from clients import recovery_code_spends, redeem
from support.device import Login, approve, refresh
from support.history import OK, History, Operation, overspent, spent_twice, surprises
from support.sharing import open_share, share
from support.totp import Factor

TIMES = 4
# The answers to who asks for more than there is.
SPENT = {403, 404, 410}


def everywhere(nodes, request):
    """request(node) at every node several times at once."""
    with ThreadPoolExecutor(len(nodes) * TIMES) as pool:
        return list(pool.map(request, nodes * TIMES))


def test_a_device_code_is_redeemed_once(nodes, account):
    history = History()
    login = Login(nodes[0].api(), nodes[0])
    assert approve(nodes[1].api(account.token), login).status_code == 200
    login.rewind(100)
    everywhere(nodes, lambda node: redeem(history, node, login))
    for node in nodes * 2:
        login.rewind(100)  # else it would be too early to say
        redeem(history, node, login)
    spends = history.of("spend")
    assert sum(spend.outcome == OK for spend in spends) == 1 and spent_twice(spends) == []


def test_codes_of_a_second_factor_count_once(nodes, account):
    factor = Factor(account, nodes[0])
    history = History()
    for code in (factor.code(), factor.recovery_codes[0]):
        challenges = [factor.challenge(api=node.api()) for node in nodes]
        recovery_code_spends(history, nodes, factor, code, challenges)
    spends = history.of("spend")
    assert sum(spend.outcome == OK for spend in spends) == 2 and spent_twice(spends) == []


def test_of_what_one_refresh_token_was_exchanged_for_one_lives_at_most(nodes, account):
    for _ in range(3):
        tokens = Login(nodes[0].api(), nodes[0]).tokens(account)
        answers = everywhere(nodes, lambda node: refresh(node.api(), tokens["refresh_token"]))
        given = [answer["refresh_token"] for answer in answers if "refresh_token" in answer]
        assert len(given) == len(set(given))
        with ThreadPoolExecutor(len(given) or 1) as pool:
            alive = list(pool.map(lambda token: "access_token" in refresh(nodes[1].api(), token), given))
        assert sum(alive) <= 1


def test_a_share_and_a_secret_are_opened_as_often_as_allowed(nodes, account, vault):
    history = History()
    secret = vault.put("shared", "value").json()["id"]
    link = share(account, secret, max_access_count=5)["id"]
    limited = vault.put("limited", "value", max_access_count=5)
    assert limited.status_code == 201

    def take(node):
        history.perform(Operation("take", "share", node.index), lambda: open_share(node.api(), link))
        history.perform(Operation("take", "secret", node.index),
                        lambda: node.api(account.token).get(vault.path("limited")))

    everywhere(nodes, take)
    takes = history.of("take")
    counted = {"share": account.get("/v1/shares/outbound").json()["shares"][0]["access_count"],
               "secret": nodes[0].psql_owner("SELECT access_count FROM secret_versions WHERE secret_id ="
                                             f" '{limited.json()['id']}'")[0][0]}
    assert counted == {"share": 5, "secret": 5}
    assert overspent(takes, {"share": 5, "secret": 5}, counted) == []
    assert sum(take.outcome == OK for take in takes) == 10
    assert surprises(takes, {"take": SPENT | {200}}) == []
