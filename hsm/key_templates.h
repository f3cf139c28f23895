#pragma once
// What each key of the hierarchy may do (config.full_templates applies to token keys). Least
// use: a key does one job, is never readable, and its rights cannot be widened later, not even by somebody
// who is logged in.

#include <string_view>

#include "crypto/keyring.h"
#include "hsm/config.h"
#include "hsm/template.h"

namespace claviger::hsm {

inline constexpr CK_ULONG kAesKeyBytes = 32;

// The root: an AES-256 token key that only wraps and unwraps, and whose unwrap template forces whatever it
// unwraps to be a sensitive, non-extractable session object.
Template RootKeyTemplate(std::string_view label, const HsmConfig& config);

// A KEK between generation and wrapping: an extractable session object that can be wrapped and nothing else.
Template NewKekTemplate();
// A KEK in use. It states exactly the values that the root's unwrap template demands; SoftHSM refuses
// otherwise.
Template LoadedKekTemplate();

Template LookupKeyTemplate(std::string_view label, const HsmConfig& config);
Template SigningPublicTemplate(std::string_view label, crypto::SignatureAlgorithm algorithm);
Template SigningPrivateTemplate(std::string_view label, crypto::SignatureAlgorithm algorithm,
                                const HsmConfig& config);

}  // namespace claviger::hsm
