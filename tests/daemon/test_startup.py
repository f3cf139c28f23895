"""What clavigerd refuses to start with: one clear line and a documented exit status."""

import os
import resource
import secrets
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from support import wait
from support.daemon import Installation
from support.faults import Faults
from support.paths import CLAVIGERD, FAULT_MODULE, SOURCE
from support.postgres import OWNER

USAGE, CONFIG, HSM, SCHEMA, DATABASE, LISTEN, PROTECTION = range(2, 9)


def refused(result, status, *words):
    """The one line of a refusal has these words; the exit status is this."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("clavigerd: ")]
    assert result.returncode == status, result.stderr
    assert len(lines) == 1 and result.stderr.rstrip().endswith(lines[0]), result.stderr
    for word in words:
        assert word in lines[0], lines[0]


@pytest.fixture
def fresh(cluster, tmp_path):
    """An installation of its own, not yet initialised."""
    return Installation(cluster, tmp_path, prepare=False)


def private_copy(path, tmp_path, text=None, mode=0o600):
    copy = tmp_path / path.name
    copy.write_text(path.read_text() if text is None else text)
    copy.chmod(mode)
    return copy


def test_a_wrong_pin_is_tried_exactly_once(installation, tmp_path):
    faults = Faults(tmp_path / "faults")
    pin = private_copy(installation.token.pin_file, tmp_path, "not-the-pin")
    refused(installation.run("run", environment=faults.environment, hsm__module=FAULT_MODULE, hsm__pin_file=pin,
                             hsm__write_path=[installation.token.tokens, tmp_path]),
            HSM, "PIN")
    assert faults.logins() == ["CKR_PIN_INCORRECT"]


def test_a_missing_token(installation):
    refused(installation.run("run", hsm__token_label="nobody"), HSM, "nobody")


def test_a_token_without_keys(fresh):
    assert fresh.run("migrate").returncode == 0
    refused(fresh.run("run"), HSM, "init")


def test_a_missing_module(installation):
    refused(installation.run("run", hsm__module="/nonexistent/module.so"), HSM, "/nonexistent/module.so")


def test_a_module_that_hangs(installation, tmp_path):
    faults = Faults(tmp_path / "faults")
    faults.set("C_Login hang")
    refused(installation.run("run", environment=faults.environment, hsm__module=FAULT_MODULE,
                             hsm__write_path=[installation.token.tokens, tmp_path], hsm__operation_timeout="200ms", process__startup_wait="100ms"),
            HSM, "does not answer")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_pin_file_that_others_may_touch(installation, tmp_path, mode):
    pin = private_copy(installation.token.pin_file, tmp_path, mode=mode)
    refused(installation.run("run", hsm__pin_file=pin), CONFIG, "PIN file", str(pin))
    refused(installation.run("init", hsm__pin_file=pin), CONFIG, "PIN file")


def credential(installation, tmp_path, mode):
    """The PIN as systemd hands it over: the environment that names its directory."""
    directory = tmp_path / "credentials"
    directory.mkdir()
    pin = private_copy(installation.token.pin_file, directory, mode=mode)
    pin.rename(directory / "hsm-pin")
    return {"CREDENTIALS_DIRECTORY": str(directory)}


def test_a_systemd_credential_shows_the_mask_of_its_acl_as_group_bits(installation, tmp_path):
    daemon = installation.daemon("credential", credential(installation, tmp_path, 0o440), hsm__pin_file=None)
    assert daemon.stop() == 0


def test_a_systemd_credential_that_the_world_may_read(installation, tmp_path):
    environment = credential(installation, tmp_path, 0o444)
    refused(installation.run("run", environment=environment, hsm__pin_file=None), CONFIG, "PIN file", "hsm-pin")


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_password_blocklist_that_others_may_write(installation, tmp_path, mode):
    blocklist = tmp_path / "blocklist"
    blocklist.write_text("refused-password-1\n")
    blocklist.chmod(mode)
    refused(installation.run("run", password__blocklist_file=blocklist), CONFIG, "blocklist", "chmod 644")


def test_a_password_blocklist_that_is_missing_or_too_large(installation, tmp_path):
    refused(installation.run("run", password__blocklist_file="/nonexistent"), CONFIG, "blocklist", "/nonexistent")
    refused(installation.run("run", password__blocklist_file=tmp_path), CONFIG, "blocklist", "regular file")
    large = tmp_path / "large"
    with open(large, "wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    large.chmod(0o644)
    refused(installation.run("run", password__blocklist_file=large), CONFIG, "blocklist", "16 MiB")


@pytest.mark.parametrize("url", ["http://vault.example.org", "https://", "https://vault.example.org/",
                                 "https://vault.example.org/vault", "https://me@vault.example.org", "vault.example.org",
                                 "https://vault.example.org?x", "https://vault example.org"])
def test_a_public_url_that_is_no_origin(installation, url):
    refused(installation.run("run", http__public_url=url), CONFIG, "http.public_url")


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_configuration_that_others_may_touch(installation, tmp_path, mode):
    config = installation.write_config(tmp_path / "open.conf")
    config.chmod(mode)
    refused(installation.run("run", config=config), CONFIG, str(config))


def test_a_configuration_of_somebody_else(installation, tmp_path):
    if os.geteuid() == 0:
        config = installation.write_config(tmp_path / "foreign.conf")
        os.chown(config, 12345, 12345)
    else:
        config = Path("/etc/shadow")
    refused(installation.run("run", config=config), CONFIG, str(config))


def test_a_tls_key_that_others_may_touch(installation, tmp_path):
    key = private_copy(installation.tls / "server.key", tmp_path, mode=0o644)
    refused(installation.run("run", http__private_key=key), CONFIG, "TLS key", str(key))


def test_an_unknown_key_in_the_file(installation):
    refused(installation.run("run", hsm__pinfile="/x"), CONFIG, "hsm.pinfile")


@pytest.mark.parametrize("line", ["= x", "=", "x"])
def test_a_first_line_without_sense(installation, tmp_path, line):
    config = installation.write_config(tmp_path / "senseless.conf")
    config.write_text(f"{line}\n{config.read_text()}")
    refused(installation.run("run", config=config), CONFIG, str(config))


@pytest.mark.parametrize("line", ["{}", "{} = x", "x = {}", "[{}", "pin={}", "{}=", "--{}"])
def test_a_secret_pasted_into_the_file_is_not_repeated(installation, tmp_path, line):
    secret = secrets.token_hex(16)
    config = installation.write_config(tmp_path / "pasted.conf")
    number = len(config.read_text().splitlines()) + 1
    config.write_text(config.read_text() + line.format(secret) + "\n")
    result = installation.run("run", config=config)
    refused(result, CONFIG, str(config), f"line {number}")
    assert secret not in result.stderr


@pytest.mark.parametrize("word", ["{}", "--{}", "--hsm.pin={}", "--{}=x"])
def test_a_secret_among_the_flags_is_not_repeated(installation, word):
    secret = secrets.token_hex(16)
    result = installation.run("run", word.format(secret))
    refused(result, CONFIG, "the command line")
    assert secret not in result.stderr


def test_an_unknown_key_among_the_flags(installation):
    refused(installation.run("run", "--http.lisen=127.0.0.1:1"), CONFIG, "http.lisen")


def test_an_unknown_key_in_the_environment(installation):
    refused(installation.run("run", environment={"CLAVIGER_HSM_PINFILE": "/x"}), CONFIG, "CLAVIGER_HSM_PINFILE")


def test_a_key_given_twice(installation):
    refused(installation.run("run", hsm__pin_file=["/x", "/y"]), CONFIG, "hsm.pin_file")


@pytest.mark.parametrize("key, value", [
    ("http.idle_timeout", "60"), ("http.idle_timeout", "0s"), ("database.pool_size", "many"),
    ("database.pool_size", "0"), ("hsm.max_sessions", "1"),
    ("http.max_buffered_answer_bytes", "33554431"), ("http.max_buffered_answer_bytes", "4294967296"),
    ("hsm.es256", "yes"), ("log.level", "loud"), ("auth.signup", "everybody")])
def test_a_value_out_of_range(installation, key, value):
    refused(installation.run("run", f"--{key}={value}"), CONFIG, key)


@pytest.mark.parametrize("labels", [["ours"], ["acme", "acme"]])
def test_one_token_for_two_purposes(installation, labels):
    tokens = [f"0190aaaa-0001-7000-8000-00000000000{n} {label if label == 'acme' else installation.token.label} /pin"
              for n, label in enumerate(labels)]
    refused(installation.run("run", hsm__customer_token=tokens), CONFIG, "another key names")


@pytest.mark.parametrize("conninfo", [
    "host=/tmp user=x password=hunter2", "host=/tmp PassWord = hunter2", "postgresql://x:hunter2@localhost/db"])
def test_a_password_in_a_connection_string_is_refused_and_not_repeated(installation, conninfo):
    result = installation.run("run", database__conninfo=conninfo)
    refused(result, CONFIG, "database.conninfo")
    assert "hunter2" not in result.stderr


def test_plain_http_beyond_this_machine(installation):
    refused(installation.run("run", http__listen_plain="0.0.0.0:8080"), CONFIG, "http.listen_plain")


def test_a_database_without_the_schema(fresh):
    assert fresh.run("init").returncode == 0
    refused(fresh.run("run"), SCHEMA, "migrate")


def migrated(fresh):
    for command in ("init", "migrate"):
        assert fresh.run(command).returncode == 0
    return fresh


def test_an_older_schema(fresh):
    migrated(fresh).sql("DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)")
    refused(fresh.run("run"), SCHEMA, "migrate")


def test_a_newer_schema(fresh):
    migrated(fresh).sql("INSERT INTO schema_migrations (number, name, checksum)"
                        " SELECT max(number) + 1, 'later',"
                        " (SELECT checksum FROM schema_migrations LIMIT 1) FROM schema_migrations")
    refused(fresh.run("run"), SCHEMA, "newer")
    refused(fresh.run("migrate"), SCHEMA, "newer")


def test_a_changed_migration(fresh):
    migrated(fresh).sql("UPDATE schema_migrations SET checksum = '\\x" + "00" * 32 + "'")
    refused(fresh.run("run"), SCHEMA)


def test_a_database_of_another_hsm(cluster, fresh, tmp_path_factory):
    migrated(fresh)
    other = migrated(Installation(cluster, tmp_path_factory.mktemp("other")))
    refused(other.run("run", database__conninfo=fresh.settings()["database.conninfo"]), HSM, "do not belong together")


def test_the_owner_role_does_not_serve(installation):
    refused(installation.run("run", database__conninfo=installation.cluster.conninfo(OWNER, installation.database)),
            SCHEMA)


def test_a_database_that_cannot_be_reached(installation, tmp_path):
    refused(installation.run("run", database__conninfo=f"host={tmp_path} dbname=x", process__startup_wait="100ms"),
            DATABASE)


def test_a_port_in_use(installation):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(installation.run("run", http__listen=f"127.0.0.1:{port}"), LISTEN, str(port))


def test_a_certificate_of_another_key(installation, tmp_path):
    subprocess.run([str(SOURCE / "scripts" / "dev-ca"), str(tmp_path / "tls")], check=True, timeout=60)
    refused(installation.run("run", http__private_key=tmp_path / "tls" / "server.key"), LISTEN)


def test_a_missing_certificate(installation):
    refused(installation.run("run", http__certificate="/nonexistent.crt"), LISTEN, "/nonexistent.crt")


def test_too_much_power_or_too_little(installation, tmp_path):
    config = installation.write_config(tmp_path / "x.conf", process__memory_lock="required")
    limit = None
    if os.geteuid() != 0:
        limit = lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))  # noqa: E731
    result = subprocess.run([str(CLAVIGERD), "run", "--config", str(config)], capture_output=True, text=True,
                            timeout=60, env=installation.environment(), preexec_fn=limit)
    refused(result, PROTECTION, "root" if os.geteuid() == 0 else "process.memory_lock")


@pytest.mark.parametrize("words", [[], ["fly"], ["run"], ["run", "--output=xml", "--config=x"]])
def test_a_command_line_without_sense(words):
    result = subprocess.run([str(CLAVIGERD), *words], capture_output=True, text=True, timeout=60)
    refused(result, USAGE)


def test_a_stop_signal_ends_the_wait_for_a_database(installation, tmp_path):
    daemon = installation.daemon("waiting", start=False, database__conninfo=f"host={tmp_path} dbname=x",
                                 process__startup_wait="5m")
    daemon.start(ready=False)
    wait.until(lambda: "waiting at start" in daemon.log_text(), "the daemon to wait for its database")
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(timeout=30) == 0


def test_a_database_that_comes_late_is_waited_for(installation, cluster):
    daemon = installation.daemon("patient", start=False, process__startup_wait="2m")
    cluster.sql(f"ALTER DATABASE {installation.database} ALLOW_CONNECTIONS false")
    try:
        daemon.start(ready=False)
        wait.until(lambda: "waiting at start" in daemon.log_text(), "the daemon to wait for its database")
    finally:
        cluster.sql(f"ALTER DATABASE {installation.database} ALLOW_CONNECTIONS true")
    daemon.wait_ready()
    assert daemon.stop() == 0


CANARY = secrets.token_hex(16)
# What is wrong in each; a Path names a file that holds CANARY.
REFUSALS = {
    "wrong PIN": {"hsm__pin_file": Path("pin")},
    "no such token": {"hsm__token_label": "nobody"},
    "no such module": {"hsm__module": "/nonexistent/module.so"},
    "not a module": {"hsm__module": Path("module")},
    "no such database": {"database__conninfo": "host=/nonexistent dbname=x", "process__startup_wait": "100ms"},
    "password in the conninfo": {"database__conninfo": f"host=/nonexistent password={CANARY}"},
    "not a TLS key": {"http__private_key": Path("key")},
    "not a certificate": {"http__certificate": Path("certificate")},
    "unusable address": {"http__listen": "127.0.0.1:99999"},
    "unknown key": {"hsm__pin": CANARY},
}


@pytest.mark.parametrize("settings", REFUSALS.values(), ids=REFUSALS.keys())
def test_no_secret_is_printed_at_any_refusal(installation, tmp_path, settings):
    made = {}
    for key, value in settings.items():
        if isinstance(value, Path):
            value = tmp_path / value
            value.write_text(CANARY)
            value.chmod(0o600)
        made[key] = value
    result = installation.run("run", "--log.level=debug", **made)
    assert result.returncode != 0
    key_lines = [line for line in (installation.tls / "server.key").read_text().splitlines() if "---" not in line]
    for secret in (CANARY, installation.token.pin_file.read_text().strip(), *key_lines):
        assert secret not in result.stdout + result.stderr
