// NSS softokn: a second implementation of PKCS#11. It has no EdDSA, so signing keys are ES256.

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/hsm/backend.h"
#include "tests/hsm/raw_module.h"

namespace claviger::hsm::tests {

namespace {

constexpr char kPin[] = "nss-test-pin";

struct NssToken {
  ScratchDirectory directory;
  HsmConfig config;

  NssToken() {
    std::filesystem::create_directory(directory.path() + "/tokens");
    config.module_path = CLAVIGER_NSS_MODULE;
    config.module_init_args = "configdir='sql:" + directory.path() +
                              "/tokens' certPrefix='' keyPrefix='' secmod='secmod.db' flags= ";
    config.token_labels = {"NSS Certificate DB"};
    config.pin_file = directory.Write("pin", kPin);
    config.es256 = true;
    config.full_templates = false;
    SetPin();
  }

  // A fresh database has an empty security officer's PIN and no user PIN.
  void SetPin() const {
    auto module = Module::Load(config).value();
    REQUIRE(module->Initialize());
    {
      RawSession raw(config);
      REQUIRE(raw.ck.C_Login(raw.handle, CKU_SO, nullptr, 0) == CKR_OK);
      std::string pin = kPin;
      REQUIRE(raw.ck.C_InitPIN(raw.handle, reinterpret_cast<CK_BYTE*>(pin.data()), pin.size()) == CKR_OK);
      REQUIRE(raw.ck.C_Logout(raw.handle) == CKR_OK);
    }
    module->Finalize();
  }
};

const NssToken& Token() {
  static const NssToken token;
  return token;
}

}  // namespace

const HsmConfig& FreshToken() { return Token().config; }
std::string TokenDirectory() { return Token().directory.path() + "/tokens"; }

}  // namespace claviger::hsm::tests
