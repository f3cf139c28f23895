#pragma once
// The keys that OpenSSL may use without having them: the little that the provider beside this file needs to
// know of an HSM, which is not even that there is one.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/keyring.h"

namespace claviger::crypto::provider {

// A key pair whose private half is elsewhere. OpenSSL keeps it for as long as it likes.
class HeldKey {
 public:
  explicit HeldKey(PublicKey published) : published_(std::move(published)) {}
  virtual ~HeldKey() = default;
  const PublicKey& published() const { return published_; }

  // 64 bytes, as Signature has them. May block; any thread. Whoever holds the key may refuse to sign that.
  virtual Result<Bytes> Sign(ByteView message) const = 0;

 private:
  const PublicKey published_;
};
using HeldKeyPtr = std::shared_ptr<const HeldKey>;

class KeySource {
 public:
  virtual ~KeySource() = default;
  // What a URI of RFC 7512 names, at least one key: the one to be preferred first. kInvalid if it is none, or
  // says what must not stand in it; kNotFound if nothing has that name. May block; any thread.
  virtual Result<std::vector<HeldKeyPtr>> Find(std::string_view uri) = 0;
};

// What such a URI may say of a key here.
struct KeyUri {
  std::optional<std::string> token{};
  std::optional<std::string> serial{};
  std::optional<std::string> object{};
  std::optional<std::string> id{};
};

}  // namespace claviger::crypto::provider
