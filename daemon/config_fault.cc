#include "daemon/config_fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace claviger::daemon {
namespace {

namespace po = boost::program_options;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// A misspelt key has the look of one. Anything else may be a secret with an equals sign in it.
std::string Quotable(std::string_view name) {
  const bool harmless = std::all_of(name.begin(), name.end(),
                                    [](char c) { return (c >= 'a' && c <= 'z') || c == '.' || c == '_'; });
  return harmless && name.find('.') != std::string_view::npos ? fmt::format(" {}", name) : "";
}

}  // namespace

Error FileFault(const std::string& path, const std::string& text,
                const std::function<bool(const std::string& key)>& known) {
  std::istringstream lines(text);
  std::string section;
  std::string raw;
  for (int number = 1; std::getline(lines, raw); ++number) {
    const std::string_view line = Trim(std::string_view(raw).substr(0, raw.find('#')));
    if (line.empty()) continue;
    if (line.front() == '[' && line.back() == ']') {
      section = fmt::format("{}.", line.substr(1, line.size() - 2));
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return Invalid(fmt::format("{}: line {} is neither [section] nor key = value", path, number));
    }
    const std::string key = section + std::string(Trim(line.substr(0, equals)));
    if (!known(key)) return Invalid(fmt::format("{}: line {}: unknown key{}", path, number, Quotable(key)));
  }
  return Invalid(fmt::format("{} is not a configuration", path));
}

Error FlagFault(const po::error& error) {
  const auto* named = dynamic_cast<const po::error_with_option_name*>(&error);
  std::string name = named != nullptr ? named->get_option_name() : "";
  name = name.substr(0, name.find('='));
  name.erase(0, name.find_first_not_of('-'));
  const bool unknown = dynamic_cast<const po::unknown_option*>(&error) != nullptr;
  if (unknown) return Invalid(fmt::format("the command line: unknown key{}", Quotable(name)));
  if (named != nullptr) return Invalid(fmt::format("the command line: no --KEY=VALUE:{}", Quotable(name)));
  return Invalid("the command line: words that are neither a command nor --KEY=VALUE");
}

}  // namespace claviger::daemon
