#include "base/secret_bytes.h"

#include <doctest/doctest.h>

#include <type_traits>
#include <utility>

using namespace claviger;

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(!std::is_convertible_v<SecretBytes, std::string_view>);
static_assert(!std::is_convertible_v<SecretBytes, std::string>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);

TEST_CASE("Moving a secret leaves nothing behind") {
  SecretBytes from{std::string_view("correct horse")};
  const uint8_t* memory = from.data();
  SecretBytes to{std::move(from)};
  CHECK(from.empty());
  CHECK(from.data() == nullptr);
  CHECK(to.data() == memory);
  SecretBytes third{std::string_view("overwritten")};
  third = std::move(to);
  CHECK(third.Text() == "correct horse");
  CHECK(to.empty());
  SecretBytes& alias = third;
  third = std::move(alias);
  CHECK(third.Text() == "correct horse");
}

TEST_CASE("A clone is a second copy of its own") {
  SecretBytes original{std::string_view("correct horse")};
  const SecretBytes clone = original.Clone();
  CHECK(clone == original);
  CHECK(clone.data() != original.data());
  original.Clear();
  CHECK(original.empty());
  CHECK(clone.Text() == "correct horse");
}

TEST_CASE("New secret memory is zero and truncating never lengthens") {
  SecretBytes secret(16);
  CHECK(secret == SecretBytes{Bytes(16)});
  secret.Truncate(100);
  CHECK(secret.size() == 16);
  secret.Truncate(0);
  CHECK(secret.empty());
  CHECK(SecretBytes(size_t{0}).data() == nullptr);
}

TEST_CASE("Wiping overwrites all of it and takes an empty range") {
  Bytes memory(64, 0xAA);
  Wipe(memory.data() + 8, 48);
  CHECK(memory[7] == 0xAA);
  CHECK(memory[8] == 0);
  CHECK(memory[55] == 0);
  CHECK(memory[56] == 0xAA);
  Wipe(nullptr, 0);
}
