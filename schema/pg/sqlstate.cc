#include "schema/pg/sqlstate.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>

namespace claviger::schema {
namespace {

constexpr std::array<std::string_view, 9> kUnavailablePrefixes = {"08",    "25006", "25P03", "40",   "53",
                                                                  "55P03", "57014", "57P0",  "58030"};
// Classes whose messages name only limits and objects of the schema.
constexpr std::array<std::string_view, 8> kValueFreeClasses = {"08", "25", "40", "42",
                                                               "53", "55", "57", "58"};

template <size_t N>
bool HasAnyPrefix(std::string_view text, const std::array<std::string_view, N>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](auto prefix) { return text.starts_with(prefix); });
}

std::string_view Field(const pg_result* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text != nullptr ? std::string_view(text) : std::string_view();
}

void AppendField(std::string& cause, const char* label, std::string_view value) {
  if (value.empty()) return;
  cause += label;
  cause += value;
}

Error ErrorOf(ErrorKind kind, std::string cause) {
  if (kind == ErrorKind::kUnavailable) return Unavailable(std::move(cause));
  if (kind == ErrorKind::kConflict)
    return MakeError(kind, "The change conflicts with existing data", std::move(cause));
  return Internal(std::move(cause));
}

}  // namespace

ErrorKind KindOfSqlstate(std::string_view sqlstate) {
  if (sqlstate == "23505" || sqlstate == "23503") return ErrorKind::kConflict;
  if (HasAnyPrefix(sqlstate, kUnavailablePrefixes)) return ErrorKind::kUnavailable;
  return ErrorKind::kInternal;
}

Error ServerError(const pg_result* result, std::string_view statement) {
  const std::string_view sqlstate = Field(result, PG_DIAG_SQLSTATE);
  std::string cause = "PostgreSQL " + std::string(sqlstate);
  AppendField(cause, " in ", statement);
  AppendField(cause, ", table ", Field(result, PG_DIAG_TABLE_NAME));
  AppendField(cause, ", column ", Field(result, PG_DIAG_COLUMN_NAME));
  AppendField(cause, ", constraint ", Field(result, PG_DIAG_CONSTRAINT_NAME));
  if (HasAnyPrefix(sqlstate, kValueFreeClasses))
    AppendField(cause, ": ", Field(result, PG_DIAG_MESSAGE_PRIMARY));

  Error error = ErrorOf(KindOfSqlstate(sqlstate), std::move(cause));
  error.sqlstate = sqlstate;
  return error;
}

Error ConnectionError(std::string_view sqlstate, std::string cause) {
  Error error = Unavailable(std::move(cause));
  error.sqlstate = sqlstate;
  return error;
}

bool InvalidatesPrepared(std::string_view sqlstate) { return sqlstate == "26000" || sqlstate == "0A000"; }

}  // namespace claviger::schema
