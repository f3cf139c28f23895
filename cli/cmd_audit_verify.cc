// audit verify: no network, no session; a file, a public key, a verdict.

#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/cmd_audit.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/expected_checkpoint.h"
#include "cli/files.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "crypto/audit_bundle.h"
#include "crypto/jws.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxLineBytes = 1024 * 1024;
constexpr size_t kMaxKeyFileBytes = 1024 * 1024;

struct VerifyOptions {
  std::string file;
  std::string key_file;
  std::string org;
  std::string expected;
  std::string keys_to;
};

struct Verdict {
  OrgId org;
  std::optional<crypto::BundlePeriod> period;  // of a bundle
  crypto::AuditVerifier::Summary summary;
};

Error Unverified(std::string detail) { return MakeError(ErrorKind::kIntegrity, std::move(detail)); }

std::string CheckOrg(const std::string& text) { return OrgId::Parse(text) ? "" : "It is not a UUID"; }
std::string CheckExpected(const std::string& text) {
  return ExpectedCheckpoint::Parse(text) ? ""
                                         : "It must be NUMBER:HASH, as an earlier verification printed them";
}

Result<std::vector<crypto::PublicKey>> ReadKeys(const std::string& path) {
  TRY(const SecretBytes text, ReadFile(path, kMaxKeyFileBytes));
  auto keys = crypto::ParsePublicKeys(text.Text());
  if (!keys || keys.value().empty()) return Invalid(path + " holds no public key (a PEM file or a JWK set)");
  return keys;
}

// What the chain alone cannot say: that it is the right organisation's, and no older than one already seen.
Status CheckExpectations(const VerifyOptions& options, const Verdict& verdict,
                         const std::optional<ExpectedCheckpoint>& expected) {
  if (!options.org.empty() && verdict.org != *OrgId::Parse(options.org)) {
    return Unverified("The export belongs to the organisation " + verdict.org.ToString());
  }
  if (expected && !expected->WasSeen()) {
    return Unverified(
        "The export does not contain the expected checkpoint: it is older, or of another history");
  }
  // An emptied export with another organisation in its header would otherwise pass.
  if (verdict.summary.records == 0) {
    return Unverified("The export holds no record of the organisation " + verdict.org.ToString());
  }
  return Ok();
}

// Every failure from here on is a failed verification.
Result<Verdict> VerifyLines(LineReader& lines, std::vector<crypto::PublicKey> keys,
                            const VerifyOptions& options) {
  crypto::ExportReader reader(std::move(keys));
  auto expected = ExpectedCheckpoint::Parse(options.expected);
  for (;;) {
    TRY(const auto line, lines.Next());
    if (!line) break;
    TRYV(reader.AddLine(*line));
    if (expected) expected->Look(*line);
  }
  TRY(auto summary, reader.Finish());
  Verdict verdict{reader.org().value_or(OrgId{}), {}, std::move(summary)};
  if (reader.period() != nullptr) verdict.period = *reader.period();
  TRYV(CheckExpectations(options, verdict, expected));
  return verdict;
}

void PrintVerdict(const Context& context, const Verdict& verdict) {
  const auto& summary = verdict.summary;
  const std::string until = summary.sealed_until ? FormatTime(*summary.sealed_until) : "";
  const std::string hash = HexEncode(summary.last_checkpoint_hash);
  if (context.json()) {
    Json json = {{"verified", true},
                 {"org_id", verdict.org.ToString()},
                 {"records", summary.records},
                 {"sealed_until", until},
                 {"last_checkpoint", summary.checkpoints},
                 {"last_checkpoint_hash", hash},
                 {"last_key", summary.last_kid}};
    if (verdict.period) {
      json["from"] = FormatTime(verdict.period->from);
      json["to"] = FormatTime(verdict.period->to);
    }
    return PrintJson(json);
  }
  const auto& period = verdict.period;
  PrintFields({{"verdict", "verified: no record is edited, missing or out of order"},
               {"organization", verdict.org.ToString()},
               {"from", period ? FormatTime(period->from) : ""},
               {"to", period ? FormatTime(period->to) : ""},
               {"records", std::to_string(summary.records)},
               {"sealed until", until},
               {"last checkpoint", std::to_string(summary.checkpoints) + ":" + hash},
               {"signed by", summary.last_kid}});
}

Status SaveKeys(const VerifyOptions& options, const Verdict& verdict) {
  if (options.keys_to.empty()) return Ok();
  if (verdict.period) return Invalid("Only an export tells which keys followed one another");
  TRY(NewFile file, NewFile::Create(options.keys_to));
  TRYV(file.Write(AsBytes(crypto::JwksJson(verdict.summary.signers) + "\n")));
  return file.Commit();
}

Result<int> Verify(const Context& context, const VerifyOptions& options) {
  TRY(auto keys, ReadKeys(options.key_file));
  Fd fd(open(options.file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return Invalid("Cannot open " + options.file + ": " + ErrnoText());
  LineReader lines(std::move(fd), kMaxLineBytes, options.file);
  auto verdict = VerifyLines(lines, std::move(keys), options);
  if (verdict) {
    TRYV(SaveKeys(options, verdict.value()));
    PrintVerdict(context, verdict.value());
    return kExitOk;
  }
  const std::string& reason = verdict.error().detail;
  if (context.json()) PrintJson({{"verified", false}, {"reason", reason}});
  Complain("NOT verified: " + reason);
  return kExitUnverified;
}

}  // namespace

void AddAuditVerify(CLI::App& group, Action& chosen) {
  auto options = std::make_shared<VerifyOptions>();
  auto* verify =
      group.add_subcommand("verify", "Check an export or a bundle with a public key alone; needs no server");
  verify->add_option("file", options->file, "The export or bundle")->required();
  verify->add_option("--public-key", options->key_file, "The audit key: a PEM file or a JWK set")->required();
  verify->add_option("--org", options->org, "Refuse an export of any other organisation (id)")
      ->check(CheckOrg);
  verify
      ->add_option("--expect-checkpoint", options->expected,
                   "Refuse an export without this checkpoint (NUMBER:HASH)")
      ->check(CheckExpected);
  verify->add_option("--save-keys", options->keys_to,
                     "Write the keys that follow one another in an export to this file, as a JWK set");
  Choose(verify, chosen, options, Verify);
}

}  // namespace claviger::cli
