#include "cli/cmek_keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/files.h"
#include "cli/value_input.h"
#include "crypto/random.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxKeyFileBytes = 1024;

Result<SecretBytes> ReadKeyText(const std::string& file) {
  if (file == "-") return ReadAll(STDIN_FILENO, kMaxKeyFileBytes, "standard input");
  const Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return Invalid("Cannot open " + file + ": " + ErrnoText());
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return Invalid("Cannot read " + file + ": " + ErrnoText());
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Invalid("Others may read the key in " + file + "; give it the mode 0600");
  }
  return ReadAll(fd.get(), kMaxKeyFileBytes, file);
}

}  // namespace

Result<crypto::CmekKey> ReadCmekKey(const std::string& file) {
  TRY(SecretBytes text, ReadKeyText(file));
  TrimLineEnd(text);
  auto key = crypto::CmekKey::Parse(text.Text());
  if (!key) {
    return Invalid((file == "-" ? "Standard input" : file) +
                   " holds no key: base64 of 32 bytes, as 'claviger cmek keygen' writes it");
  }
  return *std::move(key);
}

void AddCmekOptions(CLI::App& command, CmekOptions& options) {
  command
      .add_option("--cmek-key-file", options.files,
                  "A customer-managed key that seals and opens values here, \"-\" for standard input; may be "
                  "repeated")
      ->allow_extra_args(false);
}

Result<CmekKeys> CmekKeys::Read(const CmekOptions& options) {
  CmekKeys keys;
  for (const std::string& file : options.files) {
    TRY(auto key, ReadCmekKey(file));
    keys.keys_.push_back(std::move(key));
  }
  return keys;
}

Result<SecretBytes> CmekKeys::Seal(const Json& vault, const SecretBytes& value) const {
  const auto wanted = crypto::ParseFingerprint(TextOf(vault, "cmek_fingerprint"));
  if (!wanted) {
    return Invalid(
        "This vault has no customer-managed key; enable it with 'claviger cmek enable', or leave "
        "--cmek-key-file out");
  }
  crypto::SystemRandom random;
  for (const auto& key : keys_) {
    if (key.Fingerprint() == *wanted) return key.Seal(random, value.View());
  }
  return Invalid("The key is not this vault's, whose fingerprint is " + HexEncode(*wanted));
}

Result<SecretBytes> CmekKeys::Open(api::Secret secret) const {
  return secret.cmek_encrypted ? Unseal(secret.value.Text()) : DecodeValue(std::move(secret));
}

Result<SecretBytes> CmekKeys::Unseal(std::string_view blob) const {
  if (keys_.empty()) {
    return Invalid("The value is sealed under a customer-managed key; --cmek-key-file opens it");
  }
  for (const auto& key : keys_) {
    auto value = key.Open(blob);
    if (value) return value;
  }
  return Invalid("The value is sealed under another customer-managed key than the one given");
}

}  // namespace claviger::cli
