#pragma once
// The keys of a keyring that are named by URI: those for TLS, and those that sign tokens.

#include "crypto/provider/key_source.h"

namespace claviger::crypto::provider {

class KeyringKeys final : public KeySource {
 public:
  using ParseUri = Result<KeyUri> (*)(std::string_view uri);
  KeyringKeys(Keyring& keyring, ParseUri parse) : keyring_(keyring), parse_(parse) {}

  // Object is a label, "claviger-tls-v2", or that of the role, "claviger-tls", which names all its versions;
  // and id, if there is one, is the same label. Token and serial, if given, must be those that the keyring
  // uses. Looks for new keys first.
  Result<std::vector<HeldKeyPtr>> Find(std::string_view uri) override;

 private:
  Keyring& keyring_;
  const ParseUri parse_;
};

}  // namespace claviger::crypto::provider
