#pragma once
// The rows of one answer, in binary form; every cell is overwritten when they are released. Asking a column
// for another type than it has, for a row or column that is not there, or for the value of a NULL is a
// programming error and aborts.

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"

struct pg_result;

namespace claviger::schema {

class Rows {
 public:
  // Takes ownership.
  explicit Rows(pg_result* result) : result_(result) {}
  ~Rows();
  Rows(Rows&& other) noexcept;
  Rows& operator=(Rows&& other) noexcept;

  int size() const;
  bool empty() const { return size() == 0; }
  // Rows an INSERT, UPDATE or DELETE touched.
  int64_t affected() const;

  bool IsNull(int row, int column) const;
  // Views live as long as the Rows.
  std::string_view Text(int row, int column) const;
  ByteView Blob(int row, int column) const;
  int32_t Int4(int row, int column) const;
  int64_t Int8(int row, int column) const;
  bool Bool(int row, int column) const;
  Time Timestamp(int row, int column) const;
  Uuid UuidAt(int row, int column) const;
  template <class IdType>
  IdType IdAt(int row, int column) const {
    return IdType{UuidAt(row, column)};
  }

 private:
  std::string_view Cell(int row, int column, uint32_t type) const;
  void Release();

  pg_result* result_;
};

}  // namespace claviger::schema
