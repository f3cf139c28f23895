#include <doctest/doctest.h>

#include "daemon/config.h"

using namespace claviger;
using namespace claviger::daemon;

namespace {

Result<Config> Load(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"--hsm.module=/m.so", "--hsm.token_label=old", "--hsm.pin_file=/old-pin"});
  return LoadConfig({std::move(flags), {}, nullptr});
}

std::string Refusal(std::vector<std::string> flags) {
  const auto config = Load(std::move(flags));
  return config ? "" : config.error().detail;
}

}  // namespace

TEST_CASE("a configuration without a next token moves nowhere") { CHECK(!Load({}).value().Moves()); }

TEST_CASE("the next token's configuration is that of the token, and all else is the same") {
  auto config =
      Load({"--hsm.next_token_label=next", "--hsm.next_pin_file=/next-pin", "--hsm.max_sessions=7"}).value();
  config.hsm.token_serial = "1";
  config.hsm.module_init_args = "args";
  REQUIRE(config.Moves());
  const Config moved = AtNextToken(config);
  CHECK(!moved.Moves());
  CHECK(moved.hsm.module_path == "/m.so");
  CHECK(moved.hsm.module_init_args == "args");
  CHECK(moved.hsm.token_labels == std::vector<std::string>{"next"});
  CHECK(moved.hsm.token_serial.empty());
  CHECK(moved.hsm.pin_file == "/next-pin");
  CHECK(moved.hsm.max_sessions == 7);

  config.next.module_path = "/other.so";
  CHECK(AtNextToken(config).hsm.module_path == "/other.so");
  CHECK(AtNextToken(config).hsm.module_init_args.empty());
}

TEST_CASE("what belongs to a move is there whole, or not at all") {
  const std::string label = "--hsm.next_token_label=next";
  const std::string pin = "--hsm.next_pin_file=/next-pin";
  CHECK(Refusal({label, pin}).empty());
  CHECK(Refusal({pin}).starts_with("hsm.next_token_label is missing"));
  CHECK(Refusal({label}) == "hsm.next_pin_file is missing");
  CHECK(Refusal({label, pin, "--hsm.key_processes=0"}).starts_with("hsm.next_ keys need key processes"));
  CHECK(Refusal({"--hsm.next_token_label=old", pin}).starts_with("hsm.next_token_label names the token"));
  CHECK(Refusal({"--hsm.next_token_label=old", pin, "--hsm.next_module=/other.so"}).empty());
  const std::string socket = "--hsm.key_process_socket=/s";
  CHECK(Refusal({socket, label, pin}).find("need each other") != std::string::npos);
  CHECK(Refusal({"--hsm.next_key_process_socket=/n"}).find("need each other") != std::string::npos);
  CHECK(Refusal({socket, "--hsm.next_key_process_socket=n"}).find("absolute") != std::string::npos);
  CHECK(Refusal({socket, "--hsm.next_key_process_socket=/s"}).find("another one") != std::string::npos);
  CHECK(Refusal({socket, "--hsm.next_key_process_socket=/n"}).empty());
}
