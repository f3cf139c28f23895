"""rotateCmek, getCmekRotationJob."""

import base64
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import cmek, wait
from support.audit import events

ABSENT = "01950000-0000-7000-8000-000000000000"


def test_a_rotation_moves_every_version_and_the_vault(sealed, key, new_key, daemon):
    sealed.put("deleted", key.seal("x"))
    sealed.delete_secret("deleted")
    done = cmek.rotated(sealed, key, new_key)
    assert done["status"] == "completed" and done["total_secrets"] == done["processed"] == 5
    assert (done["old_fingerprint"], done["new_fingerprint"]) == (key.fingerprint, new_key.fingerprint)
    assert done["vault_id"] == sealed.id and "error" not in done
    assert done["created_at"] <= done["started_at"] <= done["completed_at"]
    assert cmek.state(sealed)["cmek_fingerprint"] == new_key.fingerprint
    assert {fingerprint for _, _, fingerprint in cmek.fingerprints(daemon, sealed)} == {new_key.fingerprint}
    for path, version in (("a", 2), ("b/c", 1), ("d", 1)):
        read = sealed.get(path).json()
        assert new_key.open(read["value"]) == f"value {path}"
        assert read["version"] == version and read["cmek_encrypted"] is True
    assert sealed.put("a", new_key.seal("newer")).status_code == 201


def test_the_answer_to_a_rotation_is_what_published_clients_poll_for(sealed, key, new_key):
    response = cmek.rotate(sealed, key, new_key)
    assert response.status_code == 202
    body = response.json()
    assert body["status"] == "running"
    assert set(body) == {"id", "vault_id", "old_fingerprint", "new_fingerprint", "status", "total_secrets", "processed",
                         "created_at", "started_at"}
    cmek.ended(sealed, body)


def test_what_is_not_sealed_is_neither_touched_nor_counted(vault, key, new_key):
    vault.put("plain", "as it is")
    cmek.enable(vault, key)
    vault.put("sealed", key.seal("value"))
    done = cmek.rotated(vault, key, new_key)
    assert (done["status"], done["total_secrets"], done["processed"]) == ("completed", 1, 1)
    assert vault.get("plain").json()["value"] == "as it is"
    assert vault.get("plain").json()["cmek_encrypted"] is False


def test_an_empty_vault_is_rotated_too(vault, key, new_key):
    cmek.enable(vault, key)
    done = cmek.rotated(vault, key, new_key)
    assert (done["status"], done["total_secrets"], done["processed"]) == ("completed", 0, 0)
    assert cmek.state(vault)["cmek_fingerprint"] == new_key.fingerprint


def test_more_than_a_batch_is_rotated(vault, key, new_key, daemon):
    cmek.enable(vault, key)

    def write(numbers):
        client = vault.account.with_token(vault.account.token)
        for number in numbers:
            assert client.put(vault.path(f"s/{number}"), json={"value": key.seal(f"v{number}")}).status_code == 201
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, (range(first, 250, 8) for first in range(8))))
    done = cmek.rotated(vault, key, new_key)
    assert (done["status"], done["processed"]) == ("completed", 250)
    for number in (0, 99, 100, 101, 249):
        assert new_key.open(vault.get(f"s/{number}").json()["value"]) == f"v{number}"
    steps = [event["details"]["exchanged"] for event in events(vault.account, action="cmek.exchange")
             if event["resource_id"] == vault.id]
    assert sorted(steps) == [50, 100, 100]


def test_large_values_are_rotated_in_smaller_batches(vault, key, new_key):
    cmek.enable(vault, key)
    large = "x" * (3 * 1024 * 1024)
    for number in range(7):
        assert vault.put(f"s/{number}", key.seal(f"{number}{large}")).status_code == 201
    assert cmek.rotated(vault, key, new_key)["processed"] == 7
    assert new_key.open(vault.get("s/6").json()["value"]) == f"6{large}"
    steps = [event["details"]["exchanged"] for event in events(vault.account, action="cmek.exchange")
             if event["resource_id"] == vault.id]
    assert sum(steps) == 7 and max(steps) <= 4


def test_keys_and_fingerprints_must_fit_in_this_order(vault, key, new_key):
    other = cmek.Key()
    target = vault.path() + "/cmek-rotate"
    body = {"new_fingerprint": new_key.fingerprint}

    def detail(old, new, body=body):
        headers = {name: text for name, text in (("x-cmek-old-key", old), ("x-cmek-new-key", new)) if text is not None}
        response = vault.account.post(target, json=body, headers=headers, raw=body == {})
        assert response.status_code == 400
        return response.json()["detail"]
    assert detail("nonsense", None) == "This vault has no customer-managed key"
    cmek.enable(vault, key)
    headers = "The headers x-cmek-old-key and x-cmek-new-key must each be base64 of a key of 32 bytes"
    short = base64.b64encode(bytes(31)).decode()
    for old, new in ((None, new_key.text), (key.text, None), ("", new_key.text), (key.text[:-1], new_key.text),
                     (short, new_key.text), (key.text, key.raw.hex()), (key.text, base64.b64encode(bytes(33)).decode())):
        assert detail(old, new) == headers
    assert detail(other.text, other.text) == "The old key is not this vault's"
    assert detail(key.text, other.text) == "new_fingerprint is not that of the new key"
    assert detail(key.text, key.text, {"new_fingerprint": key.fingerprint}) == "The new key is the old one"
    assert "new_fingerprint" in detail(key.text, new_key.text, {})
    assert cmek.state(vault)["cmek_fingerprint"] == key.fingerprint


def test_a_key_stands_in_no_answer(vault, key, new_key):
    cmek.enable(vault, key)
    for response in (cmek.rotate(vault, new_key, key), cmek.rotate(vault, key, new_key)):
        for spelling in (key.text, key.raw.hex(), new_key.text, new_key.raw.hex()):
            assert spelling not in response.text


def test_a_blob_of_another_key_stops_the_end_and_nothing_else(sealed, key, new_key, daemon):
    other = cmek.Key()
    sealed.put("wrong", other.seal("x"))
    failed = cmek.rotated(sealed, key, new_key)
    assert failed["status"] == "failed" and failed["error"].startswith("Secrets that open with neither key: 1.")
    assert (failed["total_secrets"], failed["processed"]) == (5, 4) and "completed_at" not in failed
    assert cmek.state(sealed)["cmek_fingerprint"] == key.fingerprint
    assert new_key.open(sealed.get("a").json()["value"]) == "value a"
    assert other.open(sealed.get("wrong").json()["value"]) == "x"

    # What the error says to do. The version that nobody can read any more stands in nobody's way.
    assert sealed.put("wrong", key.seal("right")).status_code == 201
    done = cmek.rotated(sealed, key, new_key)
    assert done["status"] == "completed" and done["total_secrets"] == 2
    assert new_key.open(sealed.get("wrong").json()["value"]) == "right"
    assert ("wrong", 1, key.fingerprint) in cmek.fingerprints(daemon, sealed)


def test_a_secret_under_an_earlier_key_of_the_vault_stops_the_end(vault, key, new_key):
    first = cmek.Key()
    cmek.enable(vault, first)
    vault.put("early", first.seal("x"))
    cmek.disable(vault)
    cmek.enable(vault, key)
    vault.put("late", key.seal("y"))
    failed = cmek.rotated(vault, key, new_key)
    assert (failed["status"], failed["total_secrets"], failed["processed"]) == ("failed", 2, 1)
    assert vault.delete_secret("early").status_code == 204
    assert cmek.rotated(vault, key, new_key)["status"] == "completed"


def test_a_client_that_came_early_with_the_new_key_is_no_fault(sealed, key, new_key):
    blob = new_key.seal("early")
    assert sealed.put("early", blob).status_code == 201
    done = cmek.rotated(sealed, key, new_key)
    assert done["status"] == "completed" and done["processed"] == 5
    assert new_key.open(sealed.get("early").json()["value"]) == "early"


def test_an_edited_row_is_not_laundered(sealed, key, new_key, daemon):
    edit = ("UPDATE secret_versions SET ciphertext = set_byte(ciphertext, 20, get_byte(ciphertext, 20) # 1) "
            f"WHERE secret_id = (SELECT id FROM secrets WHERE vault_id = '{sealed.id}' AND path = 'd')")
    daemon.psql_owner(edit)
    assert cmek.rotated(sealed, key, new_key)["status"] == "failed"
    assert sealed.get("d").status_code == 500
    daemon.psql_owner(edit)
    assert key.open(sealed.get("d").json()["value"]) == "value d"
    assert cmek.rotated(sealed, key, new_key)["status"] == "completed"
    assert new_key.open(sealed.get("d").json()["value"]) == "value d"


def test_a_moved_row_is_not_laundered(sealed, key, new_key, daemon):
    daemon.psql_owner(f"UPDATE secrets SET path = 'elsewhere' WHERE vault_id = '{sealed.id}' AND path = 'd'")
    assert cmek.rotated(sealed, key, new_key)["status"] == "failed"
    assert sealed.get("elsewhere").status_code == 500


def test_of_many_rotations_at_once_no_two_run(sealed, key, daemon):
    keys = [cmek.Key() for _ in range(6)]

    def begin(new):
        return cmek.rotate(sealed, key, new, by=sealed.account.with_token(sealed.account.token))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(begin, keys))
    winners = [number for number, answer in enumerate(answers) if answer.status_code == 202]
    assert len(winners) == 1
    # The others came while it ran, or after it had exchanged the key, or when this server ran as many as it may.
    assert {answer.status_code for answer in answers} <= {202, 400, 409, 503}
    cmek.ended(sealed, answers[winners[0]].json())
    assert cmek.state(sealed)["cmek_fingerprint"] == keys[winners[0]].fingerprint


@pytest.fixture
def standing(sealed, key, new_key, daemon):
    """A rotation of `sealed` that stands still, as if its server worked on it."""
    rotation = cmek.rotated(sealed, key, new_key)
    cmek.rotated(sealed, new_key, key)
    daemon.psql_owner("UPDATE rotations SET state = 'running', finished_at = NULL, lease_owner = gen_random_uuid(), "
                      f"lease_until = now() + interval '1 hour' WHERE id = '{rotation['id']}'")
    return rotation


def test_a_vault_has_one_rotation_at_a_time_and_keeps_its_key_meanwhile(sealed, key, new_key, standing):
    for response in (cmek.rotate(sealed, key, new_key), sealed.account.post(sealed.path() + "/rotations"),
                     sealed.account.delete(sealed.path() + "/cmek")):
        assert response.status_code == 409
    assert cmek.job(sealed, standing)["status"] == "running"


def test_a_rotation_whose_server_is_gone_fails_and_is_begun_anew(sealed, key, new_key, standing, daemon):
    daemon.psql_owner(f"UPDATE rotations SET lease_until = now() WHERE id = '{standing['id']}'")
    failed = cmek.ended(sealed, standing)
    assert failed["status"] == "failed" and "rotate again with the same keys" in failed["error"].lower()
    assert [event["details"]["reason"] for event in events(sealed.account, action="cmek.fail")] == [failed["error"]]
    assert cmek.rotated(sealed, key, new_key)["status"] == "completed"


def test_the_vaults_own_key_is_rotated_between(sealed, key, new_key, daemon):
    rotation = sealed.account.post(sealed.path() + "/rotations").json()
    wait.until(lambda: sealed.account.get(f"/v1/rotations/{rotation['id']}").json()["state"] == "done", "the rotation",
               timeout=60)
    assert key.open(sealed.get("a").json()["value"]) == "value a"
    assert cmek.rotated(sealed, key, new_key)["status"] == "completed"
    assert new_key.open(sealed.get("a").json()["value"]) == "value a"
    rotation = sealed.account.post(sealed.path() + "/rotations").json()
    wait.until(lambda: sealed.account.get(f"/v1/rotations/{rotation['id']}").json()["state"] == "done", "the rotation",
               timeout=60)
    assert new_key.open(sealed.get("a").json()["value"]) == "value a"
    listed = sealed.account.get("/v1/rotations").json()["rotations"]
    assert len(listed) == 2 and {one["kind"] for one in listed} == {"vault"}


def test_a_rotation_is_told_of_only_under_its_vault(account, sealed, key, new_key):
    done = cmek.rotated(sealed, key, new_key)
    other = account.create_vault()
    for vault, job in ((other, done["id"]), (sealed, ABSENT), (sealed, "nonsense"), (sealed, str(uuid.uuid4()))):
        response = account.get(f"{vault.path()}/cmek-rotate/{job}")
        assert response.status_code == 404
    assert account.get(f"/v1/rotations/{done['id']}").status_code == 404
    for verb in ("pause", "resume"):
        assert account.post(f"/v1/rotations/{done['id']}/{verb}").status_code == 404


def test_the_ten_newest_stay(vault, daemon):
    keys = [cmek.Key() for _ in range(14)]
    cmek.enable(vault, keys[0])
    jobs = [cmek.rotated(vault, old, new) for old, new in zip(keys, keys[1:])]
    assert {job["status"] for job in jobs} == {"completed"}
    # The newest pruned when it began, before it had ended itself.
    assert daemon.psql_owner(f"SELECT count(*) FROM rotations WHERE vault_id = '{vault.id}'") == [(11,)]
    assert vault.account.get(f"{vault.path()}/cmek-rotate/{jobs[0]['id']}").status_code == 404


def test_writers_go_on_while_the_key_is_exchanged_again_and_again(vault):
    """A writer asks for the key before and after: a value sealed under the key before is marked with the next one
    otherwise, which only its author can know. What was acknowledged so opens in the end with the last key."""
    keys = [cmek.Key() for _ in range(5)]
    by_fingerprint = {key.fingerprint: key for key in keys}
    cmek.enable(vault, keys[0])
    written = {}
    stopping = threading.Event()

    def current(client):
        return by_fingerprint[client.get(vault.path()).json()["cmek_fingerprint"]]

    def write(number):
        client = vault.account.with_token(vault.account.token)
        count = 0
        while not stopping.is_set():
            count += 1
            path = f"w/{number}" if count % 2 else f"w/{number}-{count}"
            key = None
            while key != current(client):
                key = current(client)
                assert client.put(vault.path(path), json={"value": key.seal(f"{count}")}).status_code == 201
            written[path] = f"{count}"
        return count
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        try:
            for old, new in zip(keys, keys[1:]):
                before = len(written)
                wait.until(lambda: len(written) > before + 5, "the writers to go on", timeout=60)
                wait.until(lambda: cmek.rotated(vault, old, new)["status"] == "completed", "the key to be exchanged")
        finally:
            stopping.set()
        assert all(writer.result() > 3 for writer in writers)
    for path, value in written.items():
        assert keys[-1].open(vault.get(path).json()["value"]) == value


# The record.

def test_every_step_is_on_record_and_no_key_is(sealed, key, new_key, account):
    done = cmek.rotated(sealed, key, new_key)
    cmek.rotate(sealed, key, new_key)
    cmek.disable(sealed)
    recorded = [event for event in events(account, resource_id=sealed.id) if event["action"].startswith("cmek.")]
    by_action = {event["action"]: event for event in reversed(recorded) if event["details"]["outcome"] == "success"}
    assert set(by_action) == {"cmek.enable", "cmek.rotate", "cmek.exchange", "cmek.finish", "cmek.read", "cmek.disable"}
    assert by_action["cmek.enable"]["details"]["fingerprint"] == key.fingerprint
    assert by_action["cmek.rotate"]["details"]["old_fingerprint"] == key.fingerprint
    assert by_action["cmek.rotate"]["details"]["new_fingerprint"] == new_key.fingerprint
    for action in ("cmek.rotate", "cmek.exchange", "cmek.finish"):
        assert by_action[action]["details"]["rotation_id"] == done["id"]
    assert by_action["cmek.exchange"]["actor_type"] == "system" and by_action["cmek.exchange"]["details"]["exchanged"] == 4
    refused = [event for event in recorded if event["details"]["outcome"] != "success"]
    assert [(event["action"], event["details"]["reason"]) for event in refused] == [
        ("cmek.rotate", "The old key is not this vault's")]
    for spelling in (key.text, key.raw.hex(), new_key.text, new_key.raw.hex()):
        assert spelling not in repr(recorded)
