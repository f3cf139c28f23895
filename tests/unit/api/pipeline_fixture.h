#pragma once
// A pipeline between twins that write down, in order, what happens.

#include <doctest/doctest.h>

#include <functional>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "api/json/json.h"
#include "api/pipeline.h"
#include "crypto/random.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_keyring.h"

namespace claviger::api {

// What happened, in order, from all threads.
class Journal {
 public:
  void Add(std::string entry, std::string request_id = {}) {
    const std::lock_guard lock(mutex_);
    entries_.push_back({std::move(entry), std::move(request_id)});
  }
  std::vector<std::string> entries() const {
    return Select([](const Entry&) { return true; });
  }
  std::vector<std::string> entries(const std::string& request_id) const {
    return Select([&](const Entry& entry) { return entry.request_id == request_id; });
  }

 private:
  struct Entry {
    std::string text;
    std::string request_id;
  };
  template <class Wanted>
  std::vector<std::string> Select(Wanted wanted) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> texts;
    for (const Entry& entry : entries_) {
      if (wanted(entry)) texts.push_back(entry.text);
    }
    return texts;
  }
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

class FakeAuthenticator final : public Authenticator {
 public:
  FakeAuthenticator(Journal& journal, schema::Pool& pool, const Clock& clock,
                    const crypto::TokenVerifier& verifier, crypto::Keyring& keyring, KeyUses& uses)
      : Authenticator(pool, clock, verifier, keyring, uses), journal_(journal) {}
  Result<Principal> Authenticate(const http::Request& request) override {
    journal_.Add("authenticate", FormatUuid(request.id));
    if (const auto recalled = Recall(request)) return *recalled;
    if (failure) return *failure;
    return principal;
  }
  std::optional<Principal> Recall(const http::Request& request) override {
    const auto found = known.find(request.Header("authorization").value_or(""));
    return found == known.end() ? std::nullopt : std::optional(found->second);
  }
  Principal principal;
  std::optional<Error> failure;
  std::map<std::string, Principal, std::less<>> known;  // by the header

 private:
  Journal& journal_;
};

class FakeIpGate final : public IpGate {
 public:
  using IpGate::IpGate;
  Result<bool> Admits(const Principal& principal, const http::ClientAddress&) override {
    if (failure) return *failure;
    return admits && !refused.contains(principal.id);
  }
  std::optional<bool> Recall(const Principal& principal, const http::ClientAddress&) override {
    if (forgotten.contains(principal.id)) return std::nullopt;
    return admits && !refused.contains(principal.id);
  }
  bool admits = true;
  std::set<Uuid> refused;    // principals whose rules refuse them
  std::set<Uuid> forgotten;  // principals whose rules are not in the cache
  std::optional<Error> failure;
};

class FakeAuditLog final : public AuditLog {
 public:
  FakeAuditLog(Journal& journal, schema::Pool& pool, const Clock& clock, Random& random, const Log& log)
      : AuditLog(pool, clock, random, log, 1), journal_(journal) {}
  void Append(crypto::AuditRecord record, std::function<void(Status)> done) override {
    journal_.Add("audit " + record.action + " " + record.outcome, record.request_id);
    const std::lock_guard lock(mutex_);
    last = record;
    records[record.request_id] = record;
    if (holds) return held.push_back(std::move(done));
    done(fails ? Status(Unavailable("no database")) : Status(Ok()));
  }
  bool fails = false;
  bool holds = false;  // commits nothing by itself
  crypto::AuditRecord last;
  std::map<std::string, crypto::AuditRecord> records;  // by request
  std::vector<std::function<void(Status)>> held;

 private:
  Journal& journal_;
  std::mutex mutex_;  // Append comes from several threads; tests look once all is answered
};

class Answer final : public http::Responder::Sink {
 public:
  explicit Answer(Journal& journal, std::string request_id = {})
      : journal_(journal), request_id_(std::move(request_id)) {}
  void Send(http::Response response) override {
    if (before_send) before_send();
    journal_.Add("send " + std::to_string(response.status), request_id_);
    sent_.set_value(std::move(response));
  }
  http::Response Get() { return sent_.get_future().get(); }

  std::function<void()> before_send;

 private:
  Journal& journal_;
  const std::string request_id_;
  std::promise<http::Response> sent_;
};

struct PipelineFixture {
  PipelineFixture() {
    authenticator.principal.id = NewUuidV7(clock, random);
    authenticator.principal.org = OrgId{NewUuidV7(clock, random)};
  }

  // One route at POST /x.
  http::Response Ask(Route route, http::Method method = http::Method::kPost) {
    route.method = http::Method::kPost;
    return AskTable({std::move(route)}, method);
  }
  http::Response AskTable(std::vector<Route> routes, http::Method method) {
    for (auto& route : routes) {
      route.pattern = "/x";
      if (route.operation_id.empty()) route.operation_id = "doX";
    }
    Pipeline pipeline(Router(std::move(routes)), authenticator, ip_gate, audit, workers, hashers, log);
    http::Request request;
    request.method = method;
    request.target.segments = {"x"};
    request.body = "body";
    request.client = client;
    request.id = NewUuidV7(clock, random);
    request_id = FormatUuid(request.id);
    auto answer = std::make_shared<Answer>(journal);
    pipeline.Handle(std::move(request), http::Responder(answer));
    http::Response response = answer->Get();
    return response;
  }
  // A handler that answers 200 with a value.
  Route Succeeding() {
    Route route;
    route.action = "x.read";
    route.handler = [this](Context&) -> Result<http::Response> {
      journal.Add("handle");
      return http::Response::Json(200, "\"the value\"");
    };
    return route;
  }
  Route Failing(Error error) {
    Route route;
    route.action = "x.read";
    route.handler = [error](Context&) -> Result<http::Response> { return error; };
    return route;
  }

  using Entries = std::vector<std::string>;
  fakes::FakeClock clock;
  crypto::SystemRandom random;  // of several threads at once
  Log log{LogLevel::kError};
  Journal journal;
  schema::Pool pool{schema::PgConfig{}, log};
  crypto::TokenVerifier verifier{"test", {}};
  fakes::FakeKeyring keyring;
  KeyUses uses{pool, clock, log};
  FakeAuthenticator authenticator{journal, pool, clock, verifier, keyring, uses};
  FakeIpGate ip_gate{pool, clock};
  FakeAuditLog audit{journal, pool, clock, random, log};
  WorkPool workers{1, 8};
  WorkPool hashers{1, 8};
  http::ClientAddress client = http::PeerAddress("127.0.0.1");
  std::string request_id;
};

inline std::string DetailOf(const http::Response& response) {
  return ParseJson(response.body).value()["detail"];
}

inline std::string HeaderOf(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace claviger::api
