// The HTTP server with a handler that makes its faults visible. Started by the Python tests, which read one
// line "ready <address>..." and steer it over HTTP and signals:
//   /constant          "constant"
//   /echo/...          the body; headers show the request as it was read
//   /token/{text}      {text}, answered from another thread
//   /slow/{ms}         answered from another thread after ms
//   /big/{bytes}       that many bytes
//   /drop              the responder goes without an answer
//   /throw, /throw42   the handler throws
//   /badheader         a response header with a line break
//   /empty             204
//   /bodylimit/{n}     bodies above n are refused
//   /stats             ServerStats as JSON, and how many handlers ran
//   SIGTERM            drain, print "drained <0|1> handled <n>", exit 0
//   SIGHUP             reload TLS, print "reloaded <0|1>"
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "api/http/problem.h"
#include "api/http/server.h"

namespace claviger::api::http {
namespace {

class KernelRandom final : public Random {
 public:
  void Fill(std::span<uint8_t> out) override {
    if (::getrandom(out.data(), out.size(), 0) != static_cast<ssize_t>(out.size())) std::abort();
  }
};

// Answers later, from its own thread.
class Timer {
 public:
  Timer() : thread_([this] { Loop(); }) {}
  ~Timer() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  void After(std::chrono::milliseconds delay, std::function<void()> job) {
    const std::lock_guard lock(mutex_);
    jobs_.emplace(std::chrono::steady_clock::now() + delay, std::move(job));
    wake_.notify_one();
  }

 private:
  void Loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (jobs_.empty()) {
        wake_.wait(lock);
        continue;
      }
      const auto due = jobs_.begin()->first;
      if (due > std::chrono::steady_clock::now()) {
        wake_.wait_until(lock, due);
        continue;
      }
      auto job = std::move(jobs_.extract(jobs_.begin()).mapped());
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }
  std::mutex mutex_;  // guards jobs_ and stopping_
  std::condition_variable wake_;
  std::multimap<SteadyTime, std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

Response Text(std::string body) { return {200, "text/plain", std::move(body), {}}; }

class Routes {
 public:
  void SetServer(Server* server) { server_ = server; }
  uint64_t handled() const { return handled_; }

  void Handle(Request request, Responder responder) {
    ++handled_;
    const auto& path = request.target.segments;
    const std::string first = path.empty() ? "" : path[0];
    const std::string second = path.size() > 1 ? path[1] : "";
    if (first == "constant") return responder.Send(Text("constant"));
    if (first == "echo") return responder.Send(Echo(request));
    if (first == "token") {
      return timer_.After(std::chrono::milliseconds{0}, [=] { responder.Send(Text(second)); });
    }
    if (first == "slow") {
      const std::chrono::milliseconds delay{std::strtol(second.c_str(), nullptr, 10)};
      return timer_.After(delay, [=] { responder.Send(Text("slow")); });
    }
    if (first == "big") return responder.Send(Text(Pattern(std::strtoul(second.c_str(), nullptr, 10))));
    if (first == "drop") return;
    if (first == "throw") throw std::runtime_error("private detail");
    if (first == "throw42") throw 42;
    if (first == "badheader") {
      Response response = Text("x");
      response.headers.emplace_back("X-Bad", "a\r\nX-Injected: 1");
      return responder.Send(response);
    }
    if (first == "empty") return responder.Send(Response::NoContent());
    if (first == "stats") return responder.Send(Stats());
    responder.Send(Problem(404, "No such resource"));
  }

  static std::string Pattern(size_t size) {
    std::string body(size, '\0');
    for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>('a' + i % 23);
    return body;
  }

 private:
  static Response Echo(const Request& request) {
    Response response = Text(request.body);
    response.headers.emplace_back("X-Method", Name(request.method));
    response.headers.emplace_back("X-Client", request.client.text);
    response.headers.emplace_back("X-Segments", nlohmann::json(request.target.segments).dump());
    response.headers.emplace_back("X-Query", nlohmann::json(request.target.query).dump());
    return response;
  }

  Response Stats() const {
    const ServerStats stats = server_->Stats();
    const nlohmann::json json = {{"connections", stats.connections},
                                 {"connections_total", stats.connections_total},
                                 {"requests_total", stats.requests_total},
                                 {"in_flight", stats.in_flight},
                                 {"dropped_answers_total", stats.dropped_answers_total},
                                 {"refused_connections_total", stats.refused_connections_total},
                                 {"alive", server_->Alive(std::chrono::seconds{2})},
                                 {"handled", handled_.load()}};
    return Response::Json(200, json.dump());
  }

  Server* server_ = nullptr;
  std::atomic<uint64_t> handled_{0};
  Timer timer_;
};

size_t MaxBody(Method, const Target& target) {
  if (target.segments.size() == 2 && target.segments[0] == "bodylimit") {
    return std::strtoul(target.segments[1].c_str(), nullptr, 10);
  }
  return SIZE_MAX;
}

struct Options {
  ServerConfig config;
  rlim_t descriptors = 0;
  std::chrono::milliseconds drain{5000};
};

// --name=value pairs; aborts on a name it does not know.
Options Parse(int argc, char** argv) {
  Options options;
  ServerConfig& config = options.config;
  std::vector<std::string> trusted;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const size_t equals = arg.find('=');
    const std::string name = arg.substr(0, equals);
    const std::string text = equals == std::string::npos ? "" : arg.substr(equals + 1);
    const unsigned long number = std::strtoul(text.c_str(), nullptr, 10);
    const std::chrono::milliseconds millis{number};
    if (name == "--plain")
      config.listeners.push_back({text, false});
    else if (name == "--tls")
      config.listeners.push_back({text, true});
    else if (name == "--cert")
      config.tls.certificate_chain_pem = text;
    else if (name == "--key")
      config.tls.private_key = text;
    else if (name == "--trust")
      trusted.push_back(text);
    else if (name == "--io-threads")
      config.io_threads = static_cast<uint32_t>(number);
    else if (name == "--max-connections")
      config.max_connections = static_cast<uint32_t>(number);
    else if (name == "--max-per-address")
      config.max_connections_per_address = static_cast<uint32_t>(number);
    else if (name == "--max-buffered")
      config.max_buffered_body_bytes = number;
    else if (name == "--max-buffered-answers")
      config.max_buffered_answer_bytes = static_cast<uint32_t>(number);
    else if (name == "--max-response")
      config.max_response_bytes = number;
    else if (name == "--handshake-ms")
      config.handshake_timeout = millis;
    else if (name == "--head-ms")
      config.head_timeout = millis;
    else if (name == "--body-ms")
      config.body_timeout = millis;
    else if (name == "--idle-ms")
      config.idle_timeout = millis;
    else if (name == "--write-ms")
      config.write_timeout = millis;
    else if (name == "--job-ms")
      config.job_timeout = millis;
    else if (name == "--drain-ms")
      options.drain = millis;
    else if (name == "--descriptors")
      options.descriptors = number;
    else
      std::abort();
  }
  config.trusted_proxies = api::http::AddressList::Parse(trusted).value();
  return options;
}

void Say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int Serve(Options options) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const Log log(LogLevel::kInfo);
  // UBSan checks a type it sees for the first time with a descriptor, which the tests may have used up by
  // then.
  log.Info("echo server starts");
  KernelRandom random;
  Routes routes;
  auto server = Server::Create(
      options.config,
      [&](Request request, Responder responder) { routes.Handle(std::move(request), std::move(responder)); },
      MaxBody, log, random);
  if (!server) {
    Say("failed " + server.error().detail);
    return 1;
  }
  if (options.descriptors != 0) {
    const rlimit limit{options.descriptors, options.descriptors};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  routes.SetServer(server.value().get());
  server.value()->Start();
  std::string ready = "ready";
  for (const std::string& address : server.value()->Addresses()) ready += " " + address;
  Say(ready);
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGTERM) break;
    Say(server.value()->ReloadTls() ? "reloaded 1" : "reloaded 0");
  }
  const bool drained = server.value()->Drain(options.drain);
  server.value()->Stop();
  Say(std::string("drained ") + (drained ? "1" : "0") + " handled " + std::to_string(routes.handled()));
  return 0;
}

}  // namespace
}  // namespace claviger::api::http

int main(int argc, char** argv) { return claviger::api::http::Serve(claviger::api::http::Parse(argc, argv)); }
