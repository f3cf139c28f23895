#pragma once
// The type oids we speak (PostgreSQL's pg_type.dat; stable across versions), and the epoch of its timestamps.

#include <cstdint>

namespace claviger::schema::oid {

inline constexpr uint32_t kBool = 16;
inline constexpr uint32_t kBytea = 17;
inline constexpr uint32_t kName = 19;
inline constexpr uint32_t kInt8 = 20;
inline constexpr uint32_t kInt4 = 23;
inline constexpr uint32_t kText = 25;
inline constexpr uint32_t kVarchar = 1043;
inline constexpr uint32_t kTimestamptz = 1184;
inline constexpr uint32_t kUuid = 2950;
inline constexpr uint32_t kByteaArray = 1001;
inline constexpr uint32_t kTextArray = 1009;
inline constexpr uint32_t kInt8Array = 1016;
inline constexpr uint32_t kTimestamptzArray = 1185;
inline constexpr uint32_t kUuidArray = 2951;

// Microseconds from 1970-01-01 to 2000-01-01.
inline constexpr int64_t kEpochMicros = 946'684'800'000'000;

}  // namespace claviger::schema::oid
