#include "base/clock.h"

#include <fmt/format.h>

namespace claviger {
namespace {

// Takes exactly `count` digits off the front, or nothing.
std::optional<int> TakeDigits(std::string_view& text, size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool TakeChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::sys_days> TakeDate(std::string_view& text) {
  const auto year = TakeDigits(text, 4);
  if (!year || !TakeChar(text, '-')) return std::nullopt;
  const auto month = TakeDigits(text, 2);
  if (!month || !TakeChar(text, '-')) return std::nullopt;
  const auto day = TakeDigits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date};
}

std::optional<std::chrono::seconds> TakeTimeOfDay(std::string_view& text) {
  const auto hour = TakeDigits(text, 2);
  if (!hour || *hour > 23 || !TakeChar(text, ':')) return std::nullopt;
  const auto minute = TakeDigits(text, 2);
  if (!minute || *minute > 59 || !TakeChar(text, ':')) return std::nullopt;
  const auto second = TakeDigits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  return std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{*second};
}

// Absent fraction is zero; a dot without digits or more than nine digits is an error.
std::optional<std::chrono::microseconds> TakeFraction(std::string_view& text) {
  if (!TakeChar(text, '.')) return std::chrono::microseconds{0};
  int64_t micros = 0;
  size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 6) micros = micros * 10 + (text.front() - '0');
    text.remove_prefix(1);
    ++digits;
  }
  if (digits == 0 || digits > 9) return std::nullopt;
  for (size_t i = digits; i < 6; ++i) micros *= 10;
  return std::chrono::microseconds{micros};
}

std::optional<std::chrono::minutes> TakeOffset(std::string_view& text) {
  if (TakeChar(text, 'Z') || TakeChar(text, 'z')) return std::chrono::minutes{0};
  const bool negative = !text.empty() && text.front() == '-';
  if (!TakeChar(text, '+') && !TakeChar(text, '-')) return std::nullopt;
  const auto hour = TakeDigits(text, 2);
  if (!hour || *hour > 23 || !TakeChar(text, ':')) return std::nullopt;
  const auto minute = TakeDigits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  const std::chrono::minutes offset = std::chrono::hours{*hour} + std::chrono::minutes{*minute};
  return negative ? -offset : offset;
}

}  // namespace

Time SystemClock::Now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}
SteadyTime SystemClock::Steady() const { return std::chrono::steady_clock::now(); }

std::string FormatTime(Time time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss clock{time - days};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::optional<Time> ParseTime(std::string_view text) {
  const auto date = TakeDate(text);
  if (!date || !(TakeChar(text, 'T') || TakeChar(text, 't'))) return std::nullopt;
  const auto time_of_day = TakeTimeOfDay(text);
  if (!time_of_day) return std::nullopt;
  const auto fraction = TakeFraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = TakeOffset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const Time time = Time{*date} + *time_of_day + *fraction - *offset;
  // The offset may carry it over the edge of what four digits of year can print.
  const std::chrono::year_month_day in_utc{std::chrono::floor<std::chrono::days>(time)};
  if (in_utc.year() < std::chrono::year{0} || in_utc.year() > std::chrono::year{9999}) return std::nullopt;
  return time;
}

}  // namespace claviger
