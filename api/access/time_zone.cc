#include "api/access/time_zone.h"

#include <date/tz.h>

namespace claviger::api {

std::optional<TimeZone> TimeZone::Find(std::string_view name) try {
  return TimeZone(date::locate_zone(name));
} catch (const std::exception&) {  // unknown, or no database
  return std::nullopt;
}

std::optional<CivilTime> TimeZone::At(Time time) const try {
  const auto local = zone_->to_local(time);
  const auto day = date::floor<date::days>(local);
  const auto minute = date::floor<std::chrono::minutes>(local - day).count();
  return CivilTime{static_cast<int>((date::weekday(day) - date::Sunday).count()), static_cast<int>(minute)};
} catch (const std::exception&) {  // it reads a zone when it is first asked
  return std::nullopt;
}

}  // namespace claviger::api
