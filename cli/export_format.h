#pragma once
// Variables with secret values as text that programs read back, byte for byte.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::cli {

inline constexpr size_t kMaxExportBytes = 64 * 1024 * 1024;

enum class ExportFormat : uint8_t {
  kDotenv,  // NAME='value', as shells read it; see IsReadAlike
  kShell,   // export NAME='value', for sh, dash and bash
  kJson,    // one object
  kDocker,  // NAME=value as `docker run --env-file` takes it: the rest of the line, nothing is quoted
};
std::optional<ExportFormat> ParseExportFormat(std::string_view name);

struct NamedValue {
  std::string name;  // IsVariableName
  SecretBytes value;
};

// kInvalid, telling only a name, if the format has no way to write a value; kTooLarge beyond kMaxExportBytes.
Result<SecretBytes> Export(ExportFormat format, const std::vector<NamedValue>& values);

// Whether all common readers of dotenv files take the line as shells do. They disagree about quotes,
// backslashes and carriage returns within single quotes.
bool IsReadAlike(const SecretBytes& value);

}  // namespace claviger::cli
