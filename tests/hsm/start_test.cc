// Starting: what is refused, with which sentence, and how often a PIN is tried.

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "hsm/key_ceremony.h"
#include "hsm/pin_file.h"
#include "tests/hsm/faults.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;

namespace {

struct Start {
  Faults faults;
  Kit kit;
  HsmConfig config = FaultyConfig();
  ScratchDirectory scratch;

  Start() { faults.Clear(); }
  void CheckRefused(ErrorKind kind, const std::string& words) {
    const auto refused = OpenKeyring(config, kit.clock, kit.random, kit.log);
    REQUIRE_FALSE(refused);
    INFO(refused.error().detail, " / ", refused.error().cause);
    CHECK(refused.error().kind == kind);
    CHECK(refused.error().detail.find(words) != std::string::npos);
  }
  std::string Pin() const { return Read(FreshToken().pin_file); }
};

}  // namespace

TEST_CASE_FIXTURE(Start, "A token without our keys is refused before any PIN is spent") {
  // The order of the cases in this binary keeps the token fresh until here.
  CheckRefused(ErrorKind::kNotFound, "holds no keys of Claviger; run clavigerd init");
  CHECK(faults.Calls("C_Login") == 0);
}

TEST_CASE_FIXTURE(Start, "An absent token is refused by name") {
  config.token_labels = {"no-such-token", "nor-this"};
  CheckRefused(ErrorKind::kNotFound, "No token labelled no-such-token or nor-this is present");
  config.token_serial = "0123456789abcdef";
  CheckRefused(ErrorKind::kNotFound, "No token with serial number 0123456789abcdef is present");
  CHECK(faults.Calls("C_Login") == 0);
}

TEST_CASE_FIXTURE(Start, "The token is found by any of its labels or by its serial number") {
  kit.Initialize(config);
  config.token_labels = {"no-such-token", "claviger-test"};
  const std::string serial = kit.Open(config)->Health().token_serial;
  config.token_labels.clear();
  config.token_serial = serial;
  CHECK(kit.Open(config)->Health().token_label == "claviger-test");
}

TEST_CASE_FIXTURE(Start, "A module that is missing, relative or none at all is refused") {
  config.module_path = "/nonexistent/module.so";
  CheckRefused(ErrorKind::kInvalid, "cannot be loaded");
  config.module_path = "module.so";
  CheckRefused(ErrorKind::kInvalid, "must be absolute");
  config.module_path = "libc.so.6";
  CheckRefused(ErrorKind::kInvalid, "must be absolute");
  config.module_path = scratch.Write("text.so", "not a library");
  CheckRefused(ErrorKind::kInvalid, "cannot be loaded");
}

TEST_CASE_FIXTURE(Start, "A wrong PIN is tried exactly once") {
  kit.Initialize(config);
  const int before = faults.Calls("C_Login");
  config.pin_file = scratch.Write("pin", "wrong");
  CheckRefused(ErrorKind::kForbidden, "refuses the PIN");
  CHECK(faults.Calls("C_Login") == before + 1);
  const auto init = InitializeToken(config, kit.clock, kit.random, kit.log);
  REQUIRE_FALSE(init);
  CHECK(init.error().kind == ErrorKind::kForbidden);
  CHECK(faults.Calls("C_Login") == before + 2);
}

TEST_CASE_FIXTURE(Start, "A PIN that turns wrong while running is tried once and then never again") {
  kit.Initialize(config);
  config.pin_file = scratch.Write("pin", Pin());
  const auto keyring = kit.Open(config);
  const int before = faults.Calls("C_Login");
  scratch.Write("pin", "wrong");
  faults.Set("C_WrapKey error CKR_USER_NOT_LOGGED_IN times 1");
  Await("the refusal",
        [&] { return keyring->Health().last_error.find("CKR_PIN_INCORRECT") != std::string::npos; });
  CHECK(faults.Calls("C_Login") == before + 1);
  // Neither callers, nor time, nor the right PIN bring another try.
  scratch.Write("pin", Pin());
  for (int i = 0; i < 20; ++i) {
    const auto refused = keyring->Mac(AsBytes("x"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::kUnavailable);
  }
  const int initialised = faults.Calls("C_Initialize");
  const auto until = std::chrono::steady_clock::now() + 10 * config.probe_interval;
  Await("ten probe intervals", [&] { return std::chrono::steady_clock::now() > until; });
  CHECK(faults.Calls("C_Login") == before + 1);
  CHECK(faults.Calls("C_Initialize") == initialised);
  CHECK(keyring->Health().state == crypto::KeyringHealth::State::kUnavailable);
}

TEST_CASE_FIXTURE(Start, "Each reconnect logs in once") {
  kit.Initialize(config);
  const auto keyring = kit.Open(config);
  const int logins = faults.Calls("C_Login");
  const int starts = faults.Calls("C_Initialize");
  faults.Set("C_WrapKey error CKR_DEVICE_REMOVED times 3");
  Await("recovery", [&] {
    const auto health = keyring->Health();
    return health.generation > 1 && health.state == crypto::KeyringHealth::State::kOk;
  });
  CHECK(faults.Calls("C_Login") - logins == faults.Calls("C_Initialize") - starts);
}

TEST_CASE_FIXTURE(Start, "A token missing at the first try is found at a later one") {
  kit.Initialize(config);
  faults.Set("C_GetTokenInfo error CKR_DEVICE_ERROR times 1");
  CHECK(OpenKeyring(config, kit.clock, kit.random, kit.log));
}

TEST_CASE_FIXTURE(Start, "A program that makes one visit finds a token that another process is writing to") {
  kit.Initialize(config);
  faults.Set("C_GetTokenInfo error CKR_GENERAL_ERROR times 5");
  CHECK(ListRootKeys(config));
  faults.Set("C_OpenSession error CKR_TOKEN_NOT_PRESENT");
  CHECK_FALSE(ListRootKeys(config));
}

TEST_CASE_FIXTURE(Start, "A PIN file that others could read or that is not a plain file is refused") {
  const auto refuses = [&](const std::string& path, const std::string& words) {
    const auto pin = ReadPinFile(path);
    REQUIRE_FALSE(pin);
    INFO(pin.error().sentence);
    CHECK(pin.error().kind == ErrorKind::kForbidden);
    CHECK(pin.error().sentence.find(words) != std::string::npos);
  };
  refuses(scratch.Write("world", "1234", 0604), "accessible to group or others");
  refuses(scratch.Write("group", "1234", 0640), "accessible to group or others");
  refuses(scratch.Write("writable", "1234", 0620), "accessible to group or others");
  refuses(scratch.Write("empty", ""), "is empty");
  refuses(scratch.Write("newline", "\n"), "is empty");
  refuses(scratch.Write("long", std::string(257, '1')), "longer than 256");
  refuses(scratch.Write("longer", std::string(5000, '1')), "longer than 256");
  refuses(scratch.Write("lines", "1234\n5678\n"), "more than one line");
  refuses(scratch.path() + "/absent", "cannot be opened");
  refuses(scratch.path(), "not a regular file");
  REQUIRE(mkfifo((scratch.path() + "/fifo").c_str(), 0600) == 0);
  refuses(scratch.path() + "/fifo", "not a regular file");
  std::filesystem::create_symlink(scratch.Write("real", "1234"), scratch.path() + "/link");
  refuses(scratch.path() + "/link", "symbolic link");

  kit.Initialize(config);
  config.pin_file = scratch.Write("open", Pin(), 0644);
  CheckRefused(ErrorKind::kForbidden, "accessible to group or others");
}

TEST_CASE_FIXTURE(Start, "A PIN file gives its one line, with or without a newline, up to 256 bytes") {
  CHECK(ReadPinFile(scratch.Write("plain", "12 34")).value().Text() == "12 34");
  CHECK(ReadPinFile(scratch.Write("newline", "1234\n")).value().Text() == "1234");
  CHECK(ReadPinFile(scratch.Write("longest", std::string(256, '1') + "\n")).value().size() == 256);
}

TEST_CASE_FIXTURE(Start,
                  "A systemd credential may show the group bits of its ACL mask, but nothing for others") {
  REQUIRE(setenv("CREDENTIALS_DIRECTORY", scratch.path().c_str(), 1) == 0);
  CHECK(ReadPinFile(scratch.Write("hsm-pin", "1234", 0440)));
  CHECK_FALSE(ReadPinFile(scratch.Write("hsm-pin", "1234", 0444)));
  CHECK_FALSE(ReadPinFile(scratch.path() + "/../" +
                          std::filesystem::path(scratch.path()).filename().string() + "/hsm-pin"));
  REQUIRE(unsetenv("CREDENTIALS_DIRECTORY") == 0);
}
