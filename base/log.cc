#include "base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace claviger {
namespace {

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

// JSON string contents: control bytes, quotes and backslashes escaped; anything not UTF-8 becomes '?'.
void AppendEscaped(std::string& out, std::string_view text) {
  const bool utf8 = IsUtf8(text);
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out.push_back(!utf8 && byte >= 0x80 ? '?' : c);
    }
  }
}

void AppendField(std::string& out, std::string_view key, std::string_view value) {
  out += ",\"";
  AppendEscaped(out, key);
  out += "\":\"";
  AppendEscaped(out, value);
  out += '"';
}

}  // namespace

bool ParseLogLevel(std::string_view text, LogLevel& out) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (text == LevelName(level)) {
      out = level;
      return true;
    }
  }
  return false;
}

void Log::Debug(std::string_view message, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kDebug, message, nullptr, fields);
}
void Log::Info(std::string_view message, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kInfo, message, nullptr, fields);
}
void Log::Warn(std::string_view message, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kWarn, message, nullptr, fields);
}
void Log::Warn(std::string_view message, const Error& error, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kWarn, message, &error, fields);
}
void Log::Failure(std::string_view message, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kError, message, nullptr, fields);
}
void Log::Failure(std::string_view message, const Error& error,
                  std::initializer_list<LogField> fields) const {
  Write(LogLevel::kError, message, &error, fields);
}

void Log::Write(LogLevel level, std::string_view message, const Error* error,
                std::initializer_list<LogField> fields) const {
  if (level < minimum_) return;
  std::string line =
      "{\"time\":\"" + FormatTime(SystemClock().Now()) + "\",\"level\":\"" + LevelName(level) + '"';
  AppendField(line, "message", message);
  if (error != nullptr) {
    AppendField(line, "kind", Name(error->kind));
    AppendField(line, "detail", error->detail);
    if (!error->cause.empty()) AppendField(line, "cause", error->cause);
    if (error->ck_rv != 0) AppendField(line, "ck_rv", fmt::format("0x{:08x}", error->ck_rv));
    if (!error->sqlstate.empty()) AppendField(line, "sqlstate", error->sqlstate);
  }
  for (const LogField& field : fields) AppendField(line, field.key, field.value);
  line += "}\n";
  // One write per line keeps lines of several threads whole; a log that cannot be written must not stop the
  // daemon.
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

}  // namespace claviger
