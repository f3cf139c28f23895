#include "api/metrics/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>

namespace claviger::api {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Families {
 public:
  // The samples that follow are of this family.
  Families& Begin(MetricType type, std::string name, std::string help) {
    all_.push_back({std::move(name), std::move(help), type, {}});
    return *this;
  }
  Families& Add(double value, Labels labels = {}) {
    ClientMetric sample;
    sample.label = std::move(labels);
    sample.gauge.value = value;
    sample.counter.value = value;
    all_.back().metric.push_back(std::move(sample));
    return *this;
  }
  void Take(std::vector<MetricFamily> more) { std::move(more.begin(), more.end(), std::back_inserter(all_)); }
  std::string Text() const {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, all_);
    return text.str();
  }

 private:
  std::vector<MetricFamily> all_;
};

double Number(bool yes) { return yes ? 1 : 0; }
double Seconds(Time time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

void AddHsm(Families& families, const HsmReport& hsm) {
  families.Begin(MetricType::Gauge, "hsm_state", "What the probe of the HSM saw last: 1 of these is 1.");
  for (const char* state : {"ok", "degraded", "unavailable"}) {
    families.Add(Number(hsm.status == state), {{"state", state}});
  }
  families
      .Begin(MetricType::Counter, "hsm_connections_total",
             "Connections made to the token, with a login each.")
      .Add(static_cast<double>(hsm.generation))
      .Begin(MetricType::Gauge, "hsm_sessions", "Open sessions.")
      .Add(hsm.sessions_total)
      .Begin(MetricType::Gauge, "hsm_sessions_in_use", "Sessions at work.")
      .Add(hsm.sessions_in_use)
      .Begin(MetricType::Gauge, "hsm_cached_keks", "Keys of vaults that are loaded.")
      .Add(hsm.cached_keks);
  families.Begin(MetricType::Gauge, "hsm_last_ok_timestamp_seconds", "When the root key worked last.");
  if (hsm.last_ok) families.Add(Seconds(*hsm.last_ok));
  families.Begin(MetricType::Gauge, "hsm_last_error_timestamp_seconds", "When the HSM failed last.");
  if (hsm.last_error_at) families.Add(Seconds(*hsm.last_error_at));
}

void AddKeyProcesses(Families& families, const std::vector<KeyProcessReport>& processes) {
  if (processes.empty()) return;
  const auto add = [&](MetricType type, const char* name, const char* help, auto value) {
    families.Begin(type, name, help);
    for (const auto& process : processes) {
      families.Add(static_cast<double>(value(process)), {{"seat", std::to_string(process.seat)}});
    }
  };
  add(MetricType::Gauge, "hsm_key_process_serving", "Whether the key process serves.",
      [](const auto& process) { return Number(process.serving); });
  add(MetricType::Counter, "hsm_key_process_starts_total", "Starts of the key process that became ready.",
      [](const auto& process) { return process.starts; });
  add(MetricType::Gauge, "hsm_key_process_requests", "Requests under way at the key process.",
      [](const auto& process) { return process.waiting; });
}

void AddService(Families& families, const Health& health) {
  const HealthReport report = health.Check();
  families.Begin(MetricType::Gauge, "claviger_build_info", "Always 1.").Add(1, {{"version", report.version}});
  families
      .Begin(MetricType::Gauge, "claviger_ready", "Whether the node serves: 1, or 0 while it is not ready.")
      .Add(Number(health.ReasonsNotReady().empty()));
  if (report.exports.empty()) return;
  families.Begin(MetricType::Gauge, "claviger_audit_export_behind_seconds",
                 "Age of the oldest checkpoint that an export has not sent.");
  for (const auto& lag : report.exports) {
    families.Add(static_cast<double>(lag.behind_seconds), {{"export", lag.name}});
  }
}

}  // namespace

std::string Metrics::Text() const {
  Families families;
  AddService(families, sources_.health);
  AddHsm(families, sources_.health.Hsm());
  AddKeyProcesses(families, sources_.key_processes());
  families.Take(sources_.keyring.meters().Collect());
  return families.Text();
}

}  // namespace claviger::api
