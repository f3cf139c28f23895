// What the keyring does when the HSM fails. Every case ends with a keyring that works again without a
// restart.

#include "tests/hsm/faults.h"

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <set>
#include <thread>
#include <vector>

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using crypto::SigningKey;
using Health = crypto::KeyringHealth::State;

namespace {

template <class T>
bool Is(const Result<T>& result, ErrorKind kind) {
  return !result && result.error().kind == kind;
}

// Data keys of one vault that are opened or made together.
struct BatchFixture : FaultFixture {
  BatchFixture() { MakeDeks(); }
  void ReopenQuietly(HsmConfig changed) {
    changed.probe_interval = std::chrono::hours(1);  // no probe meets the fault
    Reopen(changed);
    MakeDeks();
  }
  void ReopenPatiently(uint32_t sessions) {
    HsmConfig patient = config;
    patient.max_sessions = sessions;
    patient.operation_timeout = patient.acquire_timeout = std::chrono::seconds(20);
    ReopenQuietly(patient);
  }
  std::vector<std::optional<crypto::Dek>> OpenTogether(size_t count) {
    std::vector<crypto::Keyring::DekToOpen> wanted;
    for (size_t i = 0; i < count; ++i) wanted.push_back({kek, deks[i % deks.size()].sealed, aad});
    return keyring->OpenDeks(wanted);
  }
  std::vector<std::optional<crypto::Keyring::NewDek>> MakeTogether(size_t count) {
    std::vector<crypto::Keyring::DekToMake> wanted;
    for (size_t i = 0; i < count; ++i) wanted.push_back({kek, aad});
    return keyring->GenerateDeks(wanted);
  }
  // How many of them were opened; each of these must be right.
  size_t Right(const std::vector<std::optional<crypto::Dek>>& opened) {
    size_t right = 0;
    for (size_t i = 0; i < opened.size(); ++i) {
      if (!opened[i]) continue;
      CHECK(opened[i]->key == deks[i % deks.size()].dek.key);
      ++right;
    }
    return right;
  }

  const Bytes aad{Aad().begin(), Aad().end()};
  std::vector<crypto::Keyring::NewDek> deks;

 private:
  void MakeDeks() {
    deks.clear();
    for (int i = 0; i < 7; ++i) deks.push_back(keyring->GenerateDek(kek, aad).value());
  }
};

}  // namespace

TEST_CASE_FIXTURE(FaultFixture, "One failure of any curable class is not seen by the caller") {
  for (const char* code :
       {"CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED", "CKR_OPERATION_ACTIVE", "CKR_KEY_HANDLE_INVALID",
        "CKR_OBJECT_HANDLE_INVALID", "CKR_USER_NOT_LOGGED_IN", "CKR_CRYPTOKI_NOT_INITIALIZED",
        "CKR_DEVICE_ERROR", "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT", "CKR_GENERAL_ERROR",
        "CKR_FUNCTION_FAILED", "0x80000001"}) {
    CAPTURE(code);
    for (const char* function :
         {"C_DecryptInit", "C_EncryptInit", "C_SignInit", "C_WrapKey", "C_GenerateKey"}) {
      CAPTURE(function);
      // A connection that was replaced a moment ago is not replaced again at once.
      Reopen(config);
      faults.Set(std::string(function) + " error " + code + " times 1");
      CHECK(Opens());
      CHECK(keyring->GenerateDek(kek, Aad()));
      CHECK(keyring->Sign(SigningKey::kToken, Aad()));
      CHECK(keyring->GenerateKek(NewIdentity()));
      faults.Clear();
      AwaitRecovery();
    }
  }
}

TEST_CASE_FIXTURE(FaultFixture, "An operation that is repeated seals under another IV") {
  for (const char* code : {"CKR_SESSION_CLOSED", "CKR_DEVICE_ERROR"}) {
    CAPTURE(code);
    HsmConfig quiet = config;
    quiet.probe_interval = std::chrono::hours(1);
    Reopen(quiet);
    const size_t before = faults.Ivs().size();
    faults.Set(std::string("C_Encrypt error ") + code + " times 1");
    REQUIRE(keyring->GenerateDek(kek, Aad()));
    // A new connection makes its own seal, for the self-test.
    const auto ivs = faults.Ivs();
    REQUIRE(ivs.size() >= before + 2);
    CHECK(ivs[before] != ivs.back());
  }
}

TEST_CASE_FIXTURE(BatchFixture, "A data key moves although either half of its move fails once") {
  for (const char* function : {"C_DecryptInit", "C_Decrypt", "C_EncryptInit", "C_Encrypt"}) {
    for (const char* code : {"CKR_SESSION_CLOSED", "CKR_KEY_HANDLE_INVALID", "CKR_DEVICE_ERROR"}) {
      CAPTURE(function);
      CAPTURE(code);
      ReopenQuietly(config);
      const auto newest = keyring->GenerateKek(NewIdentity()).value();
      faults.Set(std::string(function) + " error " + code + " times 1");
      const auto moved = keyring->ResealDek({kek, deks[0].sealed, aad, newest, aad});
      faults.Clear();
      REQUIRE(moved);
      CHECK(keyring->OpenDek(newest, moved.value(), aad).value().key == deks[0].dek.key);
    }
  }
}

TEST_CASE_FIXTURE(FaultFixture,
                  "A lasting failure gives kUnavailable with its code, and recovery follows by itself") {
  for (const char* code : {"CKR_DEVICE_ERROR", "CKR_TOKEN_NOT_PRESENT", "CKR_GENERAL_ERROR",
                           "CKR_CRYPTOKI_NOT_INITIALIZED", "CKR_SESSION_HANDLE_INVALID"}) {
    CAPTURE(code);
    faults.Set(std::string("* error ") + code);
    Await("outage", [&] { return State() == Health::kUnavailable; });
    const auto refused = Open();
    CHECK(Is(refused, ErrorKind::kUnavailable));
    CHECK(refused.error().ck_rv != 0);
    CHECK(keyring->Health().last_error.find(code) != std::string::npos);
    CHECK(Is(keyring->GenerateKek(NewIdentity()), ErrorKind::kUnavailable));
    CHECK(Is(keyring->Sign(SigningKey::kAudit, Aad()), ErrorKind::kUnavailable));
    CHECK(Is(keyring->Mac(Aad()), ErrorKind::kUnavailable));
    CHECK(Is(keyring->PublicKeys(SigningKey::kToken), ErrorKind::kUnavailable));
    faults.Clear();
    AwaitRecovery();
  }
}

TEST_CASE_FIXTURE(FaultFixture, "A sick device is never mistaken for a forged ciphertext") {
  faults.Set("C_Decrypt error CKR_GENERAL_ERROR");
  const auto refused = Open();
  CHECK(Is(refused, ErrorKind::kUnavailable));
  faults.Clear();
  AwaitRecovery();
}

TEST_CASE_FIXTURE(FaultFixture, "A failure of one function does not take the others down") {
  faults.Set("C_Sign error CKR_DEVICE_ERROR");
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(keyring->Sign(SigningKey::kToken, Aad()));
    CHECK(Opens());
  }
  faults.Clear();
  CHECK(keyring->Sign(SigningKey::kToken, Aad()));
}

TEST_CASE_FIXTURE(FaultFixture, "Lost sessions, a lost login and a finalised module are restored") {
  for (const char* action : {"do close-sessions", "do logout"}) {
    CAPTURE(action);
    Reopen(config);
    const auto generation = keyring->Health().generation;
    faults.Set(action);
    Await("a new connection", [&] { return Opens() && keyring->Health().generation > generation; });
    CHECK(keyring->Sign(SigningKey::kToken, Aad()));
    AwaitRecovery();
  }
}

TEST_CASE_FIXTURE(FaultFixture, "A module finalised by somebody else is started again") {
  // No probe for a while, so that the caller meets the fault.
  HsmConfig quiet = config;
  quiet.probe_interval = std::chrono::hours(1);
  Reopen(quiet);
  faults.Set("do finalize");
  CHECK(Opens());
  CHECK(keyring->Health().generation == 2);
}

TEST_CASE_FIXTURE(FaultFixture, "A token that goes away and comes back is found again") {
  const std::string tokens = TokenDirectory();
  std::filesystem::rename(tokens, tokens + ".gone");
  Await("outage", [&] { return State() == Health::kUnavailable; });
  CHECK(Is(Open(), ErrorKind::kUnavailable));
  CHECK(Is(keyring->GenerateKek(NewIdentity()), ErrorKind::kUnavailable));
  std::filesystem::remove_all(tokens);
  std::filesystem::rename(tokens + ".gone", tokens);
  AwaitRecovery();
}

TEST_CASE_FIXTURE(FaultFixture,
                  "Calls into a hung module are released, later ones refused, and all recovers") {
  faults.Set("C_Decrypt hang");
  std::atomic<int> unavailable{0};
  std::vector<std::jthread> callers;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&] {
      if (Is(Open(), ErrorKind::kUnavailable)) ++unavailable;
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(unavailable == 6);
  Await("outage", [&] { return State() == Health::kUnavailable; });
  CHECK(Is(Open(), ErrorKind::kUnavailable));
  CHECK(Is(keyring->Mac(Aad()), ErrorKind::kUnavailable));
  faults.Clear();
  AwaitRecovery();
  CHECK(keyring->Mac(Aad()));
}

TEST_CASE_FIXTURE(FaultFixture, "A reconnect that hangs is given up and its late result is used") {
  faults.Set("* error CKR_TOKEN_NOT_PRESENT");
  Await("outage", [&] { return State() == Health::kUnavailable; });
  const int starts = faults.Calls("C_Initialize");
  faults.Set("C_Initialize hang");
  Await("the last start before the hang", [&] { return Is(Open(), ErrorKind::kUnavailable); });
  Await("a hung call",
        [&] { return keyring->Health().last_error.find("does not return") != std::string::npos; });
  CHECK(Is(Open(), ErrorKind::kUnavailable));
  faults.Clear();
  AwaitRecovery();
  CHECK(faults.Calls("C_Initialize") > starts);
}

TEST_CASE_FIXTURE(BatchFixture,
                  "A failure within a batch leaves answers out, never a wrong one, and no outage") {
  for (const char* code : {"CKR_SESSION_CLOSED", "CKR_KEY_HANDLE_INVALID", "CKR_DEVICE_ERROR",
                           "CKR_GENERAL_ERROR", "CKR_DEVICE_MEMORY", "CKR_CRYPTOKI_NOT_INITIALIZED"}) {
    CAPTURE(code);
    ReopenQuietly(config);
    faults.Set(std::string("C_Decrypt error ") + code + " times 1");
    CHECK(Right(OpenTogether(16)) < 16);  // nothing is tried twice
    CHECK(Opens());
    CHECK(Right(OpenTogether(16)) == 16);
    faults.Set(std::string("C_Encrypt error ") + code + " times 1");
    for (const auto& made : MakeTogether(16)) {
      if (made) CHECK(keyring->OpenDek(kek, made->sealed, Aad()).value().key == made->dek.key);
    }
    CHECK(keyring->GenerateDek(kek, Aad()));
    CHECK(State() == Health::kOk);
  }
}

TEST_CASE_FIXTURE(BatchFixture, "No two seals of a batch have one IV, also if some fail and are made alone") {
  ReopenQuietly(config);
  const auto before = static_cast<ptrdiff_t>(faults.Ivs().size());
  faults.Set("C_Encrypt error CKR_SESSION_CLOSED times 3");
  for (const auto& made : MakeTogether(20)) {
    if (!made) REQUIRE(keyring->GenerateDek(kek, Aad()));
  }
  const auto ivs = faults.Ivs();
  const std::set<std::string> different(ivs.begin() + before, ivs.end());
  CHECK(different.size() > 20);
  CHECK(different.size() == ivs.size() - static_cast<size_t>(before));
}

TEST_CASE_FIXTURE(BatchFixture,
                  "A batch in a hung module is released, later ones refused, and all recovers") {
  ReopenQuietly(config);
  faults.Set("C_Decrypt hang");
  CHECK(Right(OpenTogether(20)) == 0);
  CHECK(State() == Health::kUnavailable);
  CHECK(Right(OpenTogether(20)) == 0);
  for (const auto& made : MakeTogether(20)) CHECK(!made);
  faults.Clear();
  AwaitRecovery();
  CHECK(Right(OpenTogether(20)) == 20);
}

TEST_CASE_FIXTURE(BatchFixture, "A batch finds a lost token again once it is back") {
  faults.Set("* error CKR_TOKEN_NOT_PRESENT");
  Await("outage", [&] { return State() == Health::kUnavailable; });
  CHECK(Right(OpenTogether(20)) == 0);
  for (const auto& made : MakeTogether(20)) CHECK(!made);
  faults.Clear();
  AwaitRecovery();
  CHECK(Right(OpenTogether(20)) == 20);
}

TEST_CASE_FIXTURE(BatchFixture,
                  "A batch goes side by side in all sessions of a slow HSM, however fast it was") {
  ReopenPatiently(8);
  for (int i = 0; i < 20; ++i) CHECK(Right(OpenTogether(32)) == 32);
  faults.Set("C_Decrypt delay 5");
  for (int i = 0; i < 8; ++i) OpenTogether(8);
  faults.Set("C_Decrypt hang");
  size_t right = 0;
  std::jthread batch([&] { right = Right(OpenTogether(8)); });
  Await("eight sessions in use", [&] { return keyring->Health().sessions_in_use == 8; });
  faults.Clear();
  batch.join();
  CHECK(right == 8);
}

TEST_CASE_FIXTURE(BatchFixture, "An HSM that becomes slow within a batch is not taken for one that hangs") {
  HsmConfig slow = config;
  slow.operation_timeout = std::chrono::seconds(2);
  ReopenQuietly(slow);
  for (int i = 0; i < 20; ++i) CHECK(Right(OpenTogether(32)) == 32);
  faults.Set("C_Decrypt delay 1100");  // two of them take longer than an operation may
  CHECK(Right(OpenTogether(8)) > 0);
  CHECK(State() == Health::kOk);
  CHECK(keyring->Health().last_error.empty());
  CHECK(Opens());
}

TEST_CASE_FIXTURE(BatchFixture,
                  "Of a batch that is longer than the queue the first are done, the rest refused") {
  ReopenPatiently(2);
  faults.Set("C_Decrypt delay 2");  // more come than are done
  const auto opened = OpenTogether(30'000);
  const size_t right = Right(opened);
  CHECK(right >= 1024);
  CHECK(right < 30'000);
  for (size_t i = 0; i < opened.size(); ++i) REQUIRE(opened[i].has_value() == (i < right));
  CHECK(State() == Health::kOk);
  CHECK(Right(OpenTogether(32)) == 32);
}

TEST_CASE_FIXTURE(FaultFixture, "Health says that an exercise takes too long before it fails") {
  HsmConfig patient = config;
  patient.operation_timeout = std::chrono::seconds(10);
  Reopen(patient);
  faults.Set("C_WrapKey hang");
  Await("degraded", [&] { return State() == Health::kDegraded; });
  CHECK(Opens());
  faults.Clear();
  AwaitRecovery();
}

TEST_CASE_FIXTURE(FaultFixture, "More callers than sessions wait, and are refused when none becomes free") {
  HsmConfig narrow = config;
  narrow.max_sessions = 2;
  narrow.operation_timeout = std::chrono::seconds(20);
  narrow.acquire_timeout = std::chrono::milliseconds(50);
  narrow.probe_interval = std::chrono::hours(1);
  Reopen(narrow);
  faults.Set("C_Sign hang");
  std::atomic<int> done{0};
  std::vector<std::jthread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&] { done += keyring->Sign(SigningKey::kToken, Aad()) ? 1 : 0; });
  }
  Await("both sessions in use", [&] { return keyring->Health().sessions_in_use == 2; });
  const auto refused = Open();
  CHECK(Is(refused, ErrorKind::kUnavailable));
  CHECK(State() == Health::kOk);
  faults.Clear();
  for (auto& caller : callers) caller.join();
  CHECK(done == 2);
  CHECK(Opens());
}

TEST_CASE_FIXTURE(FaultFixture, "A token that is full makes room by dropping loaded keys") {
  for (int i = 0; i < 7; ++i) REQUIRE(keyring->GenerateKek(NewIdentity()));
  const auto fresh = keyring->GenerateKek(NewIdentity()).value();
  CHECK(keyring->Health().cached_keks == 9);
  keyring->ForgetKeks(fresh.identity.vault);
  faults.Set("C_UnwrapKey error CKR_DEVICE_MEMORY times 1");
  CHECK(keyring->GenerateDek(fresh, Aad()));
  CHECK(keyring->Health().cached_keks == 5);
}

TEST_CASE_FIXTURE(FaultFixture, "IVs made by the HSM are stored and open again") {
  HsmConfig hsm_iv = config;
  hsm_iv.gcm_iv = GcmIv::kHsm;
  faults.Set("hsm-iv");
  Reopen(hsm_iv);
  std::set<Bytes> ivs;
  for (int i = 0; i < 50; ++i) {
    const auto made = keyring->GenerateDek(kek, Aad()).value();
    ivs.emplace(made.sealed.bytes.begin(), made.sealed.bytes.begin() + 12);
    const auto opened = keyring->OpenDek(kek, made.sealed, Aad());
    REQUIRE(opened);
    CHECK(opened.value().key == made.dek.key);
  }
  CHECK(ivs.size() == 50);
}

TEST_CASE_FIXTURE(FaultFixture, "A module that makes no IVs is refused where IVs of the HSM are configured") {
  keyring.reset();
  HsmConfig hsm_iv = config;
  hsm_iv.gcm_iv = GcmIv::kHsm;
  const auto refused = OpenKeyring(hsm_iv, kit.clock, kit.random, kit.log);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail.find("hsm.gcm_iv") != std::string::npos);
}

TEST_CASE_FIXTURE(FaultFixture, "Eight threads survive faults that come and go, with never a wrong value") {
  std::atomic<int> wrong{0};
  std::atomic<int> opened{0};
  std::vector<std::jthread> threads;  // a failed check stops and joins them
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const auto result = Open();
        if (result) {
          ++opened;
          if (!(result.value().key == dek.dek.key)) ++wrong;
        } else if (result.error().kind != ErrorKind::kUnavailable) {
          ++wrong;
        }
      }
    });
  }
  for (const char* rule :
       {"C_Decrypt error CKR_DEVICE_ERROR times 5", "do close-sessions",
        "C_DecryptInit error CKR_KEY_HANDLE_INVALID times 4", "* error CKR_TOKEN_NOT_PRESENT times 4",
        "do logout", "* delay 1", "C_Decrypt hang"}) {
    const int before = opened;
    faults.Set(rule);
    if (std::string(rule).find("hang") != std::string::npos) {
      Await("outage", [&] { return State() == Health::kUnavailable; });
      faults.Clear();
    }
    Await("answers after the fault", [&] { return opened > before + 50; });
  }
  threads.clear();
  CHECK(wrong == 0);
  faults.Clear();
  AwaitRecovery();
}
