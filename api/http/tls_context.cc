#include "api/http/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>

namespace claviger::api::http {
namespace {

constexpr char kTls12Ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK";
constexpr char kGroups[] = "X25519:P-256:P-384";
constexpr char kSessionContext[] = "claviger";

std::string OpenSslReason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? reason : "unknown";
}

Error FileError(const std::string& what, const std::string& path, const std::string& why) {
  return Invalid("TLS: " + what + " " + path + ": " + why);
}

struct FileClose {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, KeyFree>;

// Never ask on a terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

Result<KeyPtr> ReadKey(const std::string& path) {
  const std::unique_ptr<std::FILE, FileClose> file(std::fopen(path.c_str(), "re"));
  if (!file) return FileError("private key", path, std::strerror(errno));
  struct stat info {};
  if (fstat(fileno(file.get()), &info) != 0) return FileError("private key", path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return FileError("private key", path, "not a regular file");
  if ((info.st_mode & 077) != 0) {
    return FileError("private key", path, "group or others have access; set mode 0600");
  }
  std::setvbuf(file.get(), nullptr, _IONBF, 0);  // no second copy of the key
  KeyPtr key(PEM_read_PrivateKey(file.get(), nullptr, NoPassphrase, nullptr));
  if (!key)
    return FileError("private key", path, "not an unencrypted PEM private key (" + OpenSslReason() + ")");
  return key;
}

int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned int in_size, void*) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kHttp11, sizeof kHttp11, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 section 3.2
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

bool Configure(SSL_CTX* ctx) {
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Partial writes: the connection keeps the rest in its own bounded buffer. Released buffers: an idle
  // connection costs little.
  SSL_CTX_set_mode(
      ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(ctx, SelectAlpn, nullptr);
  return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(ctx, kTls12Ciphers) == 1 && SSL_CTX_set1_groups_list(ctx, kGroups) == 1 &&
         SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
         SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const unsigned char*>(kSessionContext),
                                        sizeof kSessionContext - 1) == 1;
}

}  // namespace

void TlsContext::CtxFree::operator()(ssl_ctx_st* ctx) const { SSL_CTX_free(ctx); }

Result<std::shared_ptr<const TlsContext>> TlsContext::Load(const TlsFiles& files) {
  ERR_clear_error();
  TRY(const KeyPtr key, ReadKey(files.private_key_pem));
  std::shared_ptr<TlsContext> context(new TlsContext);
  context->ctx_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* ctx = context->ctx_.get();
  if (ctx == nullptr || !Configure(ctx)) return Internal("TLS settings: " + OpenSslReason());
  if (SSL_CTX_use_certificate_chain_file(ctx, files.certificate_chain_pem.c_str()) != 1) {
    return FileError("certificate chain", files.certificate_chain_pem,
                     "not a readable PEM chain (" + OpenSslReason() + ")");
  }
  if (SSL_CTX_use_PrivateKey(ctx, key.get()) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
    return FileError("private key", files.private_key_pem, "does not belong to the certificate");
  }
  return std::shared_ptr<const TlsContext>(std::move(context));
}

SslPtr TlsContext::NewSession(int fd) const {
  SslPtr ssl(SSL_new(ctx_.get()));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) return nullptr;
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace claviger::api::http
