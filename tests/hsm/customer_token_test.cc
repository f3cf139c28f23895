// A token of a customer's beside ours: what its keys do, and what is said when they are taken away.

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "crypto/customer_keyring.h"
#include "tests/hsm/faults.h"
#include "tests/hsm/raw_module.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using namespace std::chrono_literals;

namespace {

constexpr const char* kToken = "customer";
constexpr const char* kPin = "customer-pin";
const ByteView kAad = AsBytes("row");
const ByteView kText = AsBytes("sixty bytes of a sealed data key");

const OrgId kOrg = *OrgId::Parse("0190aaaa-0001-7000-8000-000000000001");
const OrgId kOtherOrg = *OrgId::Parse("0190aaaa-0001-7000-8000-000000000002");

// One token for all cases; each makes keys of its own.
struct Customer : FaultFixture {
  Customer() {
    static const bool made = [this] {
      MakeToken(kToken);
      return true;
    }();
    static_cast<void>(made);
    UsePin(kPin);
  }
  void MakeToken(const std::string& label) {
    keyring.reset();  // a token is seen by who initialises the module afterwards
    const std::string command = "softhsm2-util --init-token --free --label " + label + " --pin " + kPin +
                                " --so-pin so-pin >/dev/null";
    REQUIRE(std::system(command.c_str()) == 0);
  }
  void UsePin(const std::string& pin) {
    HsmConfig with = config;
    with.customer_tokens = {{kOrg, kToken, scratch.Write("pin", pin)}};
    Reopen(with);
  }
  crypto::CustomerTokens& tokens() { return static_cast<crypto::CustomerKeyring&>(*keyring).tokens(); }

  // As the customer does it, with a tool of theirs. Our own login counts for the whole process.
  struct Hands : RawSession {
    explicit Hands(HsmConfig config) : RawSession(Of(std::move(config))) {
      const CK_RV rv =
          ck.C_Login(handle, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(kPin)), 12);
      REQUIRE((rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN));
    }
    static HsmConfig Of(HsmConfig config) {
      config.token_labels = {kToken};
      return config;
    }
    CK_OBJECT_HANDLE Make(const std::string& label, CK_ULONG bytes = 32, CK_KEY_TYPE type = CKK_AES) {
      Template key;
      key.Number(CKA_CLASS, CKO_SECRET_KEY)
          .Number(CKA_KEY_TYPE, type)
          .Number(CKA_VALUE_LEN, bytes)
          .Bool(CKA_TOKEN, true)
          .Bool(CKA_PRIVATE, true)
          .Bool(CKA_SENSITIVE, true)
          .Bool(CKA_EXTRACTABLE, false)
          .Bool(CKA_ENCRYPT, true)
          .Bool(CKA_DECRYPT, true)
          .Text(CKA_LABEL, label);
      CK_MECHANISM mechanism{type == CKK_AES ? CKM_AES_KEY_GEN : CKM_GENERIC_SECRET_KEY_GEN, nullptr, 0};
      CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
      REQUIRE(ck.C_GenerateKey(handle, &mechanism, key.data(), key.size(), &made) == CKR_OK);
      return made;
    }
    void Allow(CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE use, bool allowed) {
      Template change;
      change.Bool(use, allowed);
      REQUIRE(ck.C_SetAttributeValue(handle, key, change.data(), change.size()) == CKR_OK);
    }
    void Rename(CK_OBJECT_HANDLE key, const std::string& label) {
      Template change;
      change.Text(CKA_LABEL, label);
      REQUIRE(ck.C_SetAttributeValue(handle, key, change.data(), change.size()) == CKR_OK);
    }
    void Remove(CK_OBJECT_HANDLE key) { REQUIRE(ck.C_DestroyObject(handle, key) == CKR_OK); }
  };

  crypto::CustomerTokens::KeyName Named(const std::string& label) {
    return {kOrg, crypto::CustomerKeyId{NewUuidV7(kit.clock, kit.random)}, kToken, label};
  }
  struct Sealed {
    crypto::CustomerKey key;
    Bytes bytes;
  };
  Sealed SealUnder(const std::string& label) {
    const auto key = tokens().Find(Named(label));
    REQUIRE_MESSAGE(key, key.error().detail, " / ", key.error().cause);
    const auto sealed = tokens().Seal(kOrg, key.value(), kAad, kText);
    REQUIRE(sealed);
    return {key.value(), sealed.value()};
  }
  Result<Bytes> Open(const Sealed& sealed) { return tokens().Open(kOrg, sealed.key, kAad, sealed.bytes); }
  bool Opens(const Sealed& sealed) {
    const auto opened = Open(sealed);
    return opened && opened.value() == Bytes(kText.begin(), kText.end());
  }
  std::string Refusal(const Sealed& sealed) {
    const auto opened = Open(sealed);
    if (opened) return "opened";
    return opened.error().kind == ErrorKind::kForbidden ? opened.error().cause : Name(opened.error().kind);
  }
  // What the customer does counts within a second, whatever was remembered.
  void AwaitRefusal(const Sealed& sealed, const std::string& reason) {
    const auto until = std::chrono::steady_clock::now() + 1s;
    while (Refusal(sealed) != reason && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(20ms);
    }
    CHECK(Refusal(sealed) == reason);
    CHECK(!tokens().Seal(kOrg, sealed.key, kAad, kText));
    CHECK(!tokens().Check(kOrg, sealed.key));
  }

  ScratchDirectory scratch;
};

}  // namespace

TEST_CASE_FIXTURE(Customer, "What a customer's key sealed opens with it, for the same row") {
  Hands(config).Make("seals");
  const auto sealed = SealUnder("seals");
  CHECK(sealed.key.check.size() == 44);
  CHECK(sealed.bytes.size() == kText.size() + 28);
  CHECK(Opens(sealed));
  CHECK(tokens().Check(kOrg, sealed.key));
  CHECK(tokens().Open(kOrg, sealed.key, AsBytes("row of another"), sealed.bytes).error().kind ==
        ErrorKind::kIntegrity);
  auto bent = sealed;
  bent.bytes[20] ^= 1;
  CHECK(Refusal(bent) == Name(ErrorKind::kIntegrity));
  CHECK(Opens(sealed));
}

TEST_CASE_FIXTURE(Customer, "A token serves its own organisation, and only where it is configured") {
  Hands(config).Make("own");
  const auto sealed = SealUnder("own");
  auto name = Named("own");
  name.org = kOtherOrg;
  CHECK(tokens().Find(name).error().kind == ErrorKind::kInvalid);
  CHECK(tokens().Open(kOtherOrg, sealed.key, kAad, sealed.bytes).error().kind == ErrorKind::kUnavailable);
  name = Named("own");
  name.token = "claviger-test";
  CHECK(tokens().Find(name).error().kind == ErrorKind::kInvalid);
}

TEST_CASE_FIXTURE(Customer, "A key that is not there, or too weak, is not taken") {
  Hands hands(config);
  CHECK(tokens().Find(Named("nowhere")).error().cause == crypto::kCustomerKeyAbsent);
  hands.Make("weak", 16);
  CHECK(tokens().Find(Named("weak")).error().kind == ErrorKind::kInvalid);
  hands.Make("no cipher", 32, CKK_GENERIC_SECRET);
  CHECK(tokens().Find(Named("no cipher")).error().kind == ErrorKind::kInvalid);
  const auto key = hands.Make("locked");
  hands.Allow(key, CKA_ENCRYPT, false);
  CHECK(tokens().Find(Named("locked")).error().cause == crypto::kCustomerKeyDisabled);
}

TEST_CASE_FIXTURE(Customer,
                  "What the customer takes away counts within a second, and so does what comes back") {
  Hands hands(config);
  const auto key = hands.Make("mine");
  const auto sealed = SealUnder("mine");
  for (const CK_ATTRIBUTE_TYPE use : {CKA_DECRYPT, CKA_ENCRYPT}) {
    CHECK(Opens(sealed));
    hands.Allow(key, use, false);
    AwaitRefusal(sealed, crypto::kCustomerKeyDisabled);
    hands.Allow(key, use, true);
    Await("the key to be back", [&] { return Opens(sealed); });
  }
  hands.Rename(key, "hidden");
  AwaitRefusal(sealed, crypto::kCustomerKeyAbsent);
  const auto other = hands.Make("mine");
  AwaitRefusal(sealed, crypto::kCustomerKeyChanged);
  hands.Rename(key, "mine");  // two of that name
  AwaitRefusal(sealed, crypto::kCustomerKeyChanged);
  hands.Remove(other);
  Await("the key to be back", [&] { return Opens(sealed); });
  hands.Remove(key);
  AwaitRefusal(sealed, crypto::kCustomerKeyAbsent);
}

TEST_CASE_FIXTURE(Customer, "A refused PIN is tried once") {
  const int before = faults.Calls("C_Login");
  UsePin("wrong-pin");
  const int ours = faults.Calls("C_Login") - before;
  for (int i = 0; i < 5; ++i) CHECK(tokens().Find(Named("x")).error().cause == crypto::kCustomerTokenRefuses);
  CHECK(faults.Calls("C_Login") - before == ours + 1);
  CHECK(FaultFixture::Opens());
}

TEST_CASE_FIXTURE(Customer, "A token that cannot be asked is no refusal, and comes back by itself") {
  Hands(config).Make("away");
  const auto sealed = SealUnder("away");
  // Our own keyring looks for keys only while it connects.
  for (const char* code : {"CKR_DEVICE_ERROR", "CKR_TOKEN_NOT_PRESENT", "CKR_SESSION_HANDLE_INVALID"}) {
    CAPTURE(code);
    faults.Set(std::string("C_FindObjectsInit error ") + code);
    Await("the token to be away", [&] { return Refusal(sealed) == Name(ErrorKind::kUnavailable); });
    CHECK(FaultFixture::Opens());
    CHECK(State() == crypto::KeyringHealth::State::kOk);
    faults.Clear();
    CHECK(Opens(sealed));
    faults.Set(std::string("C_FindObjectsInit error ") + code + " times 1");
    std::this_thread::sleep_for(600ms);
    CHECK(Opens(sealed));  // one failure is not seen
    faults.Clear();
  }
}

TEST_CASE_FIXTURE(Customer, "A customer's token that hangs keeps nobody else from the HSM") {
  Hands(config).Make("hangs");
  const auto sealed = SealUnder("hangs");
  std::this_thread::sleep_for(600ms);
  faults.Set("C_FindObjectsInit hang");
  std::vector<std::thread> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.emplace_back([&] { CHECK(Refusal(sealed) == Name(ErrorKind::kUnavailable)); });
  }
  for (int i = 0; i < 50; ++i) CHECK(FaultFixture::Opens());
  for (auto& thread : waiting) thread.join();
  // While calls hang it is refused at once.
  const auto begun = std::chrono::steady_clock::now();
  CHECK(Refusal(sealed) == Name(ErrorKind::kUnavailable));
  CHECK(std::chrono::steady_clock::now() - begun < 200ms);
  CHECK(FaultFixture::Opens());
  CHECK(State() != crypto::KeyringHealth::State::kUnavailable);
  faults.Clear();
  Await("the token to be back", [&] { return Opens(sealed); });
}

TEST_CASE_FIXTURE(Customer, "A customer's token that is slow keeps nobody else from the HSM") {
  Hands(config).Make("slow");
  const auto sealed = SealUnder("slow");
  std::this_thread::sleep_for(600ms);
  faults.Set("C_FindObjectsInit delay 450");
  std::atomic<bool> over = false;
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 4 * config.max_sessions; ++i) {
    threads.emplace_back([&] {
      while (!over) (void)Open(sealed);
    });
  }
  for (int i = 0; i < 50; ++i) {
    CHECK(FaultFixture::Opens());
    std::this_thread::sleep_for(20ms);
  }
  over = true;
  for (auto& thread : threads) thread.join();
}

TEST_CASE_FIXTURE(Customer, "Of two tokens with one label none is taken") {
  MakeToken("twin");
  HsmConfig with = config;
  with.customer_tokens.front().label = "twin";
  Reopen(with);
  auto name = Named("nowhere");
  name.token = "twin";
  CHECK(tokens().Find(name).error().cause == crypto::kCustomerKeyAbsent);
  MakeToken("twin");
  Reopen(with);
  const auto found = tokens().Find(name);
  REQUIRE_FALSE(found);
  CHECK(found.error().kind == ErrorKind::kUnavailable);
  CHECK(FaultFixture::Opens());
}

TEST_CASE_FIXTURE(Customer,
                  "When our own keyring makes a new connection the customer's token is found again") {
  Hands(config).Make("survives");
  const auto sealed = SealUnder("survives");
  faults.Set("do finalize");
  Await("both to be back", [&] { return FaultFixture::Opens() && Opens(sealed); });
}

TEST_CASE_FIXTURE(Customer, "Many threads use it while the key comes and goes") {
  Hands hands(config);
  const auto key = hands.Make("busy");
  const auto sealed = SealUnder("busy");
  std::atomic<bool> over = false;
  std::atomic<int> opened = 0;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      while (!over) {
        const std::string answer = Refusal(sealed);
        if (answer == "opened") ++opened;
        // SoftHSM locks an object's file against other processes, not against other threads: here, where we
        // change it ourselves, it may seem to be gone.
        const bool expected = answer == "opened" || answer == crypto::kCustomerKeyDisabled ||
                              answer == crypto::kCustomerKeyAbsent || answer == Name(ErrorKind::kUnavailable);
        if (!expected) ++wrong;
      }
    });
  }
  for (int i = 0; i < 6; ++i) {
    hands.Allow(key, CKA_DECRYPT, i % 2 == 1);
    std::this_thread::sleep_for(150ms);
  }
  over = true;
  for (auto& thread : threads) thread.join();
  CHECK(opened > 0);
  CHECK(wrong == 0);
  CHECK(Opens(sealed));
}
