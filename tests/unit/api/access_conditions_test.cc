#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "api/access/conditions.h"

using namespace claviger;
using namespace claviger::api;

namespace {

const std::optional<IpAddress> kNowhere;

bool HoldAt(std::string_view window, const char* time) {
  const auto conditions = Conditions::Parse("{\"time_window\":" + std::string(window) + "}");
  REQUIRE(conditions.has_value());
  return conditions.value().Hold({kNowhere, *ParseTime(time)});
}

bool HoldFrom(std::string_view list, const char* address) {
  const auto conditions = Conditions::Parse("{\"ip_allowlist\":" + std::string(list) + "}");
  REQUIRE(conditions.has_value());
  return conditions.value().Hold({ParseIpAddress(address), *ParseTime("2026-03-01T12:00:00Z")});
}

}  // namespace

TEST_CASE("no conditions always hold") {
  for (const char* text : {"", "{}"}) {
    const auto conditions = Conditions::Parse(text);
    REQUIRE(conditions.has_value());
    CHECK(conditions.value().empty());
    CHECK(conditions.value().Hold({kNowhere, Time{}}));
  }
}

TEST_CASE("what is not understood is refused, for a restriction must not be passed over") {
  for (const char* text : {
           "[]",
           "{\"ip_allow_list\":[\"10.0.0.1\"]}",
           "{\"ip_allowlist\":[]}",
           "{\"ip_allowlist\":\"10.0.0.1\"}",
           "{\"ip_allowlist\":[7]}",
           "{\"ip_allowlist\":[\"10.0.0.1/8\"]}",
           "{\"ip_allowlist\":[\"10.0.0.256\"]}",
           "{\"ip_allowlist\":null}",
           "{\"time_window\":null}",
           "{\"time_window\":[]}",
           "{\"time_window\":{}}",
           "{\"time_window\":{\"timezone\":\"UTC\"}}",
           "{\"time_window\":{\"after\":\"8:00\"}}",
           "{\"time_window\":{\"after\":\"08:60\"}}",
           "{\"time_window\":{\"after\":\"24:00\"}}",
           "{\"time_window\":{\"before\":\"24:01\"}}",
           "{\"time_window\":{\"before\":\"00:00\"}}",
           "{\"time_window\":{\"after\":\"08:00\",\"before\":\"08:00\"}}",
           "{\"time_window\":{\"after\":8}}",
           "{\"time_window\":{\"start_hour\":\"8\"}}",
           "{\"time_window\":{\"start_hour\":8.5}}",
           "{\"time_window\":{\"start_hour\":-1}}",
           "{\"time_window\":{\"end_hour\":25}}",
           "{\"time_window\":{\"end_hour\":18446744073709551615}}",
           "{\"time_window\":{\"start_hour\":24}}",
           "{\"time_window\":{\"after\":\"08:00\",\"start_hour\":8}}",
           "{\"time_window\":{\"before\":\"08:00\",\"end_hour\":8}}",
           "{\"time_window\":{\"days_of_week\":[]}}",
           "{\"time_window\":{\"days_of_week\":[7]}}",
           "{\"time_window\":{\"days_of_week\":[-1]}}",
           "{\"time_window\":{\"days_of_week\":[\"mon\"]}}",
           "{\"time_window\":{\"days_of_week\":1}}",
           "{\"time_window\":{\"days_of_week\":[0,1,2,3,4,5,6,0]}}",
           "{\"time_window\":{\"after\":\"08:00\",\"timezone\":7}}",
           "{\"time_window\":{\"after\":\"08:00\",\"timezone\":\"\"}}",
           "{\"time_window\":{\"after\":\"08:00\",\"days\":[1]}}",
       }) {
    CAPTURE(text);
    const auto conditions = Conditions::Parse(text);
    REQUIRE(!conditions.has_value());
    CHECK(conditions.error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("an allow-list takes addresses and networks of both families") {
  CHECK(HoldFrom("[\"192.0.2.7\"]", "192.0.2.7"));
  CHECK_FALSE(HoldFrom("[\"192.0.2.7\"]", "192.0.2.8"));
  CHECK(HoldFrom("[\"10.0.0.0/8\",\"2001:db8::/32\"]", "10.255.0.1"));
  CHECK(HoldFrom("[\"10.0.0.0/8\",\"2001:db8::/32\"]", "2001:db8:7::1"));
  CHECK_FALSE(HoldFrom("[\"10.0.0.0/8\",\"2001:db8::/32\"]", "2001:db9::1"));
  CHECK(HoldFrom("[\"192.0.2.0/24\"]", "::ffff:192.0.2.1"));  // one address has one form
  CHECK_FALSE(HoldFrom("[\"0.0.0.0/0\"]", "::1"));
  CHECK_FALSE(HoldFrom("[\"0.0.0.0/0\",\"::/0\"]", "unix"));  // it may be anybody
  std::string many = "\"10.0.0.0\"";
  for (int n = 1; n < 64; ++n) many += ",\"10.0.0." + std::to_string(n) + "\"";
  CHECK(HoldFrom("[" + many + "]", "10.0.0.63"));
  CHECK(!Conditions::Parse("{\"ip_allowlist\":[" + many + ",\"10.0.1.0\"]}"));
}

TEST_CASE("a window begins with its first minute and ends before its last") {
  for (const char* window : {R"({"after":"08:00","before":"18:00"})", R"({"start_hour":8,"end_hour":18})",
                             R"({"after":"08:00","end_hour":18,"timezone":"UTC"})"}) {
    CAPTURE(window);
    CHECK_FALSE(HoldAt(window, "2026-03-02T07:59:59.999999Z"));
    CHECK(HoldAt(window, "2026-03-02T08:00:00Z"));
    CHECK(HoldAt(window, "2026-03-02T17:59:59.999999Z"));
    CHECK_FALSE(HoldAt(window, "2026-03-02T18:00:00Z"));
  }
  CHECK(HoldAt(R"({"after":"22:00"})", "2026-03-02T23:59:59Z"));
  CHECK_FALSE(HoldAt(R"({"after":"22:00"})", "2026-03-02T00:00:00Z"));
  CHECK(HoldAt(R"({"before":"24:00","days_of_week":[1]})", "2026-03-02T23:59:00Z"));
  CHECK(HoldAt(R"({"before":"06:00"})", "2026-03-02T00:00:00Z"));
  CHECK_FALSE(HoldAt(R"({"before":"06:00"})", "2026-03-02T06:00:00Z"));
}

TEST_CASE("a window that ends before it begins goes on past midnight") {
  const char* night = R"({"after":"22:00","before":"06:00"})";
  CHECK(HoldAt(night, "2026-03-02T22:00:00Z"));
  CHECK(HoldAt(night, "2026-03-03T05:59:59Z"));
  CHECK_FALSE(HoldAt(night, "2026-03-03T06:00:00Z"));
  CHECK_FALSE(HoldAt(night, "2026-03-02T21:59:59Z"));
  CHECK(HoldAt(R"({"after":"22:00","before":"00:00"})", "2026-03-02T23:30:00Z"));
  CHECK_FALSE(HoldAt(R"({"after":"22:00","before":"00:00"})", "2026-03-02T00:00:00Z"));
}

TEST_CASE("a day is where a window begins; 0 is Sunday") {
  const char* sunday = R"({"days_of_week":[0]})";
  CHECK(HoldAt(sunday, "2026-03-01T00:00:00Z"));
  CHECK_FALSE(HoldAt(sunday, "2026-03-02T00:00:00Z"));
  CHECK_FALSE(HoldAt(sunday, "2026-02-28T23:59:59Z"));
  const char* friday_night = R"({"after":"22:00","before":"06:00","days_of_week":[5,5]})";
  CHECK(HoldAt(friday_night, "2026-03-06T23:00:00Z"));
  CHECK(HoldAt(friday_night, "2026-03-07T05:00:00Z"));
  CHECK_FALSE(HoldAt(friday_night, "2026-03-06T05:00:00Z"));
  CHECK_FALSE(HoldAt(friday_night, "2026-03-07T23:00:00Z"));
  const char* saturday_night = R"({"after":"22:00","before":"06:00","days_of_week":[6]})";
  CHECK(HoldAt(saturday_night, "2026-03-08T05:00:00Z"));  // Sunday's early hours
}

TEST_CASE("the clocks on the wall of the zone count, days too") {
  const char* office =
      R"({"after":"08:00","before":"18:00","days_of_week":[1],"timezone":"America/New_York"})";
  CHECK_FALSE(HoldAt(office, "2026-01-05T12:59:59Z"));  // Monday 07:59:59 in New York
  CHECK(HoldAt(office, "2026-01-05T13:00:00Z"));
  CHECK(HoldAt(office, "2026-07-06T12:00:00Z"));  // summer time
  const char* tokyo = R"({"days_of_week":[1],"timezone":"Asia/Tokyo"})";
  CHECK(HoldAt(tokyo, "2026-03-01T15:00:00Z"));  // Sunday in London, Monday in Tokyo
  CHECK_FALSE(HoldAt(tokyo, "2026-03-02T15:00:00Z"));
  CHECK(HoldAt(R"({"after":"05:45","before":"05:46","timezone":"Asia/Kathmandu"})", "2026-03-01T00:00:00Z"));
}

TEST_CASE("an hour that the clocks leave out never comes, and one that they repeat comes twice") {
  const char* two = R"({"after":"02:00","before":"03:00","timezone":"Europe/Berlin"})";
  for (const char* time :
       {"2026-03-29T00:00:00Z", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}) {
    CAPTURE(time);
    CHECK_FALSE(HoldAt(two, time));  // 01:59:59 is followed by 03:00
  }
  CHECK_FALSE(HoldAt(two, "2026-10-24T23:59:59Z"));
  CHECK(HoldAt(two, "2026-10-25T00:00:00Z"));  // 02:00, summer time
  CHECK(HoldAt(two, "2026-10-25T01:59:59Z"));  // 02:59:59, winter time
  CHECK_FALSE(HoldAt(two, "2026-10-25T02:00:00Z"));
}

TEST_CASE("conditions in a zone that the system does not know never hold") {
  for (const char* zone : {"Mars/Olympus", "../../etc/passwd", "europe/berlin", "Europe/Berlin "}) {
    CAPTURE(zone);
    const auto conditions = Conditions::Parse(
        R"({"time_window":{"days_of_week":[0,1,2,3,4,5,6],"timezone":")" + std::string(zone) + "\"}}");
    REQUIRE(conditions.has_value());
    CHECK(conditions.value().HasUnknownZone());
    CHECK_FALSE(conditions.value().Hold({kNowhere, *ParseTime("2026-03-01T12:00:00Z")}));
  }
}

TEST_CASE("all that is given must hold") {
  const auto conditions =
      Conditions::Parse(R"({"ip_allowlist":["192.0.2.1"],"time_window":{"before":"12:00"}})");
  REQUIRE(conditions.has_value());
  const auto inside = ParseIpAddress("192.0.2.1");
  const auto outside = ParseIpAddress("192.0.2.2");
  const Time morning = *ParseTime("2026-03-01T11:00:00Z");
  const Time evening = *ParseTime("2026-03-01T13:00:00Z");
  CHECK(conditions.value().Hold({inside, morning}));
  CHECK_FALSE(conditions.value().Hold({outside, morning}));
  CHECK_FALSE(conditions.value().Hold({inside, evening}));
  CHECK_FALSE(conditions.value().empty());
}
