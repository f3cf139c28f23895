#include "api/access/conditions.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace claviger::api {
namespace {

constexpr size_t kMaxNetworks = 64;
constexpr size_t kMaxZoneChars = 64;
constexpr int kDayMinutes = 24 * 60;

Error Refuse(const char* rule) { return Invalid(std::string("Field 'conditions' ") + rule); }

Status CheckMembers(const Json& object, std::initializer_list<std::string_view> known, const char* rule) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) return Refuse(rule);
  }
  return Ok();
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "HH:MM", "00:00" to "24:00", as minutes.
std::optional<int> ParseMinutes(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  for (const size_t i : {0, 1, 3, 4}) {
    if (!IsDigit(text[i])) return std::nullopt;
  }
  const int hour = (text[0] - '0') * 10 + (text[1] - '0');
  const int minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (minute > 59 || hour * 60 + minute > kDayMinutes) return std::nullopt;
  return hour * 60 + minute;
}

std::optional<int> ParseHour(const Json& value) {
  if (!value.is_number_integer() || value < 0 || value > 24) return std::nullopt;
  return value.get<int>() * 60;
}

Status ReadEdge(const Json& window, const char* clock_name, const char* hour_name, int& minutes) {
  const auto clock = window.find(clock_name);
  const auto hour = window.find(hour_name);
  if (clock == window.end() && hour == window.end()) return Ok();
  if (clock != window.end() && hour != window.end()) {
    return Refuse("may give the edge of a time_window in one way only");
  }
  const auto parsed = clock != window.end() ? ParseMinutes(*clock) : ParseHour(*hour);
  if (!parsed) return Refuse("must have times such as \"08:30\", or whole hours from 0 to 24");
  minutes = *parsed;
  return Ok();
}

Status ReadDays(const Json& list, unsigned& days) {
  constexpr const char* kRule = "must have days_of_week from 0, which is Sunday, to 6";
  if (!list.is_array() || list.empty() || list.size() > 7) return Refuse(kRule);
  days = 0;
  for (const Json& day : list) {
    if (!day.is_number_integer() || day < 0 || day > 6) return Refuse(kRule);
    days |= 1U << day.get<unsigned>();
  }
  return Ok();
}

}  // namespace

bool TimeWindow::IsOpen(Time now) const {
  if (!zone) return false;
  const auto local = zone->At(now);
  if (!local) return false;
  const auto on = [&](int weekday) { return (days >> weekday & 1U) != 0; };
  if (from < to) return local->minute >= from && local->minute < to && on(local->weekday);
  if (local->minute >= from) return on(local->weekday);
  return local->minute < to && on((local->weekday + 6) % 7);  // begun yesterday
}

Result<Conditions> Conditions::Parse(std::string_view text) {
  TRY(const auto json, ParseJsonObject(text));
  TRYV(CheckMembers(json, {"ip_allowlist", "time_window"},
                    "may have ip_allowlist and time_window, nothing else"));
  Conditions conditions;
  if (const auto list = json.find("ip_allowlist"); list != json.end()) {
    TRYV(ReadNetworks(*list, conditions.networks_));
  }
  if (const auto window = json.find("time_window"); window != json.end()) {
    TRYV(ReadWindow(*window, conditions.window_.emplace()));
  }
  return conditions;
}

Status Conditions::ReadNetworks(const Json& list, std::vector<Network>& networks) {
  constexpr const char* kRule =
      "must have an ip_allowlist of 1 to 64 IPv4 or IPv6 addresses, or networks without bits beyond their "
      "prefix";
  if (!list.is_array() || list.empty() || list.size() > kMaxNetworks) return Refuse(kRule);
  for (const Json& item : list) {
    const auto network =
        item.is_string() ? ParseNetwork(item.get_ref<const std::string&>()) : std::optional<Network>();
    if (!network) return Refuse(kRule);
    networks.push_back(*network);
  }
  return Ok();
}

Status Conditions::ReadWindow(const Json& object, TimeWindow& window) {
  const auto restricts = [&](const char* name) { return object.contains(name); };
  constexpr std::array kRestricting = {"after", "before", "start_hour", "end_hour", "days_of_week"};
  if (!object.is_object() || std::none_of(kRestricting.begin(), kRestricting.end(), restricts)) {
    return Refuse("must have a time_window with hours or days");
  }
  TRYV(CheckMembers(
      object, {"after", "before", "start_hour", "end_hour", "days_of_week", "timezone"},
      "may have a time_window of after, before, start_hour, end_hour, days_of_week and timezone, "
      "nothing else"));
  TRYV(ReadEdge(object, "after", "start_hour", window.from));
  TRYV(ReadEdge(object, "before", "end_hour", window.to));
  if (window.from == window.to || window.from == kDayMinutes) {
    return Refuse("must have a time_window that begins before midnight and ends at another time");
  }
  if (const auto days = object.find("days_of_week"); days != object.end()) {
    TRYV(ReadDays(*days, window.days));
  }
  std::string zone = "UTC";
  if (const auto name = object.find("timezone"); name != object.end()) {
    if (!name->is_string()) return Refuse("must name a timezone such as \"Europe/Berlin\"");
    zone = name->get<std::string>();
    if (zone.empty() || zone.size() > kMaxZoneChars)
      return Refuse("must name a timezone such as \"Europe/Berlin\"");
  }
  window.zone = TimeZone::Find(zone);
  return Ok();
}

bool Conditions::Hold(const Circumstances& circumstances) const {
  if (!networks_.empty()) {
    const auto& address = circumstances.address;
    if (!address) return false;
    const bool inside = std::any_of(networks_.begin(), networks_.end(),
                                    [&](const Network& network) { return network.Contains(*address); });
    if (!inside) return false;
  }
  return !window_ || window_->IsOpen(circumstances.now);
}

}  // namespace claviger::api
