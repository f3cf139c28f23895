#include "cli/export_format.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/json/secret_json.h"
#include "cli/secret_buffer.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxDockerLine = 64 * 1024 - 1;  // what Docker's line scanner takes, line end included

bool Contains(const SecretBytes& value, std::string_view any_of) {
  return value.Text().find_first_of(any_of) != std::string_view::npos;
}
bool HasNul(const SecretBytes& value) { return value.Text().find('\0') != std::string_view::npos; }

Error Unwritable(const NamedValue& variable, const std::string& reason, const std::string& instead) {
  return Invalid("The value of " + variable.name + " " + reason + "; " + instead);
}

class Text {
 public:
  void Add(std::string_view text) { fits_ = fits_ && buffer_.Append(AsBytes(text)); }
  Result<SecretBytes> Take() {
    if (!fits_) return MakeError(ErrorKind::kTooLarge, "The secrets are longer than 64 MiB together");
    return buffer_.Take();
  }

 private:
  SecretBuffer buffer_{kMaxExportBytes};
  bool fits_ = true;
};

// Within single quotes a shell takes everything as it stands; the quote itself is written outside of them.
void AddQuoted(Text& text, std::string_view value) {
  text.Add("'");
  while (true) {
    const size_t quote = value.find('\'');
    text.Add(value.substr(0, quote));
    if (quote == value.npos) break;
    text.Add("'\\''");
    value.remove_prefix(quote + 1);
  }
  text.Add("'");
}

Status AddLine(Text& text, ExportFormat format, const NamedValue& variable) {
  const auto& [name, value] = variable;
  if (HasNul(value)) return Unwritable(variable, "has a NUL byte", "get it by itself");
  if (format == ExportFormat::kDocker) {
    if (Contains(value, "\r\n"))
      return Unwritable(variable, "has a line end", "Docker's file has no way to write one");
    if (!IsUtf8(value.Text())) return Unwritable(variable, "is not UTF-8 text", "Docker refuses such files");
    if (name.size() + value.size() + 2 > kMaxDockerLine) {
      return Unwritable(variable, "is too long", "Docker takes lines of less than 64 KiB");
    }
  }
  if (format == ExportFormat::kShell) text.Add("export ");
  text.Add(name);
  text.Add("=");
  if (format == ExportFormat::kDocker) {
    text.Add(value.Text());
  } else {
    AddQuoted(text, value.Text());
  }
  text.Add("\n");
  return Ok();
}

Result<SecretBytes> ExportJson(const std::vector<NamedValue>& values) {
  Text text;
  text.Add("{");
  std::string_view before = "\n";
  for (const auto& variable : values) {
    const auto& [name, value] = variable;
    if (!IsUtf8(value.Text())) return Unwritable(variable, "is not UTF-8 text", "get it by itself");
    text.Add(before);
    text.Add("  \"" + name + "\": ");
    api::Json json = std::string();
    json.get_ref<std::string&>().assign(value.Text());  // the one copy, which DumpSecret wipes
    text.Add(api::DumpSecret(std::move(json)).Text());
    before = ",\n";
  }
  text.Add("\n}\n");
  return text.Take();
}

}  // namespace

std::optional<ExportFormat> ParseExportFormat(std::string_view name) {
  if (name == "dotenv") return ExportFormat::kDotenv;
  if (name == "shell") return ExportFormat::kShell;
  if (name == "json") return ExportFormat::kJson;
  if (name == "docker") return ExportFormat::kDocker;
  return std::nullopt;
}

Result<SecretBytes> Export(ExportFormat format, const std::vector<NamedValue>& values) {
  if (format == ExportFormat::kJson) return ExportJson(values);
  Text text;
  for (const NamedValue& variable : values) {
    TRYV(AddLine(text, format, variable));
  }
  return text.Take();
}

bool IsReadAlike(const SecretBytes& value) { return !Contains(value, "'\\\r"); }

}  // namespace claviger::cli
