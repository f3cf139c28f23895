#include "crypto/hash_memory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "crypto/password.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::crypto;

namespace {

// The line "VmFlags:" of the mapping that holds the address; empty if none does.
std::string FlagsOf(const void* address) {
  std::ifstream smaps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    uintptr_t from = 0, to = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) inside = from <= wanted && wanted < to;
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

}  // namespace

TEST_CASE("Memory of hashes is kept for the next one, and grows") {
  HashMemory memory;
  uint8_t* first = memory.Take(100'000);
  REQUIRE(first != nullptr);
  std::memset(first, 0xAB, 100'000);
  CHECK(memory.Take(1) == nullptr);
  memory.GiveBack();
  CHECK(memory.Take(50'000) == first);
  memory.GiveBack();
  uint8_t* larger = memory.Take(10'000'000);
  REQUIRE(larger != nullptr);
  std::memset(larger, 0xAB, 10'000'000);
  memory.GiveBack();
  CHECK(memory.kept().size() == 10'000'000);
}

TEST_CASE("Memory beyond the bound is not kept") {
  HashMemory memory;
  REQUIRE(memory.Take(HashMemory::kMaxKept) != nullptr);
  memory.GiveBack();
  CHECK(memory.kept().size() == HashMemory::kMaxKept);
  REQUIRE(memory.Take(HashMemory::kMaxKept + 1) != nullptr);
  memory.GiveBack();
  CHECK(memory.kept().empty());
}

TEST_CASE("Memory that cannot be had is refused, and the next hash gets its own") {
  HashMemory memory;
  CHECK(memory.Take(0) == nullptr);
  CHECK(memory.Take(size_t{1} << 60) == nullptr);
  CHECK(memory.kept().empty());
  CHECK(memory.Take(4096) != nullptr);
}

TEST_CASE("Memory of hashes is in no core dump") {
  HashMemory memory;
  const uint8_t* taken = memory.Take(4096);
  REQUIRE(taken != nullptr);
  CHECK(FlagsOf(taken).find(" dd ") != std::string::npos);
  const std::string plain(100'000, 'x');
  CHECK(FlagsOf(plain.data()).find(" dd ") == std::string::npos);
}

TEST_CASE("A hash leaves nothing in the memory its thread keeps") {
  std::thread([] {
    fakes::FakeRandom random;
    const HashMemory& memory = HashMemory::OfThisThread();
    CHECK(memory.kept().empty());
    REQUIRE(HashPassword({.memory_kib = 1024, .passes = 1, .lanes = 2}, random,
                         SecretBytes(std::string_view("correct horse"))));
    CHECK(memory.kept().size() == 1024 * 1024);
    CHECK(std::ranges::all_of(memory.kept(), [](uint8_t byte) { return byte == 0; }));
  }).join();
}
