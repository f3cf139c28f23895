// An export file from anywhere: read line by line, with the key that sealed the seed.
#include "crypto/audit_export.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::crypto;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto keys = fakes::FakeKeyring().PublicKeys(SigningKey::kAudit).value();
  std::string_view text = fuzz::Text(data, size);
  ExportReader reader(keys);
  bool all_taken = true;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    (void)ParseExportLine(line);  // also where the reader has given up
    all_taken = reader.AddLine(line).has_value() && all_taken;
  }
  const auto summary = reader.Finish();
  if (!summary) return 0;
  Require(all_taken, "nothing is accepted after a refusal");
  // The seed's key sealed three records of one organisation and none of any other; a bundle may hold the
  // last.
  const auto records = summary.value().records;
  Require(records == 3 || records == 0 || (records == 1 && reader.period() != nullptr),
          "only sealed records are accepted");
  return 0;
}
