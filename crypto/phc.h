#pragma once
// Argon2id hashes as PHC strings: "$argon2id$v=19$m=19456,t=2,p=1$<salt>$<tag>". One text per hash: decimals
// without leading zeros, this order of parameters, unpadded canonical base64.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/password.h"

namespace claviger::crypto {

struct PasswordHash {
  Argon2Cost cost;
  std::array<uint8_t, 16> salt{};
  std::array<uint8_t, 32> tag{};
};

// What a stored hash may ask of the machine: at most 1 GiB, 16 passes, 16 lanes; at least 8 KiB a lane.
bool IsBounded(const Argon2Cost& cost);

std::string FormatPhc(const PasswordHash& hash);
// nullopt for anything but what FormatPhc makes of a hash of bounded cost.
std::optional<PasswordHash> ParsePhc(std::string_view text);

}  // namespace claviger::crypto
