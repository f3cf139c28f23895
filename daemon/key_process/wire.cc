#include "daemon/key_process/wire.h"

#include <algorithm>

namespace claviger::daemon {

std::optional<SecretBytes> WireWriter::Take() {
  if (!good_) return std::nullopt;
  bytes_.Truncate(used_);
  return std::move(bytes_);
}

void WireWriter::Put(uint64_t number, size_t size) {
  uint8_t bytes[8];
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(number >> (8 * (size - 1 - i)));
  Append({bytes, size});
}

void WireWriter::PutField(ByteView bytes, size_t max) {
  if (bytes.size() > max) {
    good_ = false;
    return;
  }
  Put(bytes.size(), 2);
  Append(bytes);
}

void WireWriter::Append(ByteView bytes) {
  if (bytes.size() > kMaxMessageBytes - used_) good_ = false;
  if (!good_) return;
  if (bytes.size() > bytes_.size() - used_) {
    SecretBytes larger(std::min(kMaxMessageBytes, 2 * (used_ + bytes.size())));
    std::copy_n(bytes_.data(), used_, larger.data());
    bytes_ = std::move(larger);
  }
  std::copy(bytes.begin(), bytes.end(), bytes_.data() + used_);
  used_ += bytes.size();
}

void WireReader::Fail() {
  good_ = false;
  rest_ = {};
}

ByteView WireReader::Take(size_t size) {
  if (rest_.size() < size) {
    Fail();
    return {};
  }
  const ByteView taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

uint64_t WireReader::Get(size_t size) {
  uint64_t number = 0;
  for (const uint8_t byte : Take(size)) number = number << 8 | byte;
  return number;
}

ByteView WireReader::GetField(size_t max) {
  const uint64_t size = Get(2);
  if (size > max) Fail();
  return good_ ? Take(size) : ByteView();
}

void WireReader::Choice(uint8_t& choice, uint8_t last) {
  const uint64_t taken = Get(1);
  if (taken > last) return Fail();
  choice = static_cast<uint8_t>(taken);
}

void WireReader::Fixed(uint8_t* bytes, size_t size) {
  const ByteView taken = Take(size);
  std::copy(taken.begin(), taken.end(), bytes);
}

void WireReader::Field(Bytes& bytes, size_t max) {
  const ByteView field = GetField(max);
  bytes.assign(field.begin(), field.end());
}

void WireReader::Field(std::string& text, size_t max) {
  const std::string_view field = AsText(GetField(max));
  if (!IsUtf8(field)) return Fail();
  text = field;
}

}  // namespace claviger::daemon
