#include "cli/expiry_options.h"

#include <CLI/CLI.hpp>

#include "cli/duration.h"

namespace claviger::cli {
namespace {

std::string CheckTime(const std::string& text) {
  return ParseTime(text) ? "" : "A time looks like 2026-12-31T23:59:59Z";
}

std::string CheckDuration(const std::string& text) {
  return ParseDuration(text) ? "" : "A duration looks like 90s, 15m, 24h or 30d";
}

}  // namespace

std::optional<Time> ExpiryOptions::Moment() const {
  if (!at.empty()) return ParseTime(at);
  if (!in.empty()) return SystemClock().Now() + *ParseDuration(in);
  return std::nullopt;
}

void AddExpiryOptions(CLI::App& command, ExpiryOptions& options, const std::string& what) {
  auto* at = command.add_option("--expires-at", options.at, what)->check(CheckTime);
  command.add_option("--expires-in", options.in, "The same as a time from now: 90s, 15m, 24h, 30d")
      ->check(CheckDuration)
      ->excludes(at);
}

}  // namespace claviger::cli
