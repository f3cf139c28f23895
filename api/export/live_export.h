#pragma once
// Sends the audit log, as it is sealed, to a receiver outside. Every node runs one for each receiver; a lease
// in the database lets one of them send.
//
// Nothing is lost and little is sent twice: how far the receiver has got is in the database, and moves only
// once that much is known to have arrived. After an outage, a restart or a change of nodes sending begins
// there. What is under way is bounded, and no request ever waits for it: a receiver that is slow or dead only
// falls behind, which the health report tells.

#include <mutex>
#include <string>

#include "api/export/export_store.h"
#include "api/export/sink.h"
#include "api/health/health_wire.h"
#include "base/background.h"
#include "base/log.h"
#include "base/random.h"

namespace claviger::api {

class LiveExport {
 public:
  static constexpr std::chrono::seconds kLease{15};

  struct Parts {
    schema::Pool& pool;
    const Clock& clock;
    Random& random;
    const Log& log;
  };
  // `name`: "syslog" or "file". `sink` must outlive it.
  LiveExport(std::string name, Sink& sink, const Parts& parts);
  // Lets another node go on at once.
  ~LiveExport();
  void Start();

  // One look and, if this node sends, at most one delivery; true if there is more at once. Public for tests,
  // which do not Start().
  Result<bool> Step();
  // Of the last look. Never blocks.
  ExportLag Lag() const;

 private:
  void Loop();
  Result<bool> Hold(schema::Connection& connection);
  Status Confirm(schema::Connection& connection, uint64_t& arrived);
  void Tell(const export_store::Position& position);
  void Report(const Status& stepped);
  // What was not confirmed is sent again.
  void StartOver();

  const std::string name_;
  Sink& sink_;
  const Parts parts_;
  const Uuid holder_;
  // The sending thread's own.
  bool sending_ = false;
  SteadyTime renew_at_{};
  uint64_t sent_ = 0;  // the last checkpoint delivered; 0: to begin behind the confirmed one
  bool failing_ = false;

  mutable std::mutex mutex_;  // guards lag_
  ExportLag lag_;
  Background thread_;
};

}  // namespace claviger::api
