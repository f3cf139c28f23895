#include <doctest/doctest.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include <atomic>
#include <thread>

#include "crypto/jws.h"
#include "crypto/provider/call_state.h"
#include "crypto/provider/library.h"
#include "crypto/provider/uri_pem.h"
#include "crypto/public_key.h"
#include "tests/fakes/fake_keyring.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::crypto::provider;

namespace {

constexpr const char* kEcUri = "pkcs11:object=ec";
constexpr const char* kEdUri = "pkcs11:object=ed";

// Keys of a fake keyring, signing whatever comes: by their URIs two of P-256, one of Ed25519.
class FakeSource final : public KeySource {
 public:
  Result<std::vector<HeldKeyPtr>> Find(std::string_view uri) override {
    ++finds;
    if (uri == kEcUri) return Held(SigningKey::kTls);
    if (uri == kEdUri) return Held(SigningKey::kToken);
    return NotFound("nothing of that name");
  }

  // What the next signature does besides.
  std::function<void()> while_signing = [] {};
  std::atomic<int> signatures = 0;
  std::atomic<int> finds = 0;
  fakes::FakeKeyring keyring;

 private:
  class Key final : public HeldKey {
   public:
    Key(PublicKey published, SigningKey role, FakeSource& source)
        : HeldKey(std::move(published)), role_(role), source_(source) {}
    Result<Bytes> Sign(ByteView message) const override {
      ++source_.signatures;
      source_.while_signing();
      TRY(auto signature, source_.keyring.SignAs(role_, published().kid, message));
      return std::move(signature.bytes);
    }

   private:
    const SigningKey role_;
    FakeSource& source_;
  };

  Result<std::vector<HeldKeyPtr>> Held(SigningKey role) {
    TRY(auto published, keyring.PublicKeys(role));
    std::vector<HeldKeyPtr> held;
    for (auto& key : published) held.push_back(std::make_shared<const Key>(std::move(key), role, *this));
    return held;
  }
};

struct Fixture {
  FakeSource source;
  std::unique_ptr<Library> library = Library::Create(source).value();

  PKey Open(const char* uri) { return std::move(library->Open(uri).value().front()); }
  OSSL_LIB_CTX* context() const { return library->context(); }
};

struct RequestFree {
  void operator()(X509_REQ* request) const { X509_REQ_free(request); }
};
struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

std::string_view ProviderOf(const EVP_PKEY* key) {
  return OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key));
}

// The same key as OpenSSL's own, public only.
PKey PublicCopy(OSSL_LIB_CTX* context, EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  REQUIRE(size > 0);
  const unsigned char* at = der;
  PKey copy(d2i_PUBKEY_ex(nullptr, &at, size, context, "?provider=default"));
  OPENSSL_free(der);
  REQUIRE(copy);
  CHECK(ProviderOf(copy.get()) == "default");
  return copy;
}

bool Verifies(OSSL_LIB_CTX* context, EVP_PKEY* key, const char* digest, ByteView message,
              const Bytes& signature) {
  const PKey copy = PublicCopy(context, key);
  const MdCtx ctx(EVP_MD_CTX_new());
  const bool valid =
      EVP_DigestVerifyInit_ex(ctx.get(), nullptr, digest, context, nullptr, copy.get(), nullptr) == 1 &&
      EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
  ERR_clear_error();
  return valid;
}

bool BeginsSigning(Fixture& f, EVP_PKEY* key, const char* digest) {
  const MdCtx ctx(EVP_MD_CTX_new());
  const bool begun =
      EVP_DigestSignInit_ex(ctx.get(), nullptr, digest, f.context(), nullptr, key, nullptr) == 1;
  ERR_clear_error();
  return begun;
}

const ByteView kMessage = AsBytes("a message");

}  // namespace

TEST_CASE_FIXTURE(Fixture, "A key that a URI names signs, and OpenSSL verifies") {
  for (const auto& [uri, digest] :
       {std::pair{kEcUri, "SHA256"}, {kEdUri, static_cast<const char*>(nullptr)}}) {
    CAPTURE(uri);
    const PKey key = Open(uri);
    CHECK(IsHeld(key.get()));
    const Bytes signature = SignMessage(*library, key.get(), kMessage).value();
    CHECK(Verifies(context(), key.get(), digest, kMessage, signature));
    CHECK_FALSE(Verifies(context(), key.get(), digest, AsBytes("another"), signature));
  }
  CHECK(source.signatures == 2);
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE_FIXTURE(Fixture, "A key says of itself what libssl and X.509 ask") {
  const PKey ec = Open(kEcUri);
  const PKey ed = Open(kEdUri);
  CHECK(EVP_PKEY_get_id(ec.get()) == EVP_PKEY_EC);
  CHECK(EVP_PKEY_get_id(ed.get()) == EVP_PKEY_ED25519);
  CHECK(EVP_PKEY_get_bits(ec.get()) == 256);
  CHECK(EVP_PKEY_get_security_bits(ed.get()) == 128);
  CHECK(EVP_PKEY_get_size(ec.get()) == 72);
  CHECK(EVP_PKEY_get_size(ed.get()) == 64);
  char text[32];
  size_t size = 0;
  REQUIRE(EVP_PKEY_get_group_name(ec.get(), text, sizeof text, &size) == 1);
  CHECK(std::string_view(text) == "prime256v1");
  REQUIRE(EVP_PKEY_get_default_digest_name(ec.get(), text, sizeof text) == 1);
  CHECK(std::string_view(text) == "SHA256");
  CHECK(EVP_PKEY_get_default_digest_name(ed.get(), text, sizeof text) == 2);  // no other one is allowed
  Bytes point(65);
  REQUIRE(EVP_PKEY_get_octet_string_param(ec.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), 65, &size) == 1);
  CHECK(point == source.keyring.PublicKeys(SigningKey::kTls).value().front().raw);
}

TEST_CASE_FIXTURE(Fixture, "A key equals itself and its public copy, and no other key") {
  source.keyring.RotateSigningKey(SigningKey::kTls);
  const auto keys = library->Open(kEcUri).value();
  REQUIRE(keys.size() == 2);
  const PKey again = Open(kEcUri);
  const PKey copy = PublicCopy(context(), keys[0].get());
  CHECK(EVP_PKEY_eq(keys[0].get(), again.get()) == 1);
  CHECK(EVP_PKEY_eq(keys[0].get(), copy.get()) == 1);
  CHECK(EVP_PKEY_eq(copy.get(), keys[0].get()) == 1);
  CHECK(EVP_PKEY_eq(keys[0].get(), keys[1].get()) == 0);
  CHECK(EVP_PKEY_eq(keys[1].get(), copy.get()) == 0);
  CHECK(EVP_PKEY_eq(keys[0].get(), Open(kEdUri).get()) != 1);
  ERR_clear_error();
}

TEST_CASE_FIXTURE(Fixture, "The private half is neither exported nor copied") {
  const PKey key = Open(kEcUri);
  OSSL_PARAM* params = nullptr;
  CHECK(EVP_PKEY_todata(key.get(), EVP_PKEY_KEYPAIR, &params) != 1);
  CHECK(EVP_PKEY_todata(key.get(), EVP_PKEY_PUBLIC_KEY, &params) == 1);
  CHECK(OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_PRIV_KEY) == nullptr);
  OSSL_PARAM_free(params);
  CHECK(PKey(EVP_PKEY_dup(key.get())) == nullptr);
  const std::unique_ptr<BIO, BioFree> out(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1);
  BIGNUM* scalar = nullptr;
  CHECK(EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1);
  ERR_clear_error();
}

TEST_CASE_FIXTURE(Fixture, "Only the digest of the algorithm is taken") {
  const PKey ec = Open(kEcUri);
  const PKey ed = Open(kEdUri);
  for (const char* digest : {"SHA256", "SHA2-256", "sha-256"}) CHECK(BeginsSigning(*this, ec.get(), digest));
  for (const char* digest : {"SHA1", "SHA384", "SHA512", "SHA3-256"}) {
    CHECK_FALSE(BeginsSigning(*this, ec.get(), digest));
  }
  CHECK_FALSE(BeginsSigning(*this, ed.get(), "SHA256"));
  CHECK(BeginsSigning(*this, ed.get(), nullptr));
}

TEST_CASE_FIXTURE(Fixture, "Digests are not signed, and nothing is decrypted or derived") {
  const PKey key = Open(kEcUri);
  const PKeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(context(), key.get(), nullptr));
  CHECK(EVP_PKEY_sign_init(ctx.get()) != 1);
  CHECK(EVP_PKEY_derive_init(ctx.get()) != 1);
  CHECK(EVP_PKEY_decrypt_init(ctx.get()) != 1);
  CHECK(source.signatures == 0);
  ERR_clear_error();
}

TEST_CASE_FIXTURE(Fixture, "A message in parts is one message, and is bounded") {
  const PKey key = Open(kEcUri);
  const MdCtx ctx(EVP_MD_CTX_new());
  REQUIRE(EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", context(), nullptr, key.get(), nullptr) == 1);
  REQUIRE(EVP_DigestSignUpdate(ctx.get(), "a mes", 5) == 1);
  REQUIRE(EVP_DigestSignUpdate(ctx.get(), "sage", 4) == 1);
  Bytes signature(72);
  size_t size = signature.size();
  REQUIRE(EVP_DigestSignFinal(ctx.get(), signature.data(), &size) == 1);
  signature.resize(size);
  CHECK(Verifies(context(), key.get(), "SHA256", kMessage, signature));
  size = 3;
  CHECK(EVP_DigestSignFinal(ctx.get(), signature.data(), &size) != 1);  // no room
  CHECK(SignMessage(*library, key.get(), Bytes(64 * 1024)));
  CHECK_FALSE(SignMessage(*library, key.get(), Bytes(64 * 1024 + 1)));
  CHECK_FALSE(SignMessage(*library, Open(kEdUri).get(), Bytes(64 * 1024 + 1)));
  ERR_clear_error();
}

TEST_CASE_FIXTURE(Fixture, "A certificate request is signed and verifies") {
  for (const auto& [uri, digest] :
       {std::pair{kEcUri, EVP_sha256()}, {kEdUri, static_cast<const EVP_MD*>(nullptr)}}) {
    CAPTURE(uri);
    const PKey key = Open(uri);
    const std::unique_ptr<X509_REQ, RequestFree> request(X509_REQ_new_ex(context(), nullptr));
    REQUIRE(X509_REQ_set_pubkey(request.get(), key.get()) == 1);
    REQUIRE(X509_REQ_sign(request.get(), key.get(), digest) > 0);
    const PKey copy = PublicCopy(context(), key.get());
    CHECK(X509_REQ_verify_ex(request.get(), copy.get(), context(), nullptr) == 1);
  }
}

TEST_CASE_FIXTURE(Fixture, "What the source fails with is what the caller gets") {
  const PKey key = Open(kEcUri);
  source.keyring.SetUnavailable(true);
  const auto refused = SignMessage(*library, key.get(), kMessage);
  CHECK(refused.error().kind == ErrorKind::kUnavailable);
  CHECK(refused.error().cause == "the fake keyring is switched off");
  CHECK(library->Open(kEcUri).error().kind == ErrorKind::kUnavailable);
  CHECK(library->ReadPem(PemOfUri(kEcUri)).error().kind == ErrorKind::kUnavailable);
  CHECK(ERR_peek_error() == 0);
  source.keyring.SetUnavailable(false);
  CHECK(library->Open("pkcs11:object=none").error().kind == ErrorKind::kNotFound);
  CHECK(library->Open("file:/etc/passwd").error().kind != ErrorKind::kUnavailable);
  CHECK(SignMessage(*library, key.get(), kMessage));
}

TEST_CASE_FIXTURE(Fixture, "A PEM file that names a key gives it") {
  for (const char* uri : {kEcUri, kEdUri}) {
    CAPTURE(uri);
    const PKey key = library->ReadPem(PemOfUri(uri)).value();
    CHECK(IsHeld(key.get()));
    CHECK(EVP_PKEY_eq(key.get(), Open(uri).get()) == 1);
  }
  CHECK(library->ReadPem(PemOfUri("pkcs11:object=none")).error().kind == ErrorKind::kNotFound);
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE_FIXTURE(Fixture, "A PEM file that holds a key is read by OpenSSL, and that key is not ours") {
  const PKey made(EVP_PKEY_Q_keygen(context(), nullptr, "EC", "P-256"));
  CHECK(ProviderOf(made.get()) == "default");
  const std::unique_ptr<BIO, BioFree> out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_PrivateKey(out.get(), made.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  const PKey read = library->ReadPem({text, static_cast<size_t>(size)}).value();
  CHECK_FALSE(IsHeld(read.get()));
  CHECK(EVP_PKEY_eq(made.get(), read.get()) == 1);
  CHECK(source.finds == 0);
  for (const char* other : {"", "nonsense", "-----BEGIN PKCS#11 PROVIDER URI-----\nAAAA\n"}) {
    CHECK(library->ReadPem(other).error().kind == ErrorKind::kInvalid);
  }
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "Whatever properties are asked for, no key is made or imported here, and ours stays here") {
  const PKey held = Open(kEcUri);
  const Bytes raw = source.keyring.PublicKeys(SigningKey::kToken).value().front().raw;
  for (const char* properties : {"", "?provider=claviger", "provider=claviger", "?provider=default",
                                 "provider=default", "provider!=claviger"}) {
    CAPTURE(std::string(properties));
    for (OSSL_LIB_CTX* where : {context(), static_cast<OSSL_LIB_CTX*>(nullptr)}) {
      REQUIRE(EVP_set_default_properties(where, properties) == 1);
      for (const PKey& made :
           {PKey(EVP_PKEY_Q_keygen(where, nullptr, "EC", "P-256")),
            PKey(EVP_PKEY_Q_keygen(where, nullptr, "ED25519")),
            PKey(EVP_PKEY_new_raw_public_key_ex(where, "ED25519", nullptr, raw.data(), 32))}) {
        if (made) CHECK(ProviderOf(made.get()) == "default");
      }
      const int before = source.signatures;
      const bool is_signed = SignMessage(*library, held.get(), kMessage).has_value();
      // What others do in the global context, which the fake keyring itself signs in, keeps nobody from
      // asking it.
      if (is_signed || where == nullptr) CHECK(source.signatures == before + 1);
      REQUIRE(EVP_set_default_properties(where, "") == 1);
    }
    ERR_clear_error();
  }
  // In the global context there is nobody to be captured by.
  CHECK(OSSL_PROVIDER_available(nullptr, "claviger") == 0);
  REQUIRE(EVP_set_default_properties(nullptr, "?provider=claviger") == 1);
  CHECK(LoadPublicKey(SignatureAlgorithm::kEdDsa, raw));
  CHECK(PKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")));
  REQUIRE(EVP_set_default_properties(nullptr, "") == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "A source that comes to use the provider is refused instead of going round for ever") {
  const PKey ec = Open(kEcUri);
  const PKey ed = Open(kEdUri);
  int inner = 0;
  source.while_signing = [&] {
    inner += SignMessage(*library, ed.get(), kMessage).has_value() ? 1 : 0;
    inner += library->Open(kEcUri).has_value() ? 1 : 0;
    inner += library->ReadPem(PemOfUri(kEcUri)).has_value() ? 1 : 0;
  };
  CHECK(SignMessage(*library, ec.get(), kMessage));
  CHECK(inner == 0);
  CHECK(source.signatures == 1);
  CHECK(source.finds == 2);
  source.while_signing = [] {};
  CHECK(SignMessage(*library, ed.get(), kMessage));
}

TEST_CASE_FIXTURE(Fixture, "Two libraries have each their own source") {
  FakeSource other;
  other.keyring.RotateSigningKey(SigningKey::kTls);
  const auto second = Library::Create(other).value();
  CHECK(library->Open(kEcUri).value().size() == 1);
  CHECK(second->Open(kEcUri).value().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "Many threads open, read and sign at once while keys are exchanged") {
  std::atomic<int> wrong = 0;
  const PKey shared = Open(kEcUri);
  const Bytes first = source.keyring.PublicKeys(SigningKey::kTls).value().front().raw;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < 20; ++round) {
        if (thread == 0) source.keyring.RotateSigningKey(SigningKey::kTls);
        const PKey own = thread % 2 == 0 ? Open(kEdUri) : library->ReadPem(PemOfUri(kEcUri)).value();
        for (EVP_PKEY* key : {own.get(), shared.get()}) {
          const auto signature = SignMessage(*library, key, kMessage);
          const char* digest = EVP_PKEY_is_a(key, "EC") == 1 ? "SHA256" : nullptr;
          if (!signature || !Verifies(context(), key, digest, kMessage, signature.value())) ++wrong;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("A URI is read from PEM and DER exactly as it was written") {
  for (const size_t size : {1, 90, 91, 100, 120, 127, 128, 220, 255, 256, 2048}) {
    CAPTURE(size);
    const std::string uri(size, 'u');
    const std::string pem = PemOfUri(uri);
    CHECK(UriOfPem(pem) == uri);
    CHECK(UriOfPem("some text\n" + pem + pem) == uri);
    for (size_t part = 0; part + 1 < pem.size(); part += 1 + pem.size() / 64) {
      CHECK_FALSE(UriOfPem(pem.substr(0, part)));
    }
  }
  CHECK(PemOfUri("").empty());
  CHECK(PemOfUri(std::string(2049, 'u')).empty());
}

// Byte by byte: SEQUENCE, VisibleString, UTF8String.
TEST_CASE("The form is that of pkcs11-provider") {
  const auto der = *HexDecode(
      "302c1a19504b43532331312050726f7669646572205552492076312e30"
      "0c0f706b637331313a6f626a6563743d");
  CHECK_FALSE(UriOfDer(der));  // the last byte is missing
  Bytes whole = der;
  whole.push_back('k');
  CHECK(UriOfDer(whole) == "pkcs11:object=k");
  for (size_t i = 0; i < 31; ++i) {
    CAPTURE(i);
    Bytes edited = whole;
    edited[i] ^= 1;
    CHECK_FALSE(UriOfDer(edited));
  }
  whole.push_back(0);
  CHECK_FALSE(UriOfDer(whole));
}
