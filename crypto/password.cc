#include "crypto/password.h"

#include <argon2.h>

#include "crypto/hash_memory.h"
#include "crypto/phc.h"

namespace claviger::crypto {
namespace {

// Longer than any password we accept; keeps a stray caller from hashing megabytes.
constexpr size_t kMaxPassword = 4096;

int Allocate(uint8_t** memory, size_t bytes) {
  *memory = HashMemory::OfThisThread().Take(bytes);
  return *memory != nullptr ? ARGON2_OK : ARGON2_MEMORY_ALLOCATION_ERROR;
}

// libargon2 has wiped it.
void Free(uint8_t*, size_t) { HashMemory::OfThisThread().GiveBack(); }

Status ComputeTag(const SecretBytes& password, PasswordHash& hash) {
  if (!IsBounded(hash.cost)) return Internal("Argon2 cost out of bounds");
  if (password.size() > kMaxPassword) return Invalid("The password is too long");
  argon2_context context{};
  context.out = hash.tag.data();
  context.outlen = static_cast<uint32_t>(hash.tag.size());
  context.pwd = const_cast<uint8_t*>(password.data());  // not written to: no flag asks for it
  context.pwdlen = static_cast<uint32_t>(password.size());
  context.salt = hash.salt.data();
  context.saltlen = static_cast<uint32_t>(hash.salt.size());
  context.t_cost = hash.cost.passes;
  context.m_cost = hash.cost.memory_kib;
  context.lanes = hash.cost.lanes;
  context.threads = hash.cost.lanes;
  context.version = ARGON2_VERSION_13;
  context.allocate_cbk = Allocate;
  context.free_cbk = Free;
  context.flags = ARGON2_DEFAULT_FLAGS;
  const int code = argon2id_ctx(&context);
  if (code == ARGON2_MEMORY_ALLOCATION_ERROR || code == ARGON2_THREAD_FAIL) {
    return Unavailable(argon2_error_message(code));
  }
  if (code != ARGON2_OK) return Internal(argon2_error_message(code));
  return Ok();
}

}  // namespace

Result<std::string> HashPassword(const Argon2Cost& cost, Random& random, const SecretBytes& password) {
  PasswordHash hash{.cost = cost};
  random.Fill(hash.salt);
  TRYV(ComputeTag(password, hash));
  return FormatPhc(hash);
}

Result<bool> VerifyPassword(std::string_view phc, const SecretBytes& password) {
  const auto stored = ParsePhc(phc);
  if (!stored) return IntegrityFailure("stored password hash is malformed");
  PasswordHash computed{.cost = stored->cost, .salt = stored->salt};
  TRYV(ComputeTag(password, computed));
  const bool equal = EqualConstantTime(computed.tag, stored->tag);
  Wipe(computed.tag.data(), computed.tag.size());
  return equal;
}

bool HasCost(std::string_view phc, const Argon2Cost& cost) {
  const auto stored = ParsePhc(phc);
  return stored && stored->cost == cost;
}

// A random tag: finding a password for it is as hard as inverting Argon2.
Result<std::string> DummyHash(const Argon2Cost& cost, Random& random) {
  if (!IsBounded(cost)) return Internal("Argon2 cost out of bounds");
  PasswordHash hash{.cost = cost};
  random.Fill(hash.salt);
  random.Fill(hash.tag);
  return FormatPhc(hash);
}

}  // namespace claviger::crypto
