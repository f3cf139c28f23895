"""Which folder may know what."""

import re

import pytest
from sources import ROOT, lines_matching, product_code, read, report

# A folder may include itself and these.
BELOW = {
    "base": set(),
    "crypto": {"base"},
    "hsm": {"base", "crypto"},
    "schema": {"base"},
    "api": {"base", "crypto", "schema"},
    "daemon": {"base", "crypto", "hsm", "schema", "api"},
    "cli": {"base", "crypto"},
}
CLI_MAY_USE = re.compile(r"api/json/\w+\.h|api/\w+/\w+_wire\.h")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def _allowed(layer, included):
    target = included.split("/")[0]
    return target == layer or target in BELOW[layer] or (layer == "cli" and CLI_MAY_USE.fullmatch(included))


def test_a_folder_includes_only_what_stands_below_it():
    arrows = [f"{path} includes {included}" for path in product_code() for included in INCLUDE.findall(read(path))
              if not _allowed(path.parts[0], included)]
    assert not arrows, report(arrows)


def test_includes_are_paths_from_the_root():
    lost = [f"{path} includes {included}" for path in product_code() for included in INCLUDE.findall(read(path))
            if not (ROOT / included).is_file()]
    assert not lost, report(lost)


# What a foreign interface looks like in code, and where it may stand.
BORDERS = {
    "PKCS#11": (r"\bCK[A-Z]?_[A-Z]|\bC_[A-Z]\w+\(|p11-kit/", ("hsm/",)),
    "libpq": (r"\bPQ[a-z]\w*\(|libpq-fe\.h|\bPG(conn|result)\b", ("schema/pg/",)),
    "Pistache": (r"[Pp]istache(::|/)", ("api/http/",)),
    "OpenSSL": (r"<openssl/|\b(EVP|SSL|BIO|X509|ERR|OSSL)_\w+\(", ("crypto/", "hsm/", "api/http/")),
    "libcurl": (r"<curl/|\bcurl_\w+\(|\bCURL\w*\b", ("cli/http_client.cc", "api/mail/smtp.cc", "api/oidc/https_get.cc",
                                                    "api/export/tls_channel.cc")),
    "Argon2": (r"<argon2\.h>|\bargon2\w*_hash\w*\(", ("crypto/",)),
    "liboath": (r"<liboath/|\boath_\w+\(", ("crypto/totp.cc",)),
    "libqrencode": (r"<qrencode\.h>|\bQR(code|_)\w*", ("cli/qr_code.cc",)),
    "libsecret": (r"<libsecret/|\bsecret_(attributes|collection|item|schema|service|value)_\w+|\bg_\w+\)|\bG(Error|Variant)\b",
                  ("cli/secret_service.cc",)),
    "date": (r"<date/|\bdate::", ("api/access/time_zone.",)),
    "prometheus": (r"<prometheus/|\bprometheus::", ("api/metrics/",)),
    "libseccomp": (r"<seccomp\.h>|\bseccomp_\w+\(|\bSCMP_\w+", ("daemon/sandbox/seccomp.cc",)),
    "Landlock": (r"<linux/landlock\.h>|\bLANDLOCK_\w+|\bSYS_landlock", ("daemon/sandbox/landlock.cc",)),
    "systemd": (r"<systemd/|\bsd_\w+\(", ("daemon/",)),
}


@pytest.mark.parametrize("name", BORDERS)
def test_a_foreign_interface_stays_behind_its_border(name):
    pattern, places = BORDERS[name]
    strays = [line for path in product_code() if not str(path).startswith(places)
              for line in lines_matching(path, pattern)]
    assert not strays, report(strays)


def test_the_borders_are_watched_where_they_are():
    """A pattern that matches nothing inside its border would watch nothing outside either."""
    for name, (pattern, places) in BORDERS.items():
        inside = [path for path in product_code() if str(path).startswith(places)]
        assert any(lines_matching(path, pattern) for path in inside), name
