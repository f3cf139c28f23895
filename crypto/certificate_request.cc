#include "crypto/certificate_request.h"

#include <arpa/inet.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace claviger::crypto {
namespace {

constexpr size_t kMaxNames = 64;
constexpr size_t kMaxNameBytes = 253;
constexpr size_t kMaxLabelBytes = 63;
constexpr size_t kMaxCommonName = 64;  // RFC 5280 appendix A.1, ub-common-name

struct RequestFree {
  void operator()(X509_REQ* request) const { X509_REQ_free(request); }
};
struct CertificateFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct ExtensionsFree {
  void operator()(STACK_OF(X509_EXTENSION) * all) const {
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
  }
};
struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;
using RequestPtr = std::unique_ptr<X509_REQ, RequestFree>;

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabelBytes && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// RFC 1123 section 2.1, and RFC 6125 section 6.4.3.
bool IsDnsName(std::string_view name) {
  if (name.size() > kMaxNameBytes) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  while (true) {
    const size_t dot = name.find('.');
    if (!IsLabel(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool IsAddress(const std::string& text) {
  in6_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1 || inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

// In the notation of x509v3_config(5): the checks above leave nothing that has a meaning there.
Result<std::string> AlternativeNames(const ServerNames& names) {
  if (names.dns.size() + names.ip.size() > kMaxNames) return Invalid("too many names");
  std::string all;
  for (const auto& name : names.dns) {
    if (!IsDnsName(name)) return Invalid("not a host name: " + name);
    all += (all.empty() ? "DNS:" : ",DNS:") + name;
  }
  for (const auto& address : names.ip) {
    if (!IsAddress(address)) return Invalid("not an IP address: " + address);
    all += (all.empty() ? "IP:" : ",IP:") + address;
  }
  if (all.empty()) return Invalid("a certificate needs a name: --dns or --ip");
  return all;
}

bool SetSubject(X509_REQ* request, const ServerNames& names) {
  const std::string& name = names.dns.empty() ? names.ip.front() : names.dns.front();
  if (name.size() > kMaxCommonName) return true;  // without one
  return X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.data()),
                                    static_cast<int>(name.size()), -1, 0) == 1;
}

bool AddExtensions(X509_REQ* request, const std::string& alternative_names) {
  const std::unique_ptr<STACK_OF(X509_EXTENSION), ExtensionsFree> all(sk_X509_EXTENSION_new_null());
  const std::pair<int, const char*> extensions[] = {{NID_subject_alt_name, alternative_names.c_str()},
                                                    {NID_key_usage, "critical,digitalSignature"},
                                                    {NID_ext_key_usage, "serverAuth"}};
  for (const auto& [nid, value] : extensions) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    if (extension == nullptr || sk_X509_EXTENSION_push(all.get(), extension) == 0) {
      X509_EXTENSION_free(extension);
      return false;
    }
  }
  return X509_REQ_add_extensions(request, all.get()) == 1;
}

bool Sign(const provider::Library& library, X509_REQ* request, EVP_PKEY* key) {
  const MdCtx ctx(EVP_MD_CTX_new());
  return ctx &&
         EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", library.context(), nullptr, key, nullptr) == 1 &&
         X509_REQ_sign_ctx(request, ctx.get()) > 0;
}

Result<std::string> Pem(X509_REQ* request) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  char* text = nullptr;
  if (!out || PEM_write_bio_X509_REQ(out.get(), request) != 1) return Internal("a request cannot be written");
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

}  // namespace

Status CheckServerNames(const ServerNames& names) {
  TRYV(AlternativeNames(names));
  return Ok();
}

Result<std::string> CertificateRequestPem(const provider::Library& library, EVP_PKEY* key,
                                          const ServerNames& names) {
  TRY(const std::string alternative_names, AlternativeNames(names));
  const RequestPtr request(X509_REQ_new_ex(library.context(), nullptr));
  if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      !SetSubject(request.get(), names) || X509_REQ_set_pubkey(request.get(), key) != 1 ||
      !AddExtensions(request.get(), alternative_names) || !Sign(library, request.get(), key)) {
    return provider::SourceFailureOr(Internal("OpenSSL makes no certificate request"));
  }
  return Pem(request.get());
}

Result<PublicKey> CertifiedKey(std::string_view pem) {
  const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<X509, CertificateFree> certificate(
      in ? PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr) : nullptr);
  EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate.get()) : nullptr;
  Bytes raw(65);
  size_t size = 0;
  const bool read = key != nullptr && EVP_PKEY_is_a(key, "EC") == 1 &&
                    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, raw.data(),
                                                    raw.size(), &size) == 1 &&
                    size == raw.size();
  ERR_clear_error();
  if (!read) return Invalid("the file holds no PEM certificate of a P-256 key");
  return PublicKey{{}, SignatureAlgorithm::kEs256, std::move(raw)};
}

}  // namespace claviger::crypto
