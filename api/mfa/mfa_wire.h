#pragma once
// The second factor as JSON: what clients send and get. Shared with the command line.

#include <optional>
#include <string_view>
#include <vector>

#include "api/json/json.h"
#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::api {

inline constexpr int64_t kMfaTokenSeconds = 300;

// A login whose password was right, and that waits for a code.
struct MfaChallenge {
  SecretBytes token;
};
// `access_token` is the empty string: shipped clients store only what is not.
SecretBytes EncodeMfaChallenge(const MfaChallenge& challenge);
// nullopt if the answer of a login asks for no code.
std::optional<MfaChallenge> DecodeMfaChallenge(const Json& json);

Json EncodeMfaStatus(bool enabled);

struct MfaSetup {
  SecretBytes otpauth_uri;
  SecretBytes secret;  // base32
};
SecretBytes EncodeMfaSetup(const MfaSetup& setup);
SecretBytes EncodeRecoveryCodes(const std::vector<SecretBytes>& codes);

// A code may have any form here; api/mfa/mfa.h tells which are any good.
struct MfaVerifyRequest {
  SecretBytes mfa_token;
  SecretBytes code;
};
Result<MfaVerifyRequest> DecodeMfaVerify(std::string_view body);
SecretBytes EncodeMfaVerify(const MfaVerifyRequest& request);

// The code.
Result<SecretBytes> DecodeMfaVerifySetup(std::string_view body);
SecretBytes EncodeMfaVerifySetup(const SecretBytes& code);

// One of them at least.
struct MfaDisableRequest {
  std::optional<SecretBytes> code;
  std::optional<SecretBytes> password;
};
Result<MfaDisableRequest> DecodeMfaDisable(std::string_view body);
SecretBytes EncodeMfaDisable(const MfaDisableRequest& request);

}  // namespace claviger::api
