#pragma once
// A vault of Alice's that gets new keys, of either kind, while something happens.

#include <functional>
#include <utility>

#include "tests/unit/api/secrets_fixture.h"

namespace claviger::api {

// Lets a test act in the middle of a rotation: the nth look at the clock is when. Looks are taken at the
// beginning of each step and between reading a batch and committing it.
class Interruption final : public Clock {
 public:
  explicit Interruption(const Clock& clock) : clock_(clock) {}
  Time Now() const override {
    Look();
    return clock_.Now();
  }
  SteadyTime Steady() const override {
    Look();
    return clock_.Steady();
  }
  void At(int look, std::function<void()> act) {
    looks_ = look;
    act_ = std::move(act);
  }
  bool happened() const { return act_ == nullptr; }

 private:
  void Look() const {
    if (act_ && --looks_ == 0) std::exchange(act_, nullptr)();
  }
  const Clock& clock_;
  mutable int looks_ = 0;
  mutable std::function<void()> act_;
};

// The same while a write is between its plan and its commit: its seal draws an IV then.
class InterruptedRandom final : public Random {
 public:
  void Fill(std::span<uint8_t> out) override {
    if (out.size() == 12) {
      if (const auto act = std::exchange(meanwhile, nullptr)) act();
    }
    random_.Fill(out);
  }
  std::function<void()> meanwhile;

 private:
  crypto::SystemRandom random_;
};

struct RotatingFixture : SecretsFixture {
  RotatingFixture() { alice.role = Role::kOwner; }
  AuditDraft Draft() {
    AuditDraft draft = SecretsFixture::Draft();
    draft.SetActor(alice);
    return draft;
  }
  Result<SecretMetadata> Put(const std::string& path, std::string_view value, Secrets& into) {
    auto draft = Draft();
    PutSecretRequest request;
    request.value = SecretBytes(value);
    return into.Put({{alice, client}, vault, path, request, draft});
  }
  void LeaseEnds() {
    Sql("UPDATE rotations SET lease_until = now() - interval '1 second' WHERE state = 'running'");
  }

  Interruption interruption{clock};
  int filled = 0;  // secrets "s/0" and so on, whose values are "value 0" and so on
};

}  // namespace claviger::api
