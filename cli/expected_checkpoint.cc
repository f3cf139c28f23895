#include "cli/expected_checkpoint.h"

#include <algorithm>
#include <charconv>

#include "crypto/audit_export.h"

namespace claviger::cli {

std::optional<ExpectedCheckpoint> ExpectedCheckpoint::Parse(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  ExpectedCheckpoint expected;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + colon, expected.number_);
  if (failed != std::errc() || end != text.data() + colon || expected.number_ == 0) return std::nullopt;
  const auto hash = HexDecode(text.substr(colon + 1));
  if (!hash || hash->size() != expected.hash_.size()) return std::nullopt;
  std::copy(hash->begin(), hash->end(), expected.hash_.begin());
  return expected;
}

void ExpectedCheckpoint::Look(std::string_view line) {
  if (seen_ || line.find("\"checkpoint\"") == std::string_view::npos) return;
  const auto parsed = crypto::ParseExportLine(line);
  if (!parsed || !parsed->checkpoint || parsed->checkpoint->number != number_) return;
  seen_ = EqualConstantTime(crypto::CheckpointHash(*parsed->checkpoint), hash_);
}

}  // namespace claviger::cli
