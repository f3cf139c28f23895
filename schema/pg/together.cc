// Connection::RunTogether: libpq's pipeline mode with a single Sync, which makes one implicit transaction.

#include <libpq-fe.h>

#include "schema/pg/connection.h"
#include "schema/pg/sqlstate.h"

namespace claviger::schema {

Result<std::vector<Rows>> Connection::RunTogether(const std::vector<Call>& calls) {
  if (in_transaction_) return Internal("RunTogether inside an open transaction");
  if (calls.empty()) return std::vector<Rows>();
  if (broken()) return Broken(calls.front().statement.name);
  const SteadyTime deadline = AnswerDeadline();
  TRY(const auto steps, SendPipeline(calls));
  auto rows = ReadPipeline(calls, steps, deadline);
  prepared_.ForgetUnconfirmed();
  if (!rows && InvalidatesPrepared(rows.error().sqlstate)) Close(/*curable=*/true);
  // Whatever happened is already known: a connection that cannot leave the mode is merely of no further use.
  if (!broken() && PQexitPipelineMode(handle_.get()) == 0) Close(/*curable=*/false);
  return rows;
}

Result<std::vector<Connection::Step>> Connection::SendPipeline(const std::vector<Call>& calls) {
  std::vector<Step> steps;
  steps.reserve(calls.size() * 2);
  bool sent = PQenterPipelineMode(handle_.get()) != 0;
  for (size_t i = 0; sent && i < calls.size(); ++i) {
    Entry& entry = prepared_.Find(calls[i].statement, calls[i].params);
    if (entry.state == Entry::State::kAbsent) {
      sent = SendPrepare(entry);
      entry.state = Entry::State::kSent;
      steps.push_back({i, &entry});
    }
    sent = sent && SendExecute(entry, calls[i].params);
    steps.push_back({i, nullptr});
  }
  if (!sent || PQpipelineSync(handle_.get()) == 0) return GiveUp(Io::kLost, calls.front().statement.name);
  return steps;
}

Result<std::vector<Rows>> Connection::ReadPipeline(const std::vector<Call>& calls,
                                                   const std::vector<Step>& steps, SteadyTime deadline) {
  std::vector<Rows> rows;
  rows.reserve(calls.size());
  std::optional<Error> failure;
  size_t step = 0;
  // Every command ends with a null result; more than one in a row means that we lost count.
  int nulls = 0;
  Io io = Flush(handle_.get(), deadline);
  while (io == Io::kDone && nulls < 2) {
    ResultHandle result;
    io = NextResult(handle_.get(), deadline, result);
    if (io != Io::kDone) break;
    nulls = result ? 0 : nulls + 1;
    if (!result) continue;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_PIPELINE_SYNC) {
      if (failure) return *std::move(failure);
      if (rows.size() == calls.size()) return rows;
      break;
    }
    // An error beyond the last step is the commit's own (a deferred constraint).
    const Step current = step < steps.size() ? steps[step] : Step{calls.size() - 1, nullptr};
    ++step;
    if (status == PGRES_PIPELINE_ABORTED) continue;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      if (!failure) failure = ServerError(result.get(), calls[current.call].statement.name);
    } else if (current.prepares != nullptr) {
      current.prepares->state = Entry::State::kReady;
    } else {
      rows.emplace_back(result.release());
    }
  }
  Error lost = GiveUp(io == Io::kTimedOut ? Io::kTimedOut : Io::kLost, calls.front().statement.name);
  if (failure) return *std::move(failure);
  return lost;
}

}  // namespace claviger::schema
