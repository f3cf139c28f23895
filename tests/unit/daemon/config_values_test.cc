#include "daemon/config_values.h"

#include <doctest/doctest.h>

using namespace claviger;
using namespace claviger::daemon;
using std::chrono::milliseconds;

namespace {

template <class T>
std::optional<T> Read(std::string_view text) {
  T value{};
  if (!ReadValue(text, value)) return std::nullopt;
  return value;
}

}  // namespace

TEST_CASE("a duration is a number with a unit") {
  CHECK(Read<milliseconds>("250ms") == milliseconds(250));
  CHECK(Read<milliseconds>("30s") == milliseconds(30000));
  CHECK(Read<milliseconds>("5m") == milliseconds(300000));
  CHECK(Read<milliseconds>("1440m") == std::chrono::hours(24));
}

TEST_CASE("anything else is no duration, and leaves the value alone") {
  for (const char* text : {"", "30", "s", "-1s", "+1s", "1.5s", " 1s", "1s ", "1 s", "1h", "0x1s", "1441m",
                           "86401s", "4294967296ms", "99999999999999999999ms", "1S"}) {
    CAPTURE(text);
    milliseconds value{7};
    CHECK_FALSE(ReadValue(text, value));
    CHECK(value == milliseconds(7));
  }
}

TEST_CASE("a number is digits within 32 bits") {
  CHECK(Read<uint32_t>("0") == 0u);
  CHECK(Read<uint32_t>("4294967295") == 4294967295u);
  for (const char* text : {"", "-1", "+1", "4294967296", "1.0", "0x10", " 1", "1 "}) {
    CAPTURE(text);
    CHECK_FALSE(Read<uint32_t>(text));
  }
}

TEST_CASE("words are exact") {
  CHECK(Read<bool>("true") == true);
  CHECK(Read<bool>("false") == false);
  for (const char* text : {"", "True", "1", "yes", "on", "true "}) {
    CAPTURE(text);
    CHECK_FALSE(Read<bool>(text));
  }
  CHECK(Read<MemoryLock>("required") == MemoryLock::kRequired);
  CHECK_FALSE(Read<MemoryLock>("Required"));
}

TEST_CASE("a customer's token is an organisation, a label and a PIN file") {
  const std::string org = "0190aaaa-0001-7000-8000-000000000001";
  const auto token = Read<hsm::CustomerTokenConfig>(org + " a token /etc/claviger/acme.pin");
  REQUIRE(token);
  CHECK(token->org.ToString() == org);
  CHECK(token->label == "a token");
  CHECK(token->pin_file == "/etc/claviger/acme.pin");
  CHECK(ShowValue(*token) == org + " a token /etc/claviger/acme.pin");
  for (const std::string& text :
       {std::string(), org, org + " /pin", org + "  /pin", org + " label pin", org + "  label /pin",
        org + " label  /pin", std::string("acme label /pin"), org + " " + std::string(33, 'x') + " /pin"}) {
    CAPTURE(text);
    CHECK_FALSE(Read<hsm::CustomerTokenConfig>(text));
  }
}

TEST_CASE("every type reads what it shows") {
  for (const auto value :
       {milliseconds(1), milliseconds(999), milliseconds(1000), milliseconds(1500), milliseconds(60000)}) {
    CHECK(Read<milliseconds>(ShowValue(value)) == value);
  }
  for (const auto value : {MemoryLock::kOff, MemoryLock::kAuto, MemoryLock::kRequired}) {
    CHECK(Read<MemoryLock>(ShowValue(value)) == value);
  }
  for (const auto value : {Signup::kClosed, Signup::kDirect}) CHECK(Read<Signup>(ShowValue(value)) == value);
  for (const auto value : {hsm::GcmIv::kCaller, hsm::GcmIv::kHsm})
    CHECK(Read<hsm::GcmIv>(ShowValue(value)) == value);
  for (const auto value : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    CHECK(Read<LogLevel>(ShowValue(value)) == value);
  }
}
