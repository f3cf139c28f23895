#include "schema/pg/param.h"

#include <cstdlib>
#include <limits>
#include <type_traits>

#include "schema/pg/oids.h"

namespace claviger::schema {
namespace {

// Network byte order, as PostgreSQL's binary forms have it.
template <class T>
struct BigEndian {
  char bytes[sizeof(T)];
  explicit BigEndian(T number) {
    auto rest = static_cast<std::make_unsigned_t<T>>(number);
    for (size_t i = sizeof(T); i-- > 0; rest = static_cast<decltype(rest)>(rest >> 7 >> 1))
      bytes[i] = static_cast<char>(rest & 0xFF);
  }
  std::string_view view() const { return {bytes, sizeof(T)}; }
};

template <class To, class From>
To CheckedNarrow(From number) {
  if (number > static_cast<From>(std::numeric_limits<To>::max())) std::abort();
  return static_cast<To>(number);
}

int64_t PgMicros(Time time) {
  const int64_t micros = time.time_since_epoch().count();
  if (time == Time::max()) return std::numeric_limits<int64_t>::max();
  int64_t shifted = 0;
  if (__builtin_sub_overflow(micros, oid::kEpochMicros, &shifted)) return std::numeric_limits<int64_t>::min();
  return shifted;
}

// PostgreSQL's array_recv: dimensions, has-nulls flag, element type, then per dimension length and lower
// bound.
std::string ArrayHead(uint32_t element_type, size_t count) {
  std::string out;
  const int32_t dimensions = count == 0 ? 0 : 1;
  out += BigEndian(dimensions).view();
  out += BigEndian(int32_t{0}).view();
  out += BigEndian(element_type).view();
  if (dimensions == 0) return out;
  out += BigEndian(CheckedNarrow<int32_t>(count)).view();
  out += BigEndian(int32_t{1}).view();
  return out;
}

void AppendElement(std::string& out, std::string_view element) {
  out += BigEndian(CheckedNarrow<int32_t>(element.size())).view();
  out += element;
}

template <class T, class ToView>
std::string EncodeArray(uint32_t element_type, const std::vector<T>& values, ToView to_view) {
  std::string out = ArrayHead(element_type, values.size());
  for (const T& value : values) {
    const auto& element = to_view(value);
    if constexpr (std::is_convertible_v<decltype(element), std::string_view>)
      AppendElement(out, element);
    else
      AppendElement(out, element.view());
  }
  return out;
}

std::string_view UuidView(const Uuid& uuid) { return AsText({uuid.data, 16}); }

}  // namespace

Param::Param(uint32_t type, std::string_view data)
    : data_(data.begin(), data.end()), type_(type), null_(false) {}

Param::Param(std::string_view text) : Param(oid::kText, text) {}
Param::Param(int32_t number) : Param(oid::kInt4, BigEndian(number).view()) {}
Param::Param(uint32_t number) : Param(CheckedNarrow<int32_t>(number)) {}
Param::Param(int64_t number) : Param(oid::kInt8, BigEndian(number).view()) {}
Param::Param(uint64_t number) : Param(CheckedNarrow<int64_t>(number)) {}
Param::Param(bool flag) : Param(oid::kBool, flag ? std::string_view("\1", 1) : std::string_view("\0", 1)) {}
Param::Param(Time time) : Param(oid::kTimestamptz, BigEndian(PgMicros(time)).view()) {}
Param::Param(ByteView bytes) : Param(oid::kBytea, AsText(bytes)) {}
Param::Param(const Uuid& uuid) : Param(oid::kUuid, UuidView(uuid)) {}

Param Param::UuidArray(const std::vector<Uuid>& values) {
  return {oid::kUuidArray, EncodeArray(oid::kUuid, values, UuidView)};
}
Param Param::TextArray(const std::vector<std::string>& values) {
  return {oid::kTextArray,
          EncodeArray(oid::kText, values, [](const std::string& v) { return std::string_view(v); })};
}
Param Param::TimeArray(const std::vector<Time>& values) {
  return {oid::kTimestamptzArray,
          EncodeArray(oid::kTimestamptz, values, [](Time v) { return BigEndian(PgMicros(v)); })};
}
Param Param::Int8Array(const std::vector<int64_t>& values) {
  return {oid::kInt8Array, EncodeArray(oid::kInt8, values, [](int64_t v) { return BigEndian(v); })};
}
Param Param::ByteaArray(const std::vector<Bytes>& values) {
  return {oid::kByteaArray, EncodeArray(oid::kBytea, values, [](const Bytes& v) { return AsText(v); })};
}

}  // namespace claviger::schema
