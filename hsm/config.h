#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/secret_bytes.h"

namespace claviger::hsm {

class LoginGuard;

enum class GcmIv : uint8_t { kCaller, kHsm };

// A token of an organisation's own, seen by the same module.
struct CustomerTokenConfig {
  OrgId org;
  std::string label;
  std::string pin_file;  // as HsmConfig's
};

struct HsmConfig {
  std::string module_path;                // absolute path of the PKCS#11 module
  std::string module_init_args;           // pReserved of C_Initialize (NSS needs it); empty: none
  std::vector<std::string> token_labels;  // the first that is present and holds our keys is used
  std::string token_serial;               // alternative to labels; empty: by label
  std::string pin_file;                   // refused if group or world can read it
  std::vector<CustomerTokenConfig> customer_tokens;
  uint32_t max_sessions = 16;  // operation sessions, besides anchor and owner
  uint32_t max_cached_keks = 1024;
  std::chrono::milliseconds operation_timeout{5000};  // a verb answers within this even if the module hangs
  std::chrono::milliseconds acquire_timeout{2000};    // wait for a free session
  std::chrono::milliseconds probe_interval{1000};
  std::chrono::milliseconds key_settling{30'000};  // a new signing key is known for this long before it signs
  GcmIv gcm_iv = GcmIv::kCaller;
  // False only for modules that cannot store CKA_UNWRAP_TEMPLATE, CKA_ALLOWED_MECHANISMS and CKA_COPYABLE
  // with a token key: whoever has the PIN of such a token can unwrap vault keys readably. Used at init.
  bool full_templates = true;
  bool es256 = false;                 // ES256 instead of EdDSA signing keys, for modules without CKM_EDDSA
  LoginGuard* login_guard = nullptr;  // told of each login; null: nobody is
};

}  // namespace claviger::hsm
