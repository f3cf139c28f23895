#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/cmd_audit.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/files.h"
#include "cli/output.h"
#include "crypto/jws.h"

namespace claviger::cli {
namespace {

struct KeyOptions {
  std::string file;
};

Result<int> Key(const Context& context, const KeyOptions& options) {
  TRY(ApiClient api, context.Anonymous());
  TRY(const Json jwks, api.Get("/v1/audit/keys"));
  const std::string text = jwks.dump(2) + "\n";
  if (auto keys = crypto::ParsePublicKeys(text); !keys || keys.value().empty()) {
    return MakeError(ErrorKind::kInternal, "The server's answer holds no usable public key");
  }
  if (options.file.empty()) {
    PrintJson(jwks);
    return kExitOk;
  }
  TRY(NewFile file, NewFile::Create(options.file));
  TRYV(file.Write(AsBytes(text)));
  TRYV(file.Commit());
  return kExitOk;
}

}  // namespace

void AddAuditKey(CLI::App& group, Action& chosen) {
  auto options = std::make_shared<KeyOptions>();
  auto* key = group.add_subcommand("key", "Print the public keys that check audit exports, as a JWK set");
  key->add_option("--file", options->file, "Write to this file instead of standard output");
  Choose(key, chosen, options, Key);
}

}  // namespace claviger::cli
