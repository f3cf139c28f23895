#include "api/http/output.h"

#include "api/http/wipe_string.h"

namespace claviger::api::http {

Output::~Output() {
  for (std::string& piece : pieces_) WipeString(piece);
}

void Output::Add(std::string bytes) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  // Small pieces travel as one packet and one TLS record.
  constexpr size_t kJoin = 16 * 1024;
  if (!pieces_.empty() && pieces_.back().size() + bytes.size() <= kJoin) {
    AppendWiping(pieces_.back(), bytes);
    WipeString(bytes);
    return;
  }
  pieces_.push_back(std::move(bytes));
}

Stream::Outcome Output::Flush(Stream& stream) {
  while (!pieces_.empty()) {
    const std::string_view left = std::string_view(pieces_.front()).substr(offset_);
    const Stream::Transfer sent = stream.Write(left, pieces_.size() > 1);
    if (sent.outcome != Stream::Outcome::kDone) return sent.outcome;
    size_ -= sent.bytes;
    offset_ += sent.bytes;
    if (offset_ < pieces_.front().size()) continue;
    WipeString(pieces_.front());
    pieces_.pop_front();
    offset_ = 0;
  }
  return Stream::Outcome::kDone;
}

}  // namespace claviger::api::http
