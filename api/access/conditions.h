#pragma once
// When and from where a policy holds. Two kinds, of which all that are given must hold:
//
//   {"ip_allowlist": ["192.0.2.0/24", "2001:db8::7"],
//    "time_window": {"after": "08:00", "before": "18:00", "days_of_week": [1,2,3,4,5], "timezone":
//    "Europe/Berlin"}}
//
// Instead of `after` and `before` ("HH:MM") a window may have the whole hours `start_hour` and `end_hour`. It
// begins at `after` and ends just before `before`, by the clocks on the wall of its zone (UTC if none is
// given); without one of them it reaches to midnight. One that ends before it begins goes on past midnight,
// and belongs to the day on which it began. Days: 0 is Sunday; all if none are given.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/time_zone.h"
#include "api/json/json.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/network.h"

namespace claviger::api {

// From where and when somebody asks.
struct Circumstances {
  const std::optional<IpAddress>& address;  // none behind a Unix socket
  Time now{};
};

struct TimeWindow {
  int from = 0;          // minutes since midnight
  int to = 24 * 60;      // exclusive
  unsigned days = 0x7F;  // bit 0: Sunday
  std::optional<TimeZone> zone;

  bool IsOpen(Time now) const;
};

class Conditions {
 public:
  // The text of a JSON object. kInvalid for anything that is not understood: a restriction that is not known
  // must not be passed over.
  static Result<Conditions> Parse(std::string_view text);

  bool Hold(const Circumstances& circumstances) const;
  bool empty() const { return networks_.empty() && !window_; }
  // The system's database lacks the window's time zone: then they never hold.
  bool HasUnknownZone() const { return window_ && !window_->zone; }
  // Of memory, about.
  size_t Bytes() const { return sizeof(*this) + networks_.size() * sizeof(Network); }

 private:
  static Status ReadNetworks(const Json& list, std::vector<Network>& networks);
  static Status ReadWindow(const Json& object, TimeWindow& window);

  std::vector<Network> networks_;  // empty: from anywhere
  std::optional<TimeWindow> window_;
};

}  // namespace claviger::api
