"""The other subcommands."""

import contextlib
import json
import socket
import ssl
import subprocess

import pytest
from support import wait
from support.daemon import Installation
from support.paths import CLAVIGERD


@pytest.fixture
def fresh(cluster, tmp_path):
    """An installation of its own, not yet initialised."""
    return Installation(cluster, tmp_path, prepare=False)


def plain(*words):
    return subprocess.run([str(CLAVIGERD), *words], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("order", [("init", "migrate"), ("migrate", "init")])
def test_init_and_migrate_work_in_either_order_and_again(fresh, order):
    for command in order * 2:
        result = fresh.run(command)
        assert result.returncode == 0, result.stderr
    assert "installation record: present" in result.stdout
    assert fresh.sql("SELECT count(*) FROM installation") == [(1,)]
    daemon = fresh.daemon()
    assert daemon.stop() == 0


def test_init_keeps_the_keys_that_are_there(fresh):
    first, second = fresh.run("init"), fresh.run("init")
    assert first.stdout.count(": made") == 5 and second.stdout.count(": made") == 0
    assert second.stdout.count(": present") >= 4


def test_migrate_does_not_need_the_hsm(fresh):
    result = fresh.run("migrate", hsm__token_label="nobody")
    assert result.returncode == 0 and "left to `clavigerd init`" in result.stdout


def test_flags_beat_the_environment_which_beats_the_file_which_beats_defaults(installation):
    def level(*flags, environment=None, **overrides):
        result = installation.run("check-config", *flags, environment=environment, **overrides)
        assert result.returncode == 0, result.stderr
        return next(line for line in result.stdout.splitlines() if line.startswith("level"))

    in_environment = {"CLAVIGER_LOG_LEVEL": "error"}
    assert level(log__level=None) == "level = info"
    assert level(log__level="warn") == "level = warn"
    assert level(log__level="warn", environment=in_environment) == "level = error"
    assert level("--log.level=debug", log__level="warn", environment=in_environment) == "level = debug"


def test_check_config_prints_a_configuration_that_means_the_same(installation, tmp_path):
    first = installation.run("check-config")
    copy = tmp_path / "printed.conf"
    copy.write_text(first.stdout)
    copy.chmod(0o600)
    assert installation.run("check-config", config=copy).stdout == first.stdout


def test_check_config_masks_what_may_be_secret(installation):
    result = installation.run("check-config", hsm__module_init_args="secret=hunter2")
    assert "module_init_args = (set)" in result.stdout and "hunter2" not in result.stdout


def test_variables_of_other_programs_are_left_alone(installation):
    result = installation.run("check-config", environment={"CLAVIGER_URL": "x", "CLAVIGER_PORT": "1"})
    assert result.returncode == 0


def test_repeatable_keys_keep_their_order(installation):
    result = installation.run("check-config", http__listen=["127.0.0.1:1", "[::1]:2"])
    assert "listen = 127.0.0.1:1\nlisten = [::1]:2\n" in result.stdout


def test_developer_mode_opens_signup_unless_told_otherwise(installation):
    assert "signup = direct" in installation.run("check-config", dev="true", auth__signup=None).stdout
    assert "signup = closed" in installation.run("check-config", dev="true", auth__signup="closed").stdout
    assert "signup = closed" in installation.run("check-config", auth__signup=None).stdout


def test_developer_mode_is_loud(installation):
    daemon = installation.daemon("developer", dev="true")
    assert daemon.stop() == 0
    assert any("DEVELOPER MODE" in line["message"] and line["level"] == "warn" for line in daemon.logs)


def test_closed_signup_is_refused(installation):
    daemon = installation.daemon("closed", auth__signup="closed")
    response = daemon.api().post("/v1/auth/signup", json={"email": "a@example.org", "password": "Long-enough-4-all"})
    assert response.status_code == 403
    assert daemon.stop() == 0


def begin_to_read(account, path):
    """A connection that has taken the first byte of its answer; the kernel holds little of the rest."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(30)
    plain.connect(("127.0.0.1", int(account.base_url.rpartition(":")[2])))
    context = ssl.create_default_context(cafile=account.ca)
    connection = context.wrap_socket(plain, server_hostname="127.0.0.1")
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {account.token}\r\n\r\n".encode())
    assert connection.recv(1)
    return connection


def test_answers_that_wait_for_their_readers_have_the_configured_room(installation):
    daemon = installation.daemon("narrow", http__max_buffered_answer_bytes=33554432)
    vault = daemon.api().signup().create_vault()
    assert vault.put("large", "x" * 5_000_000).status_code == 201
    with contextlib.ExitStack() as slow:
        for _ in range(6):
            slow.enter_context(begin_to_read(vault.account, vault.path("large")))
        assert vault.get("large").status_code == 503
    wait.until(lambda: vault.get("large").status_code == 200, "the room to be given back")
    assert daemon.stop() == 0


def test_routes_are_printed_for_programs_and_people():
    rows = json.loads(plain("routes", "--output", "json").stdout)
    assert {"method": "PUT", "pattern": "/v1/vaults/{vault_id}/secrets/{path...}", "operationId": "putSecret",
            "auth": "principal", "action": "secret.write"} in rows
    assert "putSecret" in plain("routes").stdout


@pytest.mark.parametrize("command", ["run", "init", "migrate", "accept-database", "rotate token-key", "rotate audit-key",
                                     "rotate root-key", "rotate root-key pause", "rotate root-key status",
                                     "rotate root-key destroy-old", "rekey", "rekey status", "tls request",
                                     "tls destroy-old", "verify",
                                     "manifest", "check-config", "routes"])
def test_every_command_explains_itself(command):
    result = plain(*command.split(), "--help")
    assert result.returncode == 0 and "--config FILE" in result.stdout and "database.conninfo" in result.stdout


def test_version_and_overview():
    assert plain("version").stdout.startswith("clavigerd ")
    assert plain("--version").stdout == plain("version").stdout
    assert "check-config" in plain("--help").stdout
