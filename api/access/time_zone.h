#pragma once
// Civil time in the zones of the IANA database, as the operating system has it (package tzdata). Read once in
// the life of the process: an update of the database counts from the next start.

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace date {
class time_zone;
}

namespace claviger::api {

struct CivilTime {
  int weekday = 0;  // 0: Sunday
  int minute = 0;   // since midnight, as the clocks on the wall show it
};

class TimeZone {
 public:
  // By its exact name, "Europe/Berlin" or "UTC"; nullopt if the database does not have it.
  static std::optional<TimeZone> Find(std::string_view name);
  // nullopt if the database cannot be read.
  std::optional<CivilTime> At(Time time) const;

 private:
  explicit TimeZone(const date::time_zone* zone) : zone_(zone) {}
  const date::time_zone* zone_;  // of the library, for ever
};

}  // namespace claviger::api
