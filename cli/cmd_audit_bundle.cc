// audit bundle: the evidence of a period in one file. What would not verify is not saved.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/audit_lines.h"
#include "cli/cmd_audit.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "crypto/audit_bundle.h"
#include "crypto/audit_export.h"
#include "crypto/audit_merkle.h"
#include "crypto/jws.h"

namespace claviger::cli {
namespace {

// Our own request is an event behind the period; it is sealed within about a second.
constexpr int kPatience = 20;
constexpr std::chrono::milliseconds kPause{500};

struct BundleOptions {
  std::string from;
  std::string to;
  std::string file;
};

struct Bounds {
  std::optional<crypto::AuditCheckpoint> first;
  crypto::AuditCheckpoint last;
};

// Every line goes through the verifier on its way.
class VerifiedLines {
 public:
  VerifiedLines(std::vector<crypto::PublicKey> keys, LineSink sink)
      : reader_(std::move(keys)), sink_(std::move(sink)) {}
  Status Add(std::string_view line) {
    TRYV(reader_.AddLine(line));
    return sink_.Add(line);
  }
  Result<crypto::AuditVerifier::Summary> Close() {
    TRY(auto summary, reader_.Finish());
    TRYV(sink_.Close());
    return summary;
  }

 private:
  crypto::ExportReader reader_;
  LineSink sink_;
};

std::string CheckTime(const std::string& text) {
  return ParseTime(text) ? "" : "A time looks like 2026-12-31T23:59:59Z";
}

Result<std::vector<crypto::PublicKey>> FetchKeys(ApiClient& api) {
  TRY(const SecretBytes jwks, api.GetText("/v1/audit/keys"));
  auto keys = crypto::ParsePublicKeys(jwks.Text());
  if (!keys) return MakeError(ErrorKind::kInternal, "The server's answer holds no usable public key");
  return keys;
}

// Who verifies must have been given every key that the bundle names: so it names only those it needs.
std::vector<crypto::PublicKey> SignersOf(const Bounds& bounds, std::vector<crypto::PublicKey> keys) {
  std::erase_if(keys, [&](const crypto::PublicKey& key) {
    return key.kid != bounds.last.kid && !(bounds.first && key.kid == bounds.first->kid);
  });
  return keys;
}

Result<Bounds> FetchBounds(ApiClient& api, const crypto::BundlePeriod& period) {
  const std::string target =
      "/v1/audit/period" + QueryString({{"from", FormatTime(period.from)}, {"to", FormatTime(period.to)}});
  auto body = api.GetText(target);
  for (int attempt = 1; !body && body.error().kind == ErrorKind::kConflict && attempt < kPatience;
       ++attempt) {
    std::this_thread::sleep_for(kPause);
    body = api.GetText(target);
  }
  TRYV(body);
  TRY(const auto page, api::DecodeCheckpointPage(body.value().Text()));
  Bounds bounds;
  for (const std::string& line : page.lines) {
    const auto parsed = crypto::ParseExportLine(line);
    if (!parsed || !parsed->checkpoint) return Invalid("The server's answer holds no checkpoint");
    if (page.lines.size() == 2 && !bounds.first) {
      bounds.first = parsed->checkpoint;
    } else {
      bounds.last = *parsed->checkpoint;
    }
  }
  if (bounds.last.number == 0) return Invalid("The server's answer holds no checkpoint");
  return bounds;
}

// How long the chain was at the first checkpoint.
Result<uint64_t> StartOf(const OrgId& org, const Bounds& bounds) {
  if (!bounds.first) return uint64_t{0};
  const auto* leaf = crypto::LeafOf(org, *bounds.first);
  if (leaf == nullptr) return Invalid("The server's checkpoint says nothing of this organisation");
  return leaf->count;
}

std::optional<EventId> PreviousOf(const api::ExportPage& page) {
  if (page.lines.empty()) return std::nullopt;
  const auto first = crypto::ParseExportLine(page.lines.front());
  return first && first->record ? first->record->previous_id : std::nullopt;
}

Result<crypto::AuditVerifier::Summary> WriteBundle(ApiClient& api, crypto::BundlePeriod period,
                                                   LineSink sink) {
  TRY(const OrgId org, OwnOrg(api));
  TRY(const Bounds bounds, FetchBounds(api, period));
  TRY(auto all_keys, FetchKeys(api));
  const auto keys = SignersOf(bounds, std::move(all_keys));
  TRY(uint64_t after, StartOf(org, bounds));
  TRY(api::ExportPage page, FetchRecords(api, after, bounds.last.number));
  period.previous_id = PreviousOf(page);

  VerifiedLines lines(keys, std::move(sink));
  TRYV(lines.Add(crypto::BundleHeaderLine(org, period, SystemClock().Now())));
  TRYV(lines.Add(crypto::BundleKeysLine(crypto::JwksJson(keys))));
  if (bounds.first) {
    TRYV(lines.Add(crypto::ExportCheckpointLine(*bounds.first)));
  }
  uint64_t records = 0;
  while (!page.lines.empty()) {
    TRYV(Advance(page, after));
    for (const std::string& line : page.lines) {
      TRYV(lines.Add(line));
    }
    records += page.lines.size();
    TRY(page, FetchRecords(api, after, bounds.last.number));
  }
  TRYV(lines.Add(crypto::ExportCheckpointLine(bounds.last)));
  TRYV(lines.Add(crypto::ExportEndLine(bounds.first ? 2 : 1, records)));
  return lines.Close();
}

Result<int> Bundle(const Context& context, const BundleOptions& options) {
  const Time now = SystemClock().Now();
  const crypto::BundlePeriod period{
      *ParseTime(options.from), options.to.empty() ? now : *ParseTime(options.to), {}};
  if (period.to < period.from) return Invalid("The period ends before it begins");
  if (period.to > now) return Invalid("The period has not ended yet");
  TRY(ApiClient api, context.LoggedIn());
  TRY(LineSink sink, LineSink::Open(options.file));
  TRY(const auto summary, WriteBundle(api, period, std::move(sink)));
  if (context.json()) {
    PrintJson({{"file", options.file},
               {"from", FormatTime(period.from)},
               {"to", FormatTime(period.to)},
               {"records", summary.records},
               {"last_checkpoint", summary.checkpoints}});
  }
  Notice("Saved " + std::to_string(summary.records) + " records, sealed by checkpoint " +
         std::to_string(summary.checkpoints));
  return kExitOk;
}

}  // namespace

void AddAuditBundle(CLI::App& group, Action& chosen) {
  auto options = std::make_shared<BundleOptions>();
  auto* bundle = group.add_subcommand("bundle", "Save the evidence of a period, to be verified by itself");
  bundle->add_option("--from", options->from, "The period's beginning (RFC 3339)")
      ->required()
      ->check(CheckTime);
  bundle->add_option("--to", options->to, "Its end, now by default")->check(CheckTime);
  bundle->add_option("-o,--file", options->file, "Write to this file, mode 0600")->required();
  Choose(bundle, chosen, options, Bundle);
}

}  // namespace claviger::cli
