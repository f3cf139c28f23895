#include "daemon/config_values.h"

#include <array>
#include <charconv>

namespace claviger::daemon {
namespace {

template <class T>
struct Word {
  std::string_view text;
  T value;
};
template <class T>
Word(const char*, T) -> Word<T>;  // clang 14 deduces no aggregate without it

constexpr std::array kLogLevels{Word{"debug", LogLevel::kDebug}, Word{"info", LogLevel::kInfo},
                                Word{"warn", LogLevel::kWarn}, Word{"error", LogLevel::kError}};
constexpr std::array kMemoryLocks{Word{"off", MemoryLock::kOff}, Word{"auto", MemoryLock::kAuto},
                                  Word{"required", MemoryLock::kRequired}};
constexpr std::array kSandboxModes{Word{"off", SandboxMode::kOff}, Word{"log", SandboxMode::kLog},
                                   Word{"enforce", SandboxMode::kEnforce}};
constexpr std::array kModuleSockets{Word{"off", ModuleSockets::kNone}, Word{"local", ModuleSockets::kLocal},
                                    Word{"network", ModuleSockets::kNetwork}};
constexpr std::array kSignups{Word{"closed", Signup::kClosed}, Word{"direct", Signup::kDirect},
                              Word{"mail", Signup::kMail}};
constexpr std::array kMailSecurities{Word{"starttls", api::MailSecurity::kStartTls},
                                     Word{"tls", api::MailSecurity::kTls},
                                     Word{"none", api::MailSecurity::kNone}};
constexpr std::array kGcmIvs{Word{"caller", hsm::GcmIv::kCaller}, Word{"hsm", hsm::GcmIv::kHsm}};
constexpr std::array kBools{Word{"true", true}, Word{"false", false}};

template <class T, size_t N>
bool ReadWord(std::string_view text, const std::array<Word<T>, N>& words, T& out) {
  for (const auto& word : words) {
    if (word.text != text) continue;
    out = word.value;
    return true;
  }
  return false;
}

template <class T, size_t N>
std::string ShowWord(T value, const std::array<Word<T>, N>& words) {
  for (const auto& word : words) {
    if (word.value == value) return std::string(word.text);
  }
  return {};
}

}  // namespace

bool ReadValue(std::string_view text, uint32_t& out) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  out = number;
  return true;
}

bool ReadValue(std::string_view text, std::chrono::milliseconds& out) {
  const size_t unit_at = text.find_first_not_of("0123456789");
  if (unit_at == std::string_view::npos) return false;
  uint32_t number = 0;
  if (!ReadValue(text.substr(0, unit_at), number)) return false;
  const std::string_view unit = text.substr(unit_at);
  const int64_t factor = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60000 : 0;
  const std::chrono::milliseconds value{number * factor};
  if (factor == 0 || value > std::chrono::hours(24)) return false;
  out = value;
  return true;
}

bool ReadValue(std::string_view text, std::string& out) {
  out = text;
  return true;
}
bool ReadValue(std::string_view text, bool& out) { return ReadWord(text, kBools, out); }
bool ReadValue(std::string_view text, LogLevel& out) { return ReadWord(text, kLogLevels, out); }
bool ReadValue(std::string_view text, MemoryLock& out) { return ReadWord(text, kMemoryLocks, out); }
bool ReadValue(std::string_view text, SandboxMode& out) { return ReadWord(text, kSandboxModes, out); }
bool ReadValue(std::string_view text, ModuleSockets& out) { return ReadWord(text, kModuleSockets, out); }
bool ReadValue(std::string_view text, Signup& out) { return ReadWord(text, kSignups, out); }
bool ReadValue(std::string_view text, api::MailSecurity& out) { return ReadWord(text, kMailSecurities, out); }
bool ReadValue(std::string_view text, hsm::GcmIv& out) { return ReadWord(text, kGcmIvs, out); }

bool ReadValue(std::string_view text, hsm::CustomerTokenConfig& out) {
  const size_t first = text.find(' ');
  const size_t last = text.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  const auto org = OrgId::Parse(text.substr(0, first));
  const std::string_view label = text.substr(first + 1, last - first - 1);
  const std::string_view pin_file = text.substr(last + 1);
  const bool label_ok = !label.empty() && label.size() <= 32 && label.front() != ' ' && label.back() != ' ';
  if (!org || !label_ok || !pin_file.starts_with('/')) return false;
  out = {*org, std::string(label), std::string(pin_file)};
  return true;
}

std::string ShowValue(std::chrono::milliseconds value) {
  const int64_t count = value.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + "s" : std::to_string(count) + "ms";
}
std::string ShowValue(uint32_t value) { return std::to_string(value); }
std::string ShowValue(const std::string& value) { return value; }
std::string ShowValue(bool value) { return ShowWord(value, kBools); }
std::string ShowValue(LogLevel value) { return ShowWord(value, kLogLevels); }
std::string ShowValue(MemoryLock value) { return ShowWord(value, kMemoryLocks); }
std::string ShowValue(SandboxMode value) { return ShowWord(value, kSandboxModes); }
std::string ShowValue(ModuleSockets value) { return ShowWord(value, kModuleSockets); }
std::string ShowValue(Signup value) { return ShowWord(value, kSignups); }
std::string ShowValue(api::MailSecurity value) { return ShowWord(value, kMailSecurities); }
std::string ShowValue(hsm::GcmIv value) { return ShowWord(value, kGcmIvs); }
std::string ShowValue(const hsm::CustomerTokenConfig& value) {
  return value.org.ToString() + " " + value.label + " " + value.pin_file;
}

}  // namespace claviger::daemon
