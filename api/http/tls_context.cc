#include "api/http/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>

#include "base/secret_bytes.h"
#include "crypto/handshake_rules.h"
#include "crypto/provider/library.h"

namespace claviger::api::http {
namespace {

using crypto::PKey;

constexpr char kUriScheme[] = "pkcs11:";
constexpr size_t kMaxKeyFileBytes = 64 * 1024;

constexpr char kTls12Ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK";
constexpr char kGroups[] = "X25519:P-256:P-384";
constexpr char kSessionContext[] = "claviger";
// The one algorithm of keys that are elsewhere; OpenSSL would offer P-256 with other digests for TLS 1.2.
constexpr char kOnlyP256[] = "ECDSA+SHA256";

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
struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

// Never ask on a terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

Result<SecretBytes> ReadKeyFile(const std::string& path) {
  const std::unique_ptr<std::FILE, FileClose> file(std::fopen(path.c_str(), "re"));
  if (!file) return FileError("private key", path, std::strerror(errno));
  struct stat info {};
  if (fstat(fileno(file.get()), &info) != 0) return FileError("private key", path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return FileError("private key", path, "not a regular file");
  if ((info.st_mode & 077) != 0) {
    return FileError("private key", path, "group or others have access; set mode 0600");
  }
  std::setvbuf(file.get(), nullptr, _IONBF, 0);  // no second copy of the key
  SecretBytes text(kMaxKeyFileBytes);
  text.Truncate(std::fread(text.data(), 1, text.size(), file.get()));
  return text;
}

// What a source of keys says of one stays what it is; otherwise the file is wrong.
Error KeyError(const std::string& what, Error error) {
  if (error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kInternal) return error;
  return FileError("private key", what, error.detail);
}

Result<PKey> ReadPem(const TlsFiles& files, const SecretBytes& text) {
  if (files.named_keys != nullptr) return files.named_keys->ReadPem(text.Text());
  const std::unique_ptr<BIO, BioFree> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  PKey key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr) : nullptr);
  if (!key) return Invalid("not an unencrypted PEM private key (" + OpenSslReason() + ")");
  return key;
}

// One that a file holds or names, or all that a URI names.
Result<std::vector<PKey>> ReadKeys(const TlsFiles& files) {
  if (files.private_key.starts_with(kUriScheme)) {
    if (files.named_keys == nullptr) return Invalid("TLS: keys cannot be named here");
    auto named = files.named_keys->Open(files.private_key);
    if (!named) return KeyError(files.private_key, named.error());
    return named;
  }
  TRY(const SecretBytes text, ReadKeyFile(files.private_key));
  auto key = ReadPem(files, text);
  if (!key) return KeyError(files.private_key, key.error());
  std::vector<PKey> keys;
  keys.push_back(std::move(key).value());
  return keys;
}

Result<PKey> FindKey(const TlsFiles& files, X509* certificate) {
  TRY(auto keys, ReadKeys(files));
  for (PKey& key : keys) {
    if (X509_check_private_key(certificate, key.get()) == 1) return std::move(key);
  }
  ERR_clear_error();
  return FileError("private key", files.private_key, "does not belong to the certificate");
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
  std::shared_ptr<TlsContext> context(new TlsContext);
  OSSL_LIB_CTX* library = files.named_keys != nullptr ? files.named_keys->context() : nullptr;
  context->ctx_.reset(SSL_CTX_new_ex(library, nullptr, TLS_server_method()));
  SSL_CTX* ctx = context->ctx_.get();
  if (ctx == nullptr || !Configure(ctx)) return Internal("TLS settings: " + OpenSslReason());
  if (SSL_CTX_use_certificate_chain_file(ctx, files.certificate_chain_pem.c_str()) != 1) {
    return FileError("certificate chain", files.certificate_chain_pem,
                     "not a readable PEM chain (" + OpenSslReason() + ")");
  }
  TRY(const PKey key, FindKey(files, SSL_CTX_get0_certificate(ctx)));
  if (SSL_CTX_use_PrivateKey(ctx, key.get()) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
    return FileError("private key", files.private_key, "cannot be used for TLS (" + OpenSslReason() + ")");
  }
  if (crypto::provider::IsHeld(key.get())) {
    if (SSL_CTX_set1_sigalgs_list(ctx, kOnlyP256) != 1) return Internal("TLS settings: " + OpenSslReason());
    // Only the public half is known so far.
    TRYV(crypto::provider::SignMessage(*files.named_keys, key.get(), crypto::TrialHandshake()));
    context->key_is_elsewhere_ = true;
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
