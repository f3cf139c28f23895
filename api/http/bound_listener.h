#pragma once
// A listening socket made from a Listener: IPv4, IPv6, Unix path or inherited.

#include <optional>
#include <string>

#include "api/http/owned_fd.h"
#include "api/http/server.h"
#include "base/error.h"

namespace claviger::api::http {

class BoundListener {
 public:
  // kInvalid with one sentence: bad address, in use, no permission. "[::]:port" takes IPv4 clients too.
  // A Unix socket gets mode 0660; a left-over socket file is replaced only if nobody listens on it.
  static Result<BoundListener> Bind(const Listener& listener);
  ~BoundListener() { Close(); }
  BoundListener(BoundListener&&) = default;
  BoundListener& operator=(BoundListener&&) = delete;

  // Stops listening; removes the Unix socket file if it is still the one made here.
  void Close();
  int fd() const { return fd_.get(); }
  bool tls() const { return tls_; }
  const std::string& address() const { return address_; }  // as bound: port 0 resolved

 private:
  BoundListener(OwnedFd fd, std::string address, bool tls)
      : fd_(std::move(fd)), address_(std::move(address)), tls_(tls) {}
  struct FileId {
    uint64_t device = 0;
    uint64_t inode = 0;
  };
  static Result<BoundListener> BindInet(const Listener& listener);
  static Result<BoundListener> BindUnix(const Listener& listener, const std::string& path);
  static Result<BoundListener> Inherit(const Listener& listener, const std::string& number);

  OwnedFd fd_;
  std::string address_;
  bool tls_;
  std::string unix_path_;
  std::optional<FileId> unix_file_;
};

}  // namespace claviger::api::http
