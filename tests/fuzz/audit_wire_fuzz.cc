// What the audit routes are asked, and what the command line takes for an export page.
#include <nlohmann/json.hpp>

#include "api/audit/audit_query.h"
#include "api/http/target.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

namespace {

void CheckFilter(std::string_view text) {
  auto target = http::ParseTarget("/v1/audit/events?" + std::string(text));
  if (!target) return;
  http::Request request;
  request.target = std::move(target).value();
  const auto result = ReadEventFilter(request);
  if (!result) return;
  const AuditEventFilter& filter = result.value();
  Require(filter.limit >= 1 && filter.limit <= kMaxEvents, "pages are bounded");
  Require(filter.offset >= 0 && filter.offset <= kMaxEventOffset, "offsets are bounded");
  if (filter.actor_id) {
    const auto id = ParseUuid(*filter.actor_id);
    Require(id && FormatUuid(*id) == *filter.actor_id, "an actor has one spelling");
  }
  for (const auto& field : {filter.resource_id, filter.action}) {
    Require(!field || (IsUtf8(*field) && field->find('\0') == std::string::npos), "texts are clean");
  }
}

void CheckPage(const Result<ExportPage>& page, const char* number) {
  if (!page) return;
  for (const std::string& line : page.value().lines) {
    Require(line.find('\n') == std::string::npos, "an element is one line");
    const auto element = ParseJsonObject(line);
    Require(element && element.value().at(number).is_number_unsigned(), "an element is a numbered object");
    if (&line == &page.value().lines.back()) {
      Require(element.value().at(number) == page.value().last, "the last number is the last element's");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  CheckFilter(text);
  CheckPage(DecodeRecordPage(text), "sequence");
  CheckPage(DecodeCheckpointPage(text), "number");
  return 0;
}
