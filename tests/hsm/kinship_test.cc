// What comes back under the name of our token.

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "hsm/key_ceremony.h"
#include "tests/hsm/faults.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using State = crypto::KeyringHealth::State;

namespace {

namespace fs = std::filesystem;

struct Swaps {
  Faults faults;
  Kit kit;
  HsmConfig config = FaultyConfig();
  ScratchDirectory aside;
  std::unique_ptr<crypto::Keyring> keyring;
  crypto::WrappedKek kek;

  Swaps() {
    faults.Clear();
    kit.Initialize(config);
  }
  // The directory of the only token that is there.
  static fs::path There() { return fs::directory_iterator(TokenDirectory())->path(); }
  fs::path Aside(const std::string& name) const { return fs::path(aside.path()) / name; }
  void Copy(const std::string& out) const { fs::copy(There(), Aside(out), fs::copy_options::recursive); }
  void Return(const std::string& in) const {
    fs::copy(Aside(in), fs::path(TokenDirectory()) / in, fs::copy_options::recursive);
  }
  // SoftHSM sees what is there when it is started.
  void Exchange(const std::string& out, const std::string& in) const {
    Copy(out);
    fs::remove_all(There());
    Return(in);
  }
  // Of the same label and PIN.
  void MakeForeignToken(const std::string& name) {
    Copy("ours-meanwhile");
    fs::remove_all(There());
    const std::string make =
        "softhsm2-util --init-token --free --label claviger-test --so-pin 12345678 --pin \"$(cat " +
        config.pin_file + ")\" >/dev/null";
    REQUIRE(std::system(make.c_str()) == 0);
    kit.Initialize(config);
    Exchange(name, "ours-meanwhile");
  }
  void Open() {
    keyring = kit.Open(config);
    kek = keyring->GenerateKek({}).value();
    CHECK(Works());
  }
  bool Works() { return keyring->GenerateDek(kek, AsBytes("row")).has_value(); }
  void LoseLogin() { faults.Set("do logout"); }
  void AwaitRefusal() {
    Await("the refusal", [&] {
      const auto health = keyring->Health();
      return health.state == State::kUnavailable &&
             health.last_error.find("holds other keys than before") != std::string::npos;
    });
  }
  void AwaitReturn() {
    Await("the return", [&] { return keyring->Health().state == State::kOk && Works(); });
  }
  void CheckNothingIsDone() {
    const auto made = keyring->GenerateKek({});
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == ErrorKind::kUnavailable);
    CHECK(keyring->Mac(AsBytes("x")).error().kind == ErrorKind::kUnavailable);
    CHECK(keyring->Sign(crypto::SigningKey::kToken, AsBytes("x")).error().kind == ErrorKind::kUnavailable);
  }
};

// By a text of the same length.
void Replace(const fs::path& path, const std::string& before, const std::string& after) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const size_t place = text.find(before);
  REQUIRE(place != std::string::npos);
  REQUIRE(before.size() == after.size());
  file.seekp(static_cast<std::streamoff>(place));
  file.write(after.data(), static_cast<std::streamsize>(after.size()));
}

}  // namespace

TEST_CASE_FIXTURE(Swaps,
                  "A token of our name and PIN with other keys is not used, and ours is when it returns") {
  MakeForeignToken("foreign");
  Open();
  Exchange("ours", "foreign");
  LoseLogin();
  AwaitRefusal();
  CheckNothingIsDone();
  Exchange("refused", "ours");
  AwaitReturn();
}

TEST_CASE_FIXTURE(Swaps, "A copy of our token from before the newest root was made is not used") {
  Copy("older");
  const uint32_t next = ListRootKeys(config).value().front() + 1;
  REQUIRE(MakeRootKey(config, next));
  Open();
  CHECK(kek.root_version == next);
  Exchange("ours", "older");
  LoseLogin();
  AwaitRefusal();
  CheckNothingIsDone();
  Exchange("refused", "ours");
  AwaitReturn();
}

TEST_CASE_FIXTURE(Swaps, "Another root under the name of the one that was there is not used") {
  const uint32_t first = ListRootKeys(config).value().front();
  Copy("ours");
  // The same lookup and signing keys; a root of that version made anew.
  REQUIRE(MakeRootKey(config, first + 2));
  REQUIRE(DestroyRootKey(config, first));
  Copy("newer");
  fs::remove_all(There());
  Return("ours");
  REQUIRE(MakeRootKey(config, first + 2));
  Open();
  Exchange("theirs", "newer");
  LoseLogin();
  AwaitRefusal();
  Exchange("refused", "theirs");
  AwaitReturn();
}

TEST_CASE_FIXTURE(Swaps, "A root that was destroyed behind a newer one meanwhile is not missed") {
  const uint32_t first = ListRootKeys(config).value().front();
  Copy("ours");
  REQUIRE(MakeRootKey(config, first + 1));
  REQUIRE(DestroyRootKey(config, first));
  Copy("rotated");
  fs::remove_all(There());
  Return("ours");
  Open();
  CHECK(kek.root_version == first);
  Exchange("before", "rotated");
  LoseLogin();
  Await("the connection after", [&] {
    const auto health = keyring->Health();
    return health.generation == 2 && health.state == State::kOk;
  });
  CHECK(keyring->GenerateKek({}).value().root_version == first + 1);
}

TEST_CASE_FIXTURE(Swaps, "Of two tokens with the same keys the next one serves while the first is away") {
  Open();
  const std::string serial = keyring->Health().token_serial;
  keyring.reset();
  const fs::path first = There();
  Copy("spare");
  // What SoftHSM keeps of a token in this file: another label, another serial number.
  Replace(Aside("spare") / "token.object", "claviger-test", "claviger-next");
  Replace(Aside("spare") / "token.object", serial, std::string(serial.rbegin(), serial.rend()));
  config.token_labels = {"claviger-test", "claviger-next"};
  Return("spare");
  Open();
  const auto serves = [&](const char* label) {
    const auto health = keyring->Health();
    return health.state == State::kOk && health.token_label == label && Works();
  };
  CHECK(serves("claviger-test"));
  fs::rename(first, Aside("first"));
  LoseLogin();
  Await("the next token", [&] { return serves("claviger-next"); });
  CHECK(keyring->GenerateKek({}));

  // Back again it is used at the next connection.
  fs::rename(Aside("first"), first);
  CHECK(serves("claviger-next"));
  LoseLogin();
  Await("the first token", [&] { return serves("claviger-test"); });
  fs::remove_all(fs::path(TokenDirectory()) / "spare");
}
