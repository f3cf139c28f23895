#include "hsm/key_uri.h"

#include <doctest/doctest.h>

using namespace claviger;
using namespace claviger::hsm;

namespace {

std::string Refusal(std::string_view uri) {
  const auto parsed = ParseKeyUri(uri);
  return parsed ? "" : parsed.error().detail;
}

}  // namespace

TEST_CASE("What a URI says of a key is read") {
  const auto uri =
      ParseKeyUri("pkcs11:token=my%20vault;serial=0f;object=claviger-tls;id=%63laviger-tls-v1;type=private")
          .value();
  CHECK(uri.token == "my vault");
  CHECK(uri.serial == "0f");
  CHECK(uri.object == "claviger-tls");
  CHECK(uri.id == "claviger-tls-v1");
  const auto nothing = ParseKeyUri("pkcs11:").value();
  CHECK_FALSE(nothing.token);
  CHECK_FALSE(nothing.serial);
  CHECK_FALSE(nothing.object);
  CHECK_FALSE(nothing.id);
}

TEST_CASE("A PIN, a module, a slot, a maker or what nobody knows has no place in one") {
  for (const char* uri : {"pkcs11:object=a?pin-value=1234", "pkcs11:object=a?pin-source=file:/pin"}) {
    CHECK(Refusal(uri) == "a PKCS#11 URI must not carry a PIN: hsm.pin_file has it");
  }
  for (const char* uri :
       {"pkcs11:object=a?module-path=/x.so", "pkcs11:object=a?module-name=x", "pkcs11:slot-id=1;object=a",
        "pkcs11:manufacturer=x;object=a", "pkcs11:model=x;object=a", "pkcs11:slot-description=x;object=a",
        "pkcs11:slot-manufacturer=x;object=a", "pkcs11:library-manufacturer=x;object=a",
        "pkcs11:library-description=x;object=a", "pkcs11:library-version=1;object=a",
        "pkcs11:unknown=x;object=a", "pkcs11:token=0123456789012345678901234567890123;object=a"}) {
    CAPTURE(std::string(uri));
    CHECK(Refusal(uri) == "a PKCS#11 URI may name token, serial, object, id and type only");
  }
}

TEST_CASE("What is no such URI, or of no private key, is refused") {
  using namespace std::string_view_literals;
  for (const auto uri :
       {""sv, "pkcs11"sv, "pkcs11:object"sv, "pkcs11:object=%zz"sv, "file:/key"sv, "pkcs11:object=a\0b"sv}) {
    CAPTURE(std::string(uri));
    CHECK(Refusal(uri) == "not a PKCS#11 URI");
  }
  for (const char* type : {"public", "cert", "secret-key", "data"}) {
    CHECK(Refusal(std::string("pkcs11:object=a;type=") + type) ==
          "the PKCS#11 URI does not name a private key");
  }
}
