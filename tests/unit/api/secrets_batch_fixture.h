#pragma once
// Reads and writes of several people, together and alone, and what may be wrong with their rows.

#include "tests/unit/api/secrets_fixture.h"

namespace claviger::api {

inline PutSecretRequest Value(std::string_view value) {
  PutSecretRequest request;
  request.value = SecretBytes(value);
  return request;
}

struct SecretsBatchFixture : SecretsFixture {
  struct Place {
    Principal who;
    VaultId vault;
    std::string path;
  };
  struct Write {
    Place place;
    PutSecretRequest request;
  };
  // As the pipeline makes it, but for the request.
  static AuditDraft DraftFor(const Principal& who, const char* action) {
    AuditDraft draft(http::Request{}, action, "test");
    draft.SetActor(who);
    return draft;
  }

  Result<Secret> Get(const Place& place) {
    auto draft = DraftFor(place.who, "secret.read");
    return secrets.Get({{place.who, client}, place.vault, place.path, draft});
  }
  // The answers, and what is to be said of them in the log.
  std::vector<std::optional<Secret>> GetTogether(const std::vector<Place>& places,
                                                 std::vector<AuditDraft>* drafts = nullptr) {
    std::vector<AuditDraft> own;
    auto& kept = drafts != nullptr ? *drafts : own;
    for (const Place& place : places) kept.push_back(DraftFor(place.who, "secret.read"));
    std::vector<Secrets::Read> reads;
    for (size_t i = 0; i < places.size(); ++i) {
      reads.push_back({{places[i].who, client}, places[i].vault, places[i].path, kept[i]});
    }
    auto answers = secrets.GetTogether(reads);
    REQUIRE(answers.size() == places.size());
    return answers;
  }

  Result<SecretMetadata> Put(const Write& write) {
    auto draft = DraftFor(write.place.who, "secret.write");
    return secrets.Put(
        {{write.place.who, client}, write.place.vault, write.place.path, write.request, draft});
  }
  void Put(const char* path, PutSecretRequest request) {
    testing::Must(Put({{alice, vault, path}, std::move(request)}));
  }
  void Put(const char* path) { Put(path, Value(path)); }
  using PutAnswers = std::vector<std::optional<Result<SecretMetadata>>>;
  PutAnswers PutTogether(const std::vector<Write>& writes) { return PutTogether(secrets, writes); }
  PutAnswers PutTogether(Secrets& by, const std::vector<Write>& writes) {
    std::vector<AuditDraft> drafts;
    for (const Write& write : writes) drafts.push_back(DraftFor(write.place.who, "secret.write"));
    std::vector<Secrets::Write> list;
    for (size_t i = 0; i < writes.size(); ++i) {
      const Place& place = writes[i].place;
      list.push_back({{place.who, client}, place.vault, place.path, writes[i].request, drafts[i]});
    }
    auto answers = by.PutTogether(list);
    REQUIRE(answers.size() == writes.size());
    for (size_t i = 0; i < writes.size(); ++i) {
      CHECK(drafts[i].committed() == (answers[i] && answers[i]->has_value()));
    }
    return answers;
  }
  // New values of these paths of alice's.
  std::vector<Write> WritesOf(const std::vector<std::string>& paths, const char* value = "new") {
    std::vector<Write> writes;
    for (const auto& path : paths) writes.push_back({{alice, vault, path}, Value(value)});
    return writes;
  }
  template <class T>
  static std::vector<bool> Answered(const std::vector<std::optional<T>>& answers) {
    std::vector<bool> answered;
    for (const auto& answer : answers) answered.push_back(answer.has_value());
    return answered;
  }

  void CheckSame(const SecretMetadata& one, const SecretMetadata& other) {
    CHECK(one.id == other.id);
    CHECK(one.path == other.path);
    CHECK(one.type == other.type);
    CHECK(one.metadata == other.metadata);
    CHECK(one.created_at == other.created_at);
    CHECK(one.expires_at == other.expires_at);
  }
  // Every secret has the versions 1, 2, ... up to its newest, and each has one record of its own.
  void CheckHistory() {
    CHECK(Count("SELECT count(*) FROM secrets s WHERE (SELECT array_agg(version ORDER BY version) "
                "FROM secret_versions r WHERE r.org_id = s.org_id AND r.secret_id = s.id) "
                "IS DISTINCT FROM (SELECT array_agg(n) FROM generate_series(1, s.version) n)") == 0);
    CHECK(
        Count("SELECT count(*) FROM secret_versions r JOIN secrets s ON s.org_id = r.org_id "
              "AND s.id = r.secret_id WHERE 1 <> (SELECT count(*) FROM audit_events e "
              "WHERE e.action = 'secret.write' AND e.outcome = 'success' AND e.org_id = r.org_id "
              "AND e.resource_id = r.secret_id::text AND e.actor_id = r.created_by::text "
              "AND e.details::json ->> 'path' = s.path AND e.details::json ->> 'vault_id' = s.vault_id::text "
              "AND (e.details::json ->> 'version')::int = r.version)") == 0);
    CHECK(Count("SELECT count(*) FROM secret_versions") == Records());
    CHECK(Count("SELECT count(*) FROM audit_events") == Count("SELECT count(*) FROM audit_pending"));
  }
  int64_t Records() { return Count("SELECT count(*) FROM audit_events WHERE action = 'secret.write'"); }
  uint32_t VersionAt(const char* path) {
    return static_cast<uint32_t>(
        Count("SELECT version::bigint FROM secrets WHERE vault_id = $1 AND path = $2", {vault, path}));
  }
  // Changes one bit of a column of the newest versions at a path of alice's vault.
  void Tamper(const char* column, const char* path) {
    const std::string sql = std::string("UPDATE secret_versions SET ") + column + " = set_byte(" + column +
                            ", 20, get_byte(" + column +
                            ", 20) # 1) WHERE secret_id = "
                            "(SELECT id FROM secrets WHERE vault_id = $1 AND path = $2)";
    Sql(sql.c_str(), {vault, path});
  }
  void TamperKek(const VaultId& whose) {
    Sql("UPDATE vault_keks SET blob = set_byte(blob, 0, get_byte(blob, 0) # 1) WHERE vault_id = $1", {whose});
  }
  // The rows of a secret of alice's, as they stand, for bob.
  void CopyToBob(const char* path) {
    Sql("INSERT INTO secrets SELECT $1, $2, id, path, version, deleted_at, created_at FROM secrets "
        "WHERE vault_id = $3 AND path = $4",
        {bob.org, bobs_vault, vault, path});
    Sql("INSERT INTO secret_versions SELECT $1, $2, secret_id, r.version, type, metadata, expires_at, "
        "max_access_count, access_count, created_by_type, created_by, r.created_at, kek_version, sealed_dek, "
        "ciphertext FROM secret_versions r JOIN secrets s ON s.id = r.secret_id AND s.org_id = r.org_id "
        "WHERE s.vault_id = $3 AND s.path = $4",
        {bob.org, bobs_vault, vault, path});
  }

  Principal bob = AddUser();
  Principal colleague = Colleague();
  VaultId bobs_vault = MakeVault(bob, "bob's");
  VaultId second_vault = MakeVault(alice, "second");
  VaultId damaged_vault = MakeVault(alice, "damaged");
  VaultId no_vault{NewUuidV7(clock, random)};
};

}  // namespace claviger::api
