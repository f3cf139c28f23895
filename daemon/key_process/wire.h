#pragma once
// Bytes of the messages between the API process and a key process (docs/KEY_PROCESS.md). Writer and reader
// have the same functions, so that messages.h says once what a message consists of.

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/secret_bytes.h"

namespace claviger::daemon {

inline constexpr size_t kMaxMessageBytes = 128 * 1024;

class WireWriter {
 public:
  WireWriter() : bytes_(kFirstBytes) {}

  void Choice(uint8_t choice, uint8_t) { Put(choice, 1); }
  void Number(uint32_t number) { Put(number, 4); }
  void Number(uint64_t number) { Put(number, 8); }
  void Fixed(const uint8_t* bytes, size_t size) { Append({bytes, size}); }
  void Field(const Bytes& bytes, size_t max) { PutField(bytes, max); }
  void Field(const std::string& text, size_t max) { PutField(AsBytes(text), max); }
  void Field(const SecretBytes& secret, size_t max) { PutField(secret.View(), max); }
  void Field(ByteView bytes, size_t max) { PutField(bytes, max); }
  template <class T, class Pass>
  void Option(const std::optional<T>& value, const Pass& pass) {
    Put(value ? 1 : 0, 1);
    if (value) pass(*value);
  }
  template <class T, class Pass>
  void List(const std::vector<T>& values, size_t max, const Pass& pass) {
    if (values.size() > max) good_ = false;
    Put(values.size() & 0xFFFF, 2);
    for (const T& value : values) pass(value);
  }

  // nullopt if anything was longer than it may be, or all together.
  std::optional<SecretBytes> Take();

 private:
  static constexpr size_t kFirstBytes = 512;

  void Put(uint64_t number, size_t size);
  void PutField(ByteView bytes, size_t max);
  void Append(ByteView bytes);

  SecretBytes bytes_;
  size_t used_ = 0;
  bool good_ = true;
};

// After the first thing that is not there, or larger than it may be, everything else is left as it is.
class WireReader {
 public:
  explicit WireReader(ByteView bytes) : rest_(bytes) {}

  void Choice(uint8_t& choice, uint8_t last);
  void Number(uint32_t& number) { number = static_cast<uint32_t>(Get(4)); }
  void Number(uint64_t& number) { number = Get(8); }
  void Fixed(uint8_t* bytes, size_t size);
  void Field(Bytes& bytes, size_t max);
  // UTF-8 only: it comes to logs and answers.
  void Field(std::string& text, size_t max);
  void Field(SecretBytes& secret, size_t max) { secret = SecretBytes(GetField(max)); }
  void Field(ByteView& bytes, size_t max) { bytes = GetField(max); }
  template <class T, class Pass>
  void Option(std::optional<T>& value, const Pass& pass) {
    const uint64_t there = Get(1);
    if (there > 1) Fail();
    if (there == 1) pass(value.emplace());
  }
  template <class T, class Pass>
  void List(std::vector<T>& values, size_t max, const Pass& pass) {
    const uint64_t count = Get(2);
    if (count > max) return Fail();
    for (uint64_t n = 0; n < count && good_; ++n) pass(values.emplace_back());
  }

  bool good() const { return good_; }
  // Everything was there, and nothing follows.
  bool Complete() const { return good_ && rest_.empty(); }

 private:
  void Fail();
  uint64_t Get(size_t size);
  ByteView Take(size_t size);
  ByteView GetField(size_t max);

  ByteView rest_;
  bool good_ = true;
};

}  // namespace claviger::daemon
