#include <algorithm>

#include "crypto/audit_export.h"
#include "crypto/strict_json.h"

namespace claviger::crypto {
namespace {

using nlohmann::json;

// Takes members out of one object; the first that is absent or of the wrong kind spoils the whole.
class Members {
 public:
  explicit Members(const json& object) : object_(object) {}
  bool good() const { return good_; }

  void Take(const char* name, std::string& out) {
    if (const std::string* text = Text(name)) out = *text;
  }
  void Take(const char* name, uint64_t& out) {
    const auto found = object_.find(name);
    good_ = good_ && found != object_.end() && found->is_number_unsigned();
    if (good_) out = found->get<uint64_t>();
  }
  void Take(const char* name, Time& out) { Decode(name, &ParseTime, out); }
  void Take(const char* name, Bytes& out) { Decode(name, &Base64UrlDecode, out); }
  void Take(const char* name, Digest& out) { Decode(name, &ParseDigest, out); }
  template <class Tag>
  void Take(const char* name, Id<Tag>& out) {
    Decode(name, &Id<Tag>::Parse, out);
  }
  void Take(const char* name, std::optional<EventId>& out) {
    const auto found = object_.find(name);
    if (found != object_.end() && found->is_null()) return;
    out.emplace();
    Take(name, *out);
  }
  void Take(const char* name, std::vector<AuditLeaf>& out) {
    const auto found = object_.find(name);
    good_ = good_ && found != object_.end() && found->is_array();
    if (!good_) return;
    for (const json& leaf : *found) good_ = good_ && ParseLeaf(leaf, out.emplace_back());
  }

  static std::optional<Digest> ParseDigest(std::string_view text) {
    const auto bytes = HexDecode(text);
    Digest digest;
    if (!bytes || bytes->size() != digest.size()) return std::nullopt;
    std::copy(bytes->begin(), bytes->end(), digest.begin());
    return digest;
  }

 private:
  const std::string* Text(const char* name) {
    const std::string* text = FindString(object_, name);
    good_ = good_ && text != nullptr;
    return text;
  }
  template <class Parser, class T>
  void Decode(const char* name, Parser parser, T& out) {
    const std::string* text = Text(name);
    if (text == nullptr) return;
    const auto value = parser(*text);
    good_ = good_ && value;
    if (value) out = *value;
  }
  static bool ParseLeaf(const json& leaf, AuditLeaf& out) {
    if (!leaf.is_array() || leaf.size() != 3 || !leaf[0].is_string() || !leaf[1].is_number_unsigned() ||
        !leaf[2].is_string()) {
      return false;
    }
    const auto tag = ParseDigest(leaf[0].get_ref<const std::string&>());
    const auto head = ParseDigest(leaf[2].get_ref<const std::string&>());
    if (!tag || !head) return false;
    out = {*tag, leaf[1].get<uint64_t>(), *head};
    return true;
  }

  const json& object_;
  bool good_ = true;
};

void TakeRecord(Members& members, AuditVerifier::LinkedRecord& out) {
  members.Take("sequence", out.sequence);
  members.Take("id", out.record.id);
  members.Take("prev_event_id", out.previous_id);
  members.Take("org_id", out.record.org);
  members.Take("actor_type", out.record.actor_type);
  members.Take("actor_id", out.record.actor_id);
  members.Take("action", out.record.action);
  members.Take("resource_type", out.record.resource_type);
  members.Take("resource_id", out.record.resource_id);
  members.Take("outcome", out.record.outcome);
  members.Take("details", out.record.details);
  members.Take("ip_address", out.record.ip_address);
  members.Take("request_id", out.record.request_id);
  members.Take("created_at", out.record.created_at);
  members.Take("integrity_hash", out.integrity_hash);
}

void TakeCheckpoint(Members& members, AuditCheckpoint& out) {
  members.Take("number", out.number);
  members.Take("previous", out.previous);
  members.Take("root", out.root);
  members.Take("total_records", out.total_records);
  members.Take("created_at", out.created_at);
  members.Take("kid", out.kid);
  members.Take("signature", out.signature);
  members.Take("leaves", out.leaves);
}

std::string TakeHeader(Members& members, ExportHeader& out) {
  std::string format;
  members.Take("format", format);
  members.Take("org_id", out.org);
  members.Take("exported_at", out.exported_at);
  if (format != kBundleFormat) return ExportHeaderLine(out.org, out.exported_at);
  auto& period = out.period.emplace();
  members.Take("from", period.from);
  members.Take("to", period.to);
  members.Take("prev_event_id", period.previous_id);
  return BundleHeaderLine(out.org, period, out.exported_at);
}

// Reads the members of the line's type and returns what the writer would make of them.
std::string ReadAndWriteAgain(std::string_view type, Members& members, ExportLine& out) {
  if (type == "header") return TakeHeader(members, out.header.emplace());
  if (type == "keys") {
    members.Take("jwks", out.keys.emplace());
    return BundleKeysLine(*out.keys);
  }
  if (type == "checkpoint") {
    TakeCheckpoint(members, out.checkpoint.emplace());
    return ExportCheckpointLine(*out.checkpoint);
  }
  if (type == "record") {
    TakeRecord(members, out.record.emplace());
    return ExportRecordLine(*out.record);
  }
  if (type == "end") {
    auto& end = out.end.emplace();
    members.Take("checkpoints", end.checkpoints);
    members.Take("records", end.records);
    return ExportEndLine(end.checkpoints, end.records);
  }
  return {};
}

}  // namespace

std::optional<ExportLine> ParseExportLine(std::string_view line) {
  const auto object = ParseStrictObject(line);
  if (!object) return std::nullopt;
  const std::string* type = FindString(*object, "type");
  if (type == nullptr) return std::nullopt;
  Members members(*object);
  ExportLine out;
  const std::string again = ReadAndWriteAgain(*type, members, out);
  if (!members.good() || again != line) return std::nullopt;
  return out;
}

}  // namespace claviger::crypto
