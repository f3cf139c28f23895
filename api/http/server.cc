#include "api/http/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "api/http/acceptor.h"
#include "api/http/io_thread.h"

namespace claviger::api::http {
namespace {

// Descriptors that are no client connections: database, HSM, logs, event loops.
constexpr rlim_t kOtherDescriptors = 128;

Error NoDescriptors() {
  return MakeError(ErrorKind::kUnavailable, "The HTTP server cannot get descriptors from the system",
                   std::strerror(errno));
}

// Raises the soft limit as far as needed; lowers max_connections to what the hard limit allows.
Status FitDescriptorLimit(ServerConfig& config, const Log& log) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return NoDescriptors();
  const rlim_t wanted = config.max_connections + kOtherDescriptors;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return NoDescriptors();
  }
  if (limit.rlim_cur >= wanted) return Ok();
  if (limit.rlim_cur < 2 * kOtherDescriptors) {
    return Invalid("The limit of open files is " + std::to_string(limit.rlim_cur) + "; at least " +
                   std::to_string(2 * kOtherDescriptors) + " are needed (LimitNOFILE, ulimit -n)");
  }
  config.max_connections = static_cast<uint32_t>(limit.rlim_cur - kOtherDescriptors);
  log.Warn("the limit of open files lowers max_connections",
           {{"limit", std::to_string(limit.rlim_cur)},
            {"max_connections", std::to_string(config.max_connections)}});
  return Ok();
}

class PistacheServer final : public Server {
 public:
  PistacheServer(ServerConfig config, Handler handler, BodyLimit body_limit, const Log& log, Random& random)
      : config_(std::move(config)),
        handler_(std::move(handler)),
        body_limit_(std::move(body_limit)),
        census_(config_.max_connections, config_.max_connections_per_address),
        body_budget_(config_.max_buffered_body_bytes),
        answer_budget_(config_.max_buffered_answer_bytes),
        service_{config_, handler_,  body_limit_,  log,           clock_,
                 random,  counters_, body_budget_, answer_budget_} {}
  ~PistacheServer() override { Stop(); }

  Status Open() {
    TRY(auto listeners, BindAll());
    for (const BoundListener& listener : listeners) addresses_.push_back(listener.address());
    std::shared_ptr<const TlsContext> tls;
    if (UsesTls()) {
      TRY(tls, TlsContext::Load(config_.tls));
    }
    for (uint32_t i = 0; i < std::max(1u, config_.io_threads); ++i) {
      auto thread = IoThread::Create(service_);
      if (thread == nullptr) return NoDescriptors();
      io_threads_.push_back(std::move(thread));
    }
    acceptor_ = Acceptor::Create(config_, std::move(listeners), std::move(tls), census_, counters_,
                                 service_.log, [this](Arrival arrival) { Place(std::move(arrival)); });
    if (acceptor_ == nullptr) return NoDescriptors();
    return Ok();
  }

  void Start() override {
    for (size_t i = 0; i < io_threads_.size(); ++i) io_threads_[i]->Start("http-" + std::to_string(i));
    acceptor_->Start();
  }

  std::vector<std::string> Addresses() const override { return addresses_; }

  Status ReloadTls() override {
    if (!UsesTls()) return Ok();
    TRY(auto tls, TlsContext::Load(config_.tls));
    acceptor_->SetTls(std::move(tls));
    return Ok();
  }

  bool Drain(std::chrono::milliseconds deadline) override {
    const SteadyTime end = std::chrono::steady_clock::now() + deadline;
    acceptor_->BeginDrain();
    for (const auto& thread : io_threads_) thread->BeginDrain();
    census_.WaitEmpty(end);
    return counters_.in_flight == 0;
  }

  void Stop() override {
    if (acceptor_ != nullptr) acceptor_->Stop();
    for (const auto& thread : io_threads_) thread->Stop();
  }

  ServerStats Stats() const override {
    return {census_.total(),     counters_.connections_total, counters_.requests_total,
            counters_.in_flight, counters_.dropped_answers,   counters_.refused_connections};
  }

  bool Alive(std::chrono::milliseconds within) const override {
    const auto alive = [&](const auto& thread) { return thread->AliveWithin(within); };
    return std::all_of(io_threads_.begin(), io_threads_.end(), alive) && alive(acceptor_);
  }

 private:
  bool UsesTls() const {
    return std::any_of(config_.listeners.begin(), config_.listeners.end(),
                       [](const Listener& l) { return l.tls; });
  }

  Result<std::vector<BoundListener>> BindAll() const {
    std::vector<BoundListener> listeners;
    if (config_.listeners.empty()) return Invalid("No address to listen on is configured");
    for (const Listener& listener : config_.listeners) {
      TRY(auto bound, BoundListener::Bind(listener));
      listeners.push_back(std::move(bound));
    }
    return listeners;
  }

  // The thread with the fewest connections gets the next one.
  void Place(Arrival arrival) {
    const auto fewest =
        std::min_element(io_threads_.begin(), io_threads_.end(),
                         [](const auto& a, const auto& b) { return a->connections() < b->connections(); });
    (*fewest)->Adopt(std::move(arrival));
  }

  const ServerConfig config_;
  const Handler handler_;
  const BodyLimit body_limit_;
  const SystemClock clock_;
  Counters counters_;
  Census census_;
  BodyBudget body_budget_;
  BodyBudget answer_budget_;
  const Service service_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<IoThread>> io_threads_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::Create(ServerConfig config, Handler handler, BodyLimit body_limit,
                                               const Log& log, Random& random) {
  TRYV(FitDescriptorLimit(config, log));
  auto server = std::make_unique<PistacheServer>(std::move(config), std::move(handler), std::move(body_limit),
                                                 log, random);
  TRYV(server->Open());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace claviger::api::http
