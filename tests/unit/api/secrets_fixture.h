#pragma once
// Alice, who has a vault.

#include "api/secrets/secrets.h"
#include "api/vaults/vaults.h"
#include "crypto/random.h"
#include "tests/unit/api/access_database.h"

namespace claviger::api {

struct SecretsFixture : testing::Database {
  AuditDraft Draft() { return AuditDraft(http::Request{}, "test.action", "test"); }
  VaultId MakeVault() { return MakeVault(alice, "v"); }
  VaultId MakeVault(const Principal& who, const char* called) {
    auto draft = Draft();
    return testing::Must(vaults.Create(who, {.name = called, .description = ""}, draft)).id;
  }
  Result<SecretMetadata> Put(const Principal& who, const char* path, std::string_view value = "value") {
    auto draft = Draft();
    PutSecretRequest request;
    request.value = SecretBytes(value);
    return secrets.Put({{who, client}, vault, path, request, draft});
  }
  // Of the same organisation, where only the creator of a vault may write into it.
  Principal Colleague() {
    Principal colleague = alice;
    colleague.id = NewUuidV7(clock, random);
    colleague.role = Role::kMember;
    return colleague;
  }

  crypto::SystemRandom random;  // of several threads at once
  AuditLog audit{pool, clock, random, testing::QuietLog(), 10};
  Vaults vaults{pool, keyring, audit, clock, random};
  PolicyBook book{pool, clock};
  Secrets secrets{pool, keyring, book, audit, clock, random};
  http::ClientAddress client = http::PeerAddress("192.0.2.7");
  Principal alice = AddUser();
  VaultId vault = MakeVault();
};

}  // namespace claviger::api
