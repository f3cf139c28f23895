#include "schema/pg/rows.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

#include "base/secret_bytes.h"
#include "schema/pg/oids.h"

namespace claviger::schema {
namespace {

[[noreturn]] void Misuse(const pg_result* result, int row, int column, const char* what) {
  const std::string line = fmt::format("schema::Rows: row {} column {} ({}, type {}): {}\n", row, column,
                                       PQfname(result, column) != nullptr ? PQfname(result, column) : "?",
                                       PQftype(result, column), what);
  std::fputs(line.c_str(), stderr);
  std::abort();
}

void CheckRange(const pg_result* result, int row, int column) {
  if (row < 0 || row >= PQntuples(result) || column < 0 || column >= PQnfields(result))
    Misuse(result, row, column, "no such cell");
}

bool SameType(uint32_t actual, uint32_t wanted) {
  return actual == wanted || (wanted == oid::kText && (actual == oid::kVarchar || actual == oid::kName));
}

uint64_t FromBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

}  // namespace

Rows::~Rows() { Release(); }
Rows::Rows(Rows&& other) noexcept : result_(std::exchange(other.result_, nullptr)) {}
Rows& Rows::operator=(Rows&& other) noexcept {
  if (this != &other) {
    Release();
    result_ = std::exchange(other.result_, nullptr);
  }
  return *this;
}

void Rows::Release() {
  if (result_ == nullptr) return;
  const int columns = PQnfields(result_);
  for (int row = PQntuples(result_) - 1; row >= 0; --row) {
    for (int column = 0; column < columns; ++column) {
      const int length = PQgetlength(result_, row, column);
      if (length > 0) Wipe(PQgetvalue(result_, row, column), static_cast<size_t>(length));
    }
  }
  PQclear(result_);
  result_ = nullptr;
}

int Rows::size() const { return PQntuples(result_); }

int64_t Rows::affected() const {
  const std::string_view text = PQcmdTuples(result_);
  int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

bool Rows::IsNull(int row, int column) const {
  CheckRange(result_, row, column);
  return PQgetisnull(result_, row, column) != 0;
}

std::string_view Rows::Cell(int row, int column, uint32_t type) const {
  CheckRange(result_, row, column);
  if (!SameType(PQftype(result_, column), type))
    Misuse(result_, row, column, "has another type than asked for");
  if (PQgetisnull(result_, row, column) != 0) Misuse(result_, row, column, "unexpected NULL");
  return {PQgetvalue(result_, row, column), static_cast<size_t>(PQgetlength(result_, row, column))};
}

std::string_view Rows::Text(int row, int column) const { return Cell(row, column, oid::kText); }
ByteView Rows::Blob(int row, int column) const { return AsBytes(Cell(row, column, oid::kBytea)); }
int32_t Rows::Int4(int row, int column) const {
  return static_cast<int32_t>(static_cast<uint32_t>(FromBigEndian(Cell(row, column, oid::kInt4))));
}
int64_t Rows::Int8(int row, int column) const {
  return static_cast<int64_t>(FromBigEndian(Cell(row, column, oid::kInt8)));
}
bool Rows::Bool(int row, int column) const { return FromBigEndian(Cell(row, column, oid::kBool)) != 0; }

Time Rows::Timestamp(int row, int column) const {
  const auto micros = static_cast<int64_t>(FromBigEndian(Cell(row, column, oid::kTimestamptz)));
  if (micros == std::numeric_limits<int64_t>::min()) return Time::min();
  int64_t shifted = 0;
  if (__builtin_add_overflow(micros, oid::kEpochMicros, &shifted)) return Time::max();
  return Time{std::chrono::microseconds{shifted}};
}

Uuid Rows::UuidAt(int row, int column) const {
  const std::string_view cell = Cell(row, column, oid::kUuid);
  Uuid uuid;
  std::copy(cell.begin(), cell.end(), uuid.data);
  return uuid;
}

}  // namespace claviger::schema
