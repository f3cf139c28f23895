#pragma once
// Customer-managed keys on this side of the wire: values are sealed before they are sent and opened after
// they were fetched. A key lies in a file that nobody else can read, or comes on standard input ("-"), as a
// line of base64; never on the command line.

#include <string>
#include <string_view>
#include <vector>

#include "api/secrets/secrets_wire.h"
#include "base/error.h"
#include "cli/api_client.h"
#include "crypto/cmek.h"

namespace CLI {
class App;
}

namespace claviger::cli {

// kInvalid if the file holds no key, or if its group or others may read it.
Result<crypto::CmekKey> ReadCmekKey(const std::string& file);

struct CmekOptions {
  std::vector<std::string> files;  // more than one while a key is being exchanged
};
void AddCmekOptions(CLI::App& command, CmekOptions& options);

class CmekKeys {
 public:
  static Result<CmekKeys> Read(const CmekOptions& options);
  bool empty() const { return keys_.empty(); }

  // Seals the value as this vault wants it. kInvalid if none of the keys is the vault's.
  Result<SecretBytes> Seal(const Json& vault, const SecretBytes& value) const;
  // The value in a blob. kInvalid if none of the keys opens it.
  Result<SecretBytes> Unseal(std::string_view blob) const;
  // The exact bytes that were put, sealed or not. kInvalid as above.
  Result<SecretBytes> Open(api::Secret secret) const;

 private:
  std::vector<crypto::CmekKey> keys_;
};

}  // namespace claviger::cli
