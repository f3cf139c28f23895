// The floors that our operations are compared with: the same server, pipeline, worker pool and database layer
// as clavigerd, doing nothing but one thing each. Started by bench/run; never installed.
//
//   GET  /floor/inline    a constant, answered on the IO thread
//   GET  /floor/constant  a constant, answered through the worker pool
//   GET  /floor/token     the same behind a checked access token
//   GET  /floor/select    the same plus one prepared SELECT
//   POST /floor/insert    the same plus one committed INSERT
//   POST /floor/hash      one Argon2id verification on the hash pool

#include <signal.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "api/access/authenticator.h"
#include "api/audit/audit_log.h"
#include "api/http/server.h"
#include "api/pipeline.h"
#include "crypto/jws.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "daemon/offline_keyring.h"
#include "schema/pg/pg.h"

namespace claviger::bench {

namespace http = api::http;

namespace {

constexpr schema::Statement kSelect{"floor_select", "SELECT value FROM bench_floor WHERE id = $1", true};
constexpr schema::Statement kInsert{"floor_insert",
                                    "INSERT INTO bench_floor_log (id, value) VALUES ($1, $2)"};

struct Options {
  std::string listen, certificate, key, conninfo, jwks, issuer, phc;
  uint32_t io_threads = 2;
  uint32_t workers = 16;
};

Options ReadOptions(char** argv) {
  return {argv[1],
          argv[2],
          argv[3],
          argv[4],
          argv[5],
          argv[6],
          argv[7],
          static_cast<uint32_t>(std::stoul(argv[8])),
          static_cast<uint32_t>(std::stoul(argv[9]))};
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

api::Route Floor(http::Method method, std::string pattern, api::RunsOn runs_on, api::Handler handler) {
  api::Route route;
  route.method = method;
  route.pattern = std::move(pattern);
  route.operation_id = route.pattern;
  route.auth = api::AuthKind::kNone;
  route.runs_on = runs_on;
  route.handler = std::move(handler);
  return route;
}

std::vector<api::Route> FloorRoutes(schema::Pool& pool, const Clock& clock, Random& random,
                                    const std::string& phc) {
  using http::Method;
  const auto constant = [](api::Context&) -> Result<http::Response> {
    return http::Response::Json(200, R"({"status":"ok"})");
  };
  const auto select = [&pool](api::Context&) -> Result<http::Response> {
    TRY(auto lease, pool.Acquire());
    TRY(auto rows, lease->Run(kSelect, {int32_t{1}}));
    return http::Response::Json(200, "{\"value\":\"" + std::string(rows.Text(0, 0)) + "\"}");
  };
  const auto insert = [&pool, &clock, &random](api::Context&) -> Result<http::Response> {
    TRY(auto lease, pool.Acquire());
    TRYV(lease->Run(kInsert, {NewUuidV7(clock, random), std::string_view("one short value")}));
    return http::Response::Json(201, R"({"status":"ok"})");
  };
  const auto hash = [phc](api::Context&) -> Result<http::Response> {
    TRYV(crypto::VerifyPassword(phc, SecretBytes(std::string_view("no such password"))));
    return http::Response::Json(200, R"({"status":"ok"})");
  };
  std::vector<api::Route> routes{Floor(Method::kGet, "/floor/inline", api::RunsOn::kIoThread, constant),
                                 Floor(Method::kGet, "/floor/constant", api::RunsOn::kWorkers, constant),
                                 Floor(Method::kGet, "/floor/token", api::RunsOn::kWorkers, constant),
                                 Floor(Method::kGet, "/floor/select", api::RunsOn::kWorkers, select),
                                 Floor(Method::kPost, "/floor/insert", api::RunsOn::kWorkers, insert),
                                 Floor(Method::kPost, "/floor/hash", api::RunsOn::kHashers, hash)};
  routes[2].auth = api::AuthKind::kPrincipal;
  return routes;
}

int Serve(const Options& options) {
  Log log(LogLevel::kWarn);
  SystemClock clock;
  crypto::SystemRandom random;
  schema::PgConfig pg;
  pg.conninfo = options.conninfo;
  pg.pool_size = 20;  // the default of clavigerd
  schema::Pool pool(pg, log);
  auto keys = crypto::ParsePublicKeys(ReadFile(options.jwks));
  if (!keys) return 1;
  const crypto::TokenVerifier verifier(options.issuer, keys.value());
  daemon::OfflineKeyring keyring;  // nobody comes with a key
  api::KeyUses key_uses(pool, clock, log);
  api::Authenticator authenticator(pool, clock, verifier, keyring, key_uses);
  authenticator.TrustUntil(clock.Steady() + std::chrono::hours{24});
  api::IpGate ip_gate(pool, clock);
  ip_gate.TrustUntil(clock.Steady() + std::chrono::hours{24});
  api::AuditLog audit(pool, clock, random, log, 1024);
  api::WorkPool workers(options.workers, 4096);
  api::WorkPool hashers(2, 4096);
  api::Pipeline pipeline(api::Router(FloorRoutes(pool, clock, random, options.phc)), authenticator, ip_gate,
                         audit, workers, hashers, log);

  http::ServerConfig config;
  config.listeners = {{options.listen, true}};
  config.tls = {options.certificate, options.key};
  config.io_threads = options.io_threads;
  auto server = http::Server::Create(
      config,
      [&](http::Request request, http::Responder to) { pipeline.Handle(std::move(request), std::move(to)); },
      [&](http::Method method, const http::Target& target) { return pipeline.MaxBody(method, target); }, log,
      random);
  if (!server) {
    log.Failure("cannot serve", server.error());
    return 1;
  }
  server.value()->Start();
  std::printf("%s\n", server.value()->Addresses().front().c_str());
  std::fflush(stdout);

  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  int signal = 0;
  sigwait(&stop, &signal);
  server.value()->Drain(std::chrono::seconds{2});
  workers.Stop();
  hashers.Stop();
  server.value()->Stop();
  return 0;
}

}  // namespace
}  // namespace claviger::bench

int main(int argc, char** argv) {
  if (argc != 10) {
    std::fprintf(stderr, "usage: floor_server LISTEN CERT KEY CONNINFO JWKS ISSUER PHC IO_THREADS WORKERS\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  return claviger::bench::Serve(claviger::bench::ReadOptions(argv));
}
