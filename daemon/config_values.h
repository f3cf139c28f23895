#pragma once
// Configuration values as text: each type reads exactly what it shows. Read returns false for anything else
// and then leaves the value alone.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/config.h"

namespace claviger::daemon {

// "250ms", "30s", "5m"; a unit is required. At most 24 hours.
bool ReadValue(std::string_view text, std::chrono::milliseconds& out);
// Decimal digits.
bool ReadValue(std::string_view text, uint32_t& out);
// "true" or "false".
bool ReadValue(std::string_view text, bool& out);
bool ReadValue(std::string_view text, std::string& out);
bool ReadValue(std::string_view text, LogLevel& out);
bool ReadValue(std::string_view text, MemoryLock& out);
bool ReadValue(std::string_view text, SandboxMode& out);
bool ReadValue(std::string_view text, ModuleSockets& out);
bool ReadValue(std::string_view text, Signup& out);
bool ReadValue(std::string_view text, api::MailSecurity& out);
bool ReadValue(std::string_view text, hsm::GcmIv& out);
// "<id of the organisation> <label> <PIN file>", parted by blanks; the label may hold some.
bool ReadValue(std::string_view text, hsm::CustomerTokenConfig& out);

std::string ShowValue(std::chrono::milliseconds value);
std::string ShowValue(uint32_t value);
std::string ShowValue(bool value);
std::string ShowValue(const std::string& value);
std::string ShowValue(LogLevel value);
std::string ShowValue(MemoryLock value);
std::string ShowValue(SandboxMode value);
std::string ShowValue(ModuleSockets value);
std::string ShowValue(Signup value);
std::string ShowValue(api::MailSecurity value);
std::string ShowValue(hsm::GcmIv value);
std::string ShowValue(const hsm::CustomerTokenConfig& value);

// What a value of the type must be, for a refusal.
inline const char* RuleOf(bool) { return "true or false"; }
inline const char* RuleOf(const std::string&) { return "text"; }
inline const char* RuleOf(LogLevel) { return "debug, info, warn or error"; }
inline const char* RuleOf(MemoryLock) { return "off, auto or required"; }
inline const char* RuleOf(SandboxMode) { return "enforce, log or off"; }
inline const char* RuleOf(ModuleSockets) { return "off, local or network"; }
inline const char* RuleOf(Signup) { return "closed, direct or mail"; }
inline const char* RuleOf(api::MailSecurity) { return "starttls, tls or none"; }
inline const char* RuleOf(hsm::GcmIv) { return "caller or hsm"; }

}  // namespace claviger::daemon
