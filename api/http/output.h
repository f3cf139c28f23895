#pragma once
// Bytes on their way out of one connection: what the kernel did not take yet. Wiped as they go.

#include <deque>
#include <string>

#include "api/http/stream.h"

namespace claviger::api::http {

class Output {
 public:
  Output() = default;
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Add(std::string bytes);
  // Hands the kernel what it takes now. kDone: all; kWouldBlock: some is left; kBroken.
  Stream::Outcome Flush(Stream& stream);
  bool empty() const { return pieces_.empty(); }
  size_t size() const { return size_; }

 private:
  std::deque<std::string> pieces_;
  size_t offset_ = 0;  // of the first piece
  size_t size_ = 0;    // left in all
};

}  // namespace claviger::api::http
