#include "api/http/stream.h"

#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace claviger::api::http {
namespace {

Stream::Outcome OutcomeOfErrno() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Stream::Outcome::kWouldBlock
                                                                   : Stream::Outcome::kBroken;
}

}  // namespace

void SslFree::operator()(ssl_st* ssl) const { SSL_free(ssl); }

Stream::Outcome Stream::OutcomeOfSsl(int result, bool& wants_write) {
  wants_write = false;
  if (result > 0) return Outcome::kDone;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Outcome::kWouldBlock;
    case SSL_ERROR_WANT_WRITE:
      wants_write = true;
      return Outcome::kWouldBlock;
    case SSL_ERROR_ZERO_RETURN:
      return Outcome::kEnd;
    default:
      ssl_dead_ = true;  // no close_notify may be sent after a fatal error
      return Outcome::kBroken;
  }
}

Stream::Outcome Stream::Handshake() {
  ERR_clear_error();
  return OutcomeOfSsl(SSL_accept(ssl_.get()), read_wants_write_);
}

Stream::Transfer Stream::Read(std::span<char> into) {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
    const Outcome outcome = OutcomeOfSsl(result, read_wants_write_);
    return {outcome, got};
  }
  const ssize_t got = ::recv(fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (got > 0) return {Outcome::kDone, static_cast<size_t>(got)};
  return {got == 0 ? Outcome::kEnd : OutcomeOfErrno(), 0};
}

Stream::Transfer Stream::Write(std::string_view bytes, bool more_follows) {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    size_t put = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &put);
    const Outcome outcome = OutcomeOfSsl(result, write_wants_write_);
    return {outcome == Outcome::kEnd ? Outcome::kBroken : outcome, put};
  }
  const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more_follows ? MSG_MORE : 0);
  const ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), flags);
  write_wants_write_ = false;
  if (put > 0) return {Outcome::kDone, static_cast<size_t>(put)};
  const Outcome outcome = OutcomeOfErrno();
  write_wants_write_ = outcome == Outcome::kWouldBlock;
  return {outcome, 0};
}

void Stream::FinishWriting() {
  if (ssl_ != nullptr && !ssl_dead_ && SSL_is_init_finished(ssl_.get()) != 0) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

void Stream::Abort() {
  const linger reset{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

Stream::Transfer Stream::Discard(std::span<char> scratch) {
  const ssize_t got = ::recv(fd_.get(), scratch.data(), scratch.size(), MSG_DONTWAIT);
  if (got > 0) return {Outcome::kDone, static_cast<size_t>(got)};
  return {got == 0 ? Outcome::kEnd : OutcomeOfErrno(), 0};
}

bool Stream::HasBufferedInput() const { return ssl_ != nullptr && SSL_pending(ssl_.get()) > 0; }

size_t Stream::Unacknowledged() const {
  int bytes = 0;
  return ::ioctl(fd_.get(), SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

}  // namespace claviger::api::http
