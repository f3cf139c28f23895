#include "api/health/health.h"

namespace claviger::api {
namespace {

using State = crypto::KeyringHealth::State;

const char* Name(State state) {
  switch (state) {
    case State::kOk:
      return "ok";
    case State::kDegraded:
      return "degraded";
    case State::kUnavailable:
      break;
  }
  return "unavailable";
}

}  // namespace

HealthReport Health::Check() const {
  const bool hsm_ok = keyring_.Health().state == State::kOk;
  return {hsm_ok && readiness_.Reasons().empty(), version_, exports_ ? exports_() : std::vector<ExportLag>()};
}

HsmReport Health::Hsm() const {
  const crypto::KeyringHealth health = keyring_.Health();
  HsmReport report;
  report.status = Name(health.state);
  report.provider = health.provider;
  report.connected = health.state != State::kUnavailable;
  report.token_label = health.token_label;
  report.sessions_total = health.sessions_total;
  report.sessions_in_use = health.sessions_in_use;
  report.cached_keks = health.cached_keks;
  report.generation = health.generation;
  report.last_error = health.last_error;
  report.last_error_at = health.last_error_at;
  report.last_ok = health.last_ok_at;
  return report;
}

}  // namespace claviger::api
