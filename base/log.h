#pragma once
// The log for operators: one JSON object a line on stderr (systemd's journal keeps it). Messages and fields
// never carry secrets, request bodies or values; see docs/OPERATIONS.md for the events that matter.

#include <initializer_list>
#include <string>
#include <string_view>

namespace claviger {

struct Error;

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// Parses "debug", "info", "warn", "error"; false if it is none of them.
bool ParseLogLevel(std::string_view text, LogLevel& out);

struct LogField {
  std::string_view key;
  std::string value;
};

class Log {
 public:
  explicit Log(LogLevel minimum) : minimum_(minimum) {}
  void Debug(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void Info(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void Warn(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void Failure(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  // An Error with its private cause, CK_RV and SQLSTATE.
  void Warn(std::string_view message, const Error& error, std::initializer_list<LogField> fields = {}) const;
  void Failure(std::string_view message, const Error& error,
               std::initializer_list<LogField> fields = {}) const;

 private:
  void Write(LogLevel level, std::string_view message, const Error* error,
             std::initializer_list<LogField> fields) const;
  LogLevel minimum_;
};

}  // namespace claviger
