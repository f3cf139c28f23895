#pragma once
// One parameter of a statement. All values travel in binary form with an explicit type, so that no byte of
// them is ever parsed as SQL or as text; the server refuses text that is not UTF-8 or holds NUL.

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"

namespace claviger::schema {

class Param {
 public:
  // NULL of a type that the server infers. An empty std::optional<T> is NULL of T's type.
  Param(std::nullopt_t) {}
  Param(std::string_view text);
  Param(const std::string& text) : Param(std::string_view(text)) {}
  Param(const char* text) : Param(std::string_view(text)) {}
  Param(int32_t number);
  Param(uint32_t number);  // int4; aborts above 2^31 - 1
  Param(int64_t number);
  Param(uint64_t number);  // int8; aborts above 2^63 - 1
  Param(bool flag);
  Param(Time time);  // timestamptz; Time::max() is 'infinity', Time::min() '-infinity'
  Param(ByteView bytes);
  Param(const Bytes& bytes) : Param(ByteView(bytes)) {}
  Param(const Uuid& uuid);
  template <class Tag>
  Param(const Id<Tag>& id) : Param(id.uuid) {}
  template <class T>
  Param(const std::optional<T>& value) {
    if (value)
      *this = Param(*value);
    else
      type_ = Param(T{}).type_;
  }

  // For multi-row inserts through unnest().
  static Param UuidArray(const std::vector<Uuid>& values);
  static Param TextArray(const std::vector<std::string>& values);
  static Param TimeArray(const std::vector<Time>& values);
  static Param Int8Array(const std::vector<int64_t>& values);
  static Param ByteaArray(const std::vector<Bytes>& values);

  // The binary form; nullopt for NULL. Valid as long as the Param.
  std::optional<std::string_view> value() const {
    if (null_) return std::nullopt;
    return std::string_view(data_.data(), data_.size());
  }
  // PostgreSQL type oid; 0 where the server infers it.
  uint32_t type() const { return type_; }

 private:
  // 16 bytes hold every fixed-size type without an allocation.
  using Data = boost::container::small_vector<char, 16>;
  Param(uint32_t type, std::string_view data);

  Data data_;
  uint32_t type_ = 0;
  bool null_ = true;
};

}  // namespace claviger::schema
