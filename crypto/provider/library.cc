#include "crypto/provider/library.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>

#include <string_view>

#include "crypto/provider/call_state.h"
#include "crypto/provider/dispatch.h"

namespace claviger::crypto::provider {
namespace {

constexpr char kPreferDefault[] = "?provider=default";
constexpr char kPreferOurs[] = "?provider=claviger";

// OpenSSL calls Initialize within Load, and gives it nothing to know its source by.
thread_local KeySource* source_to_load = nullptr;

const OSSL_ALGORITHM* Query(void*, int operation, int* no_cache) {
  *no_cache = 0;
  switch (operation) {
    case OSSL_OP_KEYMGMT:
      return kKeyManagement;
    case OSSL_OP_SIGNATURE:
      return kSignatures;
    case OSSL_OP_STORE:
      return kStores;
    case OSSL_OP_DECODER:
      return kDecoders;
    default:
      return nullptr;
  }
}

void Teardown(void* context) { delete static_cast<ProviderContext*>(context); }

const OSSL_PARAM* GettableParams(void*) {
  static const OSSL_PARAM gettable[] = {OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, nullptr, 0),
                                        OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, nullptr), OSSL_PARAM_END};
  return gettable;
}

int GetParams(void*, OSSL_PARAM params[]) {
  OSSL_PARAM* name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
  if (name != nullptr && OSSL_PARAM_set_utf8_ptr(name, kProviderName) != 1) return 0;
  OSSL_PARAM* status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
  return status == nullptr || OSSL_PARAM_set_int(status, 1) == 1;
}

const OSSL_DISPATCH kProvider[] = {Entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, Query),
                                   Entry(OSSL_FUNC_PROVIDER_TEARDOWN, Teardown),
                                   Entry(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, GettableParams),
                                   Entry(OSSL_FUNC_PROVIDER_GET_PARAMS, GetParams),
                                   {0, nullptr}};

int Initialize(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH* core, const OSSL_DISPATCH** out,
               void** context) {
  OSSL_FUNC_BIO_read_ex_fn* read = nullptr;
  for (; core->function_id != 0; ++core) {
    if (core->function_id == OSSL_FUNC_BIO_READ_EX) read = OSSL_FUNC_BIO_read_ex(core);
  }
  if (read == nullptr || source_to_load == nullptr) return 0;
  *context = new ProviderContext{*source_to_load, read};
  *out = kProvider;
  return 1;
}

// A name that was once found is found again in what was found: first of all by its right owner
// (openssl#20600).
void FindDefaultsFirst(OSSL_LIB_CTX* context) {
  for (const char* name : {"EC", "ED25519", "X25519"}) {
    EVP_KEYMGMT_free(EVP_KEYMGMT_fetch(context, name, nullptr));
  }
  for (const char* name : {"ECDSA", "ED25519"}) {
    EVP_SIGNATURE_free(EVP_SIGNATURE_fetch(context, name, nullptr));
  }
}

bool BelongsToDefault(const EVP_PKEY* key) {
  const OSSL_PROVIDER* provider = key != nullptr ? EVP_PKEY_get0_provider(key) : nullptr;
  return provider != nullptr && OSSL_PROVIDER_get0_name(provider) == std::string_view("default");
}

struct StoreClose {
  void operator()(OSSL_STORE_CTX* store) const { OSSL_STORE_close(store); }
};
struct InfoFree {
  void operator()(OSSL_STORE_INFO* info) const { OSSL_STORE_INFO_free(info); }
};
struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

// Never ask on a terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

}  // namespace

Result<std::unique_ptr<Library>> Library::Create(KeySource& source) {
  std::unique_ptr<Library> library(new Library);
  TRYV(library->Load(source));
  return library;
}

Library::~Library() {
  OSSL_PROVIDER_unload(ours_);
  OSSL_PROVIDER_unload(default_);
  OSSL_LIB_CTX_free(context_);
}

// The order matters: the default provider has to be there by name, since loading any other one takes it away
// as a fallback, and first, since the first to offer an algorithm gives it.
Status Library::Load(KeySource& source) {
  context_ = OSSL_LIB_CTX_new();
  default_ = context_ != nullptr ? OSSL_PROVIDER_load(context_, "default") : nullptr;
  if (default_ == nullptr) return Internal("OpenSSL has no default provider");
  FindDefaultsFirst(context_);
  source_to_load = &source;
  if (OSSL_PROVIDER_add_builtin(context_, kProviderName, Initialize) == 1) {
    ours_ = OSSL_PROVIDER_load(context_, kProviderName);
  }
  source_to_load = nullptr;
  const PKey probe(ours_ != nullptr ? EVP_PKEY_Q_keygen(context_, nullptr, "EC", "P-256") : nullptr);
  if (!BelongsToDefault(probe.get()) || EVP_set_default_properties(context_, kPreferDefault) != 1) {
    ERR_clear_error();
    return Internal("OpenSSL does not take the provider as it should");
  }
  return Ok();
}

Result<std::vector<PKey>> Library::Open(const std::string& uri) const {
  (void)TakeFailure();
  const std::unique_ptr<OSSL_STORE_CTX, StoreClose> store(
      OSSL_STORE_open_ex(uri.c_str(), context_, kPreferOurs, nullptr, nullptr, nullptr, nullptr, nullptr));
  if (!store) return SourceFailureOr(Invalid("not a PKCS#11 URI"));
  std::vector<PKey> keys;
  while (OSSL_STORE_eof(store.get()) == 0) {
    const std::unique_ptr<OSSL_STORE_INFO, InfoFree> info(OSSL_STORE_load(store.get()));
    if (!info) break;
    PKey key(OSSL_STORE_INFO_get1_PKEY(info.get()));
    if (key && IsHeld(key.get())) keys.push_back(std::move(key));
  }
  if (keys.empty()) return SourceFailureOr(NotFound("no key of that name"));
  ERR_clear_error();
  return keys;
}

Result<PKey> Library::ReadPem(std::string_view text) const {
  (void)TakeFailure();
  const std::unique_ptr<BIO, BioFree> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  PKey key(bio ? PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, NoPassphrase, nullptr, context_, nullptr)
               : nullptr);
  if (!key) return SourceFailureOr(Invalid("not an unencrypted PEM private key"));
  ERR_clear_error();
  return key;
}

Error SourceFailureOr(Error otherwise) {
  ERR_clear_error();
  if (auto failure = TakeFailure()) return *std::move(failure);
  return otherwise;
}

bool IsHeld(const EVP_PKEY* key) {
  const OSSL_PROVIDER* provider = EVP_PKEY_get0_provider(key);
  return provider != nullptr && OSSL_PROVIDER_get0_name(provider) == std::string_view(kProviderName);
}

Result<Bytes> SignMessage(const Library& library, EVP_PKEY* key, ByteView message) {
  (void)TakeFailure();
  const MdCtx ctx(EVP_MD_CTX_new());
  Bytes signature(128);
  size_t size = signature.size();
  const char* digest = EVP_PKEY_is_a(key, "EC") == 1 ? "SHA256" : nullptr;
  if (!ctx ||
      EVP_DigestSignInit_ex(ctx.get(), nullptr, digest, library.context(), nullptr, key, nullptr) != 1 ||
      EVP_DigestSign(ctx.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    return SourceFailureOr(Internal("OpenSSL signs nothing with that key"));
  }
  signature.resize(size);
  return signature;
}

}  // namespace claviger::crypto::provider
