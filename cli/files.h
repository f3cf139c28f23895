#pragma once
// Files that hold secrets: read with a bound, written whole or not at all, readable by their owner only.

#include <string>
#include <utility>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::cli {

// Owns a file descriptor.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Until the end; `name` only serves the message. kTooLarge beyond `max_bytes`.
Result<SecretBytes> ReadAll(int fd, size_t max_bytes, const std::string& name);
Result<SecretBytes> ReadFile(const std::string& path, size_t max_bytes);
Status WriteAll(int fd, ByteView bytes, const std::string& name);

// A file that appears under its final name only when it is complete: mode 0600, synced, then renamed. An
// existing regular file is replaced; a symbolic link or device in its place is refused. Without Commit()
// nothing remains.
class NewFile {
 public:
  static Result<NewFile> Create(const std::string& path);
  // In a directory that was opened (and checked) before; `path` must lie in it.
  static Result<NewFile> CreateIn(Fd directory, const std::string& path);
  NewFile(NewFile&&) = default;
  ~NewFile();
  Status Write(ByteView bytes) { return WriteAll(fd_.get(), bytes, name_); }
  Status Commit();

 private:
  NewFile(Fd directory, Fd fd, std::string temporary, std::string name);
  Fd directory_;
  Fd fd_;
  std::string temporary_;  // name inside the directory
  std::string name_;       // as the user gave it
};

// Text of `errno`.
std::string ErrnoText();

}  // namespace claviger::cli
