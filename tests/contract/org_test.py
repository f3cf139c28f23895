"""listOrgMembers, inviteMember, updateMemberRole, removeMember."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.people import join

PASSWORD = "Gr0und-Water-Runs-Deep!"
MEMBERS = "/v1/org/members"


@pytest.fixture
def owner(daemon, mailing, account):
    """Owner of a fresh organisation, as a client of the daemon that sends mail."""
    return mailing.api(account.token)


@pytest.fixture
def people(daemon, account):
    """Clients of one organisation by role: two owners, two admins, two members, an auditor."""
    api = daemon.api()
    roles = {"owner2": "owner", "admin": "admin", "admin2": "admin", "member": "member", "member2": "member",
             "auditor": "auditor"}
    return {"owner": account} | {name: join(daemon, api.signup(), account, role) for name, role in roles.items()}


def id_of(client):
    return client.get("/v1/auth/me").json()["id"]


def role_of(client):
    return client.get("/v1/auth/me").json()["role"]


def set_role(client, user, role):
    return client.patch(f"{MEMBERS}/{user}", json={"role": role})


def remove(client, user):
    return client.delete(f"{MEMBERS}/{user}")


def invite(client, email, **members):
    return client.post("/v1/org/invite", json={"email": email, **members})


def sign_up(node, mail, email, mails):
    """Through both mails; returns a client."""
    asked = node.api().post("/v1/auth/signup", json={"email": email, "password": PASSWORD})
    assert asked.status_code == 200
    answer = node.api().post("/v1/auth/verify-email", json={"token": mail.token(email, mails)})
    assert answer.status_code == 200, answer.text
    return node.api(answer.json()["access_token"])


# Members

def test_everybody_sees_the_members_and_nobody_elses(people, account, other_account):
    listed = people["member"].get(MEMBERS).json()["members"]
    assert sorted(member["role"] for member in listed) == ["admin", "admin", "auditor", "member", "member", "owner",
                                                                   "owner"]
    assert {member["id"] for member in listed} == {id_of(client) for client in people.values()}
    mine = other_account.get(MEMBERS).json()["members"]
    assert [member["email"] for member in mine] == [other_account.email]


def test_a_long_list_comes_in_pages(people):
    first = people["owner"].get(f"{MEMBERS}?limit=4")
    assert len(first.json()["members"]) == 4
    target = first.headers["Link"].split(">")[0].lstrip("<")
    second = people["owner"].get(target)
    assert len(second.json()["members"]) == 3 and "Link" not in second.headers
    ids = [member["id"] for member in first.json()["members"] + second.json()["members"]]
    assert ids == sorted(set(ids))
    assert people["owner"].get(f"{MEMBERS}?after=x").status_code == 400


# Roles

@pytest.mark.parametrize(("who", "whom", "role", "status"), [
    ("owner", "member", "admin", 200), ("owner", "member", "owner", 200), ("owner", "admin", "member", 200),
    ("owner", "owner2", "member", 200), ("owner", "owner", "member", 200), ("admin", "member", "member", 200),
    ("admin", "member", "admin", 403), ("admin", "member", "owner", 403), ("admin", "admin2", "member", 403),
    ("admin", "admin", "owner", 403), ("admin", "owner", "member", 403), ("member", "member2", "member", 403),
    ("member", "member", "owner", 403), ("member", "owner", "member", 403), ("owner", "member", "auditor", 200),
    ("owner", "auditor", "member", 200), ("owner", "owner2", "auditor", 200), ("admin", "member", "auditor", 403),
    ("admin", "auditor", "member", 403), ("auditor", "auditor", "member", 403), ("auditor", "member", "member", 403),
])
def test_who_may_give_whom_which_role(people, who, whom, role, status):
    before = role_of(people[whom])
    answer = set_role(people[who], id_of(people[whom]), role)
    assert answer.status_code == status
    assert role_of(people[whom]) == (role if status == 200 else before)
    if status == 200:
        assert (answer.json()["id"], answer.json()["role"]) == (id_of(people[whom]), role)


def test_a_role_is_in_force_at_once(people):
    user = id_of(people["member"])
    assert set_role(people["owner"], user, "owner").status_code == 200
    assert set_role(people["member"], id_of(people["admin"]), "member").status_code == 200
    assert set_role(people["owner"], user, "member").status_code == 200
    assert set_role(people["member"], id_of(people["admin"]), "owner").status_code == 403


def test_the_last_owner_stays(account):
    me = id_of(account)
    for answer in (set_role(account, me, "admin"), set_role(account, me, "member"), set_role(account, me, "auditor"),
                   remove(account, me)):
        assert (answer.status_code, answer.json()["detail"]) == (400, "An organisation needs an owner")
    assert set_role(account, me, "owner").status_code == 200
    assert role_of(account) == "owner"


@pytest.mark.parametrize("attack", ["demote", "remove", "leave"])
def test_of_two_owners_who_oust_each_other_at_once_one_stays(daemon, attack):
    for _ in range(5):
        first = daemon.api().signup()
        second = join(daemon, daemon.api().signup(), first, "owner")
        org = first.me()["org_id"]
        join(daemon, daemon.api().signup(), first)
        pairs = [(first, id_of(second)), (second, id_of(first))]
        act = {"demote": lambda pair: set_role(*pair, "member"), "remove": lambda pair: remove(*pair),
               "leave": lambda pair: pair[0].delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"})}[attack]
        with ThreadPoolExecutor(2) as pool:
            statuses = sorted(answer.status_code for answer in pool.map(act, pairs))
        assert statuses[0] in (200, 204) and statuses[1] in (400, 401, 403)
        assert daemon.psql_owner(f"SELECT count(*) FROM users WHERE org_id = '{org}' AND role = 'owner'") == [(1,)]


# Removal

@pytest.mark.parametrize(("who", "whom", "status"), [
    ("owner", "member", 204), ("owner", "admin", 204), ("owner", "owner2", 204), ("owner", "owner", 204),
    ("admin", "member", 204), ("admin", "admin2", 403), ("admin", "owner", 403), ("admin", "admin", 403),
    ("member", "member2", 403), ("member", "member", 403), ("member", "owner", 403), ("owner", "auditor", 204),
    ("admin", "auditor", 403), ("auditor", "member", 403), ("auditor", "auditor", 403),
])
def test_who_may_remove_whom(people, who, whom, status):
    assert remove(people[who], id_of(people[whom])).status_code == status
    assert people[whom].get("/v1/auth/me").status_code == (401 if status == 204 else 200)


def test_who_is_removed_loses_token_login_and_keys_and_leaves_the_vaults(daemon, account):
    newcomer = daemon.api().signup()
    member = join(daemon, newcomer, account)
    vault = member.post("/v1/vaults", json={"name": "left-behind"}).json()["id"]
    key = member.post("/v1/auth/api-keys", json={"name": "key"}).json()["api_key"]
    assert daemon.api(key).get("/v1/vaults").status_code == 200
    assert remove(account, id_of(member)).status_code == 204
    assert member.get("/v1/vaults").status_code == 401
    assert daemon.api(key).get("/v1/vaults").status_code == 401
    login = daemon.api().post("/v1/auth/token", json={"email": newcomer.email, "password": newcomer.password})
    assert login.status_code == 401
    assert account.get(f"/v1/vaults/{vault}").status_code == 200


def test_people_of_other_organisations_are_absent(account, other_account):
    for user in (id_of(other_account), str(uuid.uuid4()), "no-id", "00000000-0000-0000-0000-000000000000"):
        for answer in (set_role(account, user, "member"), remove(account, user)):
            assert (answer.status_code, answer.json()["detail"]) == (404, "Member not found")
    assert role_of(other_account) == "owner"


@pytest.mark.parametrize(
    "body", [{}, {"role": "king"}, {"role": ""}, {"role": None}, {"role": 7}, {"role": "Owner"}, []], ids=json.dumps)
def test_what_is_no_role(account, body):
    assert account.patch(f"{MEMBERS}/{id_of(account)}", json=body).status_code == 400


# Invitations

def test_who_is_invited_joins_with_the_role_offered(owner, mailing, mail, address):
    answer = invite(owner, address.upper(), role="admin")
    assert (answer.status_code, answer.json()["email"]) == (200, address)
    told = mail.wait_for(address).get_payload()
    assert owner.get("/v1/auth/me").json()["email"] in told and "as admin" in told and "vfy_" not in told

    joined = sign_up(mailing, mail, address, 2)
    me = joined.get("/v1/auth/me").json()
    assert (me["org_id"], me["role"]) == (owner.get("/v1/auth/me").json()["org_id"], "admin")
    assert address in [member["email"] for member in owner.get(MEMBERS).json()["members"]]
    assert mailing.psql_owner(f"SELECT count(*) FROM invitations WHERE email = '{address}'") == [(0,)]


def test_the_second_mail_names_the_inviter(owner, mailing, mail, address):
    invite(owner, address)
    mail.wait_for(address)
    mailing.api().post("/v1/auth/signup", json={"email": address, "password": PASSWORD})
    inviter = owner.get("/v1/auth/me").json()["email"]
    assert f"in the organisation of {inviter}" in mail.wait_for(address, 2).get_payload()


def test_nobody_joins_what_their_mail_did_not_name(owner, mailing, mail, address):
    mailing.api().post("/v1/auth/signup", json={"email": address, "password": PASSWORD})
    token = mail.token(address)
    assert invite(owner, address).status_code == 200
    answer = mailing.api().post("/v1/auth/verify-email", json={"token": token})
    me = mailing.api(answer.json()["access_token"]).get("/v1/auth/me").json()
    assert me["org_id"] != owner.get("/v1/auth/me").json()["org_id"] and me["role"] == "owner"


def test_an_invitation_dies_with_its_week_and_with_the_inviters_role(daemon, account, owner, mailing, mail, address):
    invite(owner, address)
    mailing.psql_owner(f"UPDATE invitations SET expires_at = now() WHERE email = '{address}'")
    assert role_of(sign_up(mailing, mail, address, 2)) == "owner"

    org, other = owner.get("/v1/auth/me").json()["org_id"], "x" + address
    admin = mailing.api(join(daemon, daemon.api().signup(), account, "admin").token)
    assert invite(admin, other).status_code == 200
    mail.wait_for(other)
    asked = mailing.api().post("/v1/auth/signup", json={"email": other, "password": PASSWORD})
    assert asked.status_code == 200
    token = mail.token(other, 2)
    assert set_role(owner, id_of(admin), "member").status_code == 200
    answer = mailing.api().post("/v1/auth/verify-email", json={"token": token})
    assert mailing.api(answer.json()["access_token"]).get("/v1/auth/me").json()["org_id"] != org


def test_inviting_again_renews_without_another_mail(owner, mailing, mail, address):
    assert invite(owner, address).status_code == 200
    mail.wait_for(address)
    assert invite(owner, address, role="owner").status_code == 200
    assert mailing.psql_owner(f"SELECT role FROM invitations WHERE email = '{address}'") == [("owner",)]
    assert mailing.psql_owner(f"SELECT count(*) FROM outbox WHERE recipient = '{address}'") == [(0,)]
    assert len(mail.to(address)) == 1


def test_an_address_with_an_account_is_409(owner, other_account):
    assert invite(owner, other_account.email.upper()).status_code == 409


@pytest.mark.parametrize(("who", "role", "status"), [
    ("owner", "owner", 200), ("owner", "admin", 200), ("admin", "member", 200), ("admin", "admin", 403),
    ("admin", "owner", 403), ("member", "member", 403), ("owner", "auditor", 200), ("admin", "auditor", 403),
    ("auditor", "member", 403)])
def test_who_may_invite_whom(people, mailing, address, who, role, status):
    assert invite(mailing.api(people[who].token), address, role=role).status_code == status


@pytest.mark.parametrize("body", [{}, {"email": "nobody"}, {"email": "a@b.c\r\nBcc: e@f.g"}, {"email": 7}, [],
                                  {"email": "a@b.c", "role": "king"}, {"email": "a@b.c", "role": 7}], ids=json.dumps)
def test_what_is_no_invitation(owner, body):
    assert owner.post("/v1/org/invite", json=body).status_code == 400


def test_an_organisation_has_a_bound_of_invitations(owner, mailing, address):
    me = owner.get("/v1/auth/me").json()
    mailing.psql_owner("INSERT INTO invitations SELECT '{org_id}', i || '@example.net', 'member', '{id}', now(),"
                       " now() + interval '1 hour' FROM generate_series(1, 1000) i".format(**me))
    assert invite(owner, address).status_code == 409
    assert invite(owner, "7@example.net").status_code == 200
    mailing.psql_owner("UPDATE invitations SET expires_at = now() WHERE email = '8@example.net'")
    assert invite(owner, address).status_code == 200


def test_without_signup_by_mail_nobody_can_be_invited(account, address):
    answer = invite(account, address)
    assert answer.status_code == 400 and "signup by mail" in answer.json()["detail"]


def test_what_was_done_is_recorded(people, mailing, daemon, address):
    owner = people["owner"]
    org = owner.me()["org_id"]
    target = id_of(people["member"])
    invite(mailing.api(owner.token), address)
    set_role(owner, target, "admin")
    remove(owner, target)
    set_role(people["member2"], target, "owner")
    rows = daemon.psql_owner(
        f"SELECT action, resource_id, outcome FROM audit_events WHERE org_id = '{org}' AND action LIKE 'member.%'"
        " ORDER BY id")
    assert rows == [("member.invite", address, "success"), ("member.update", target, "success"),
                    ("member.remove", target, "success"), ("member.update", target, "denied")]
