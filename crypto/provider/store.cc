// provider-storemgmt(7) for the scheme pkcs11 (RFC 7512): the keys that a URI names, one after the other.
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/store.h>

#include "crypto/provider/call_state.h"
#include "crypto/provider/dispatch.h"
#include "crypto/provider/uri_pem.h"

namespace claviger::crypto::provider {
namespace {

struct Visit {
  KeySource& source;
  std::string uri;
  bool asked = false;
  std::vector<HeldKeyPtr> left{};  // the next one last
};
Visit* AsVisit(void* visit) { return static_cast<Visit*>(visit); }

void* Open(void* context, const char* uri) {
  if (uri == nullptr || std::string_view(uri).size() > kMaxUriBytes) return nullptr;
  return new Visit{static_cast<ProviderContext*>(context)->source, uri};
}

void Ask(Visit& visit) {
  visit.asked = true;
  const OutwardCall call;
  if (!call.permitted()) return;
  auto found = visit.source.Find(visit.uri);
  if (!found) return NoteFailure(found.error());
  visit.left.assign(found.value().rbegin(), found.value().rend());
}

int Load(void* context, OSSL_CALLBACK* take, void* take_arg, OSSL_PASSPHRASE_CALLBACK*, void*) {
  Visit& visit = *AsVisit(context);
  if (!visit.asked) Ask(visit);
  if (visit.left.empty()) return 0;
  HeldKeyPtr key = std::move(visit.left.back());
  visit.left.pop_back();
  return HandOver(std::move(key), take, take_arg);
}

int AtEnd(void* context) { return AsVisit(context)->asked && AsVisit(context)->left.empty(); }

int Close(void* context) {
  delete AsVisit(context);
  return 1;
}

// Without these two OSSL_STORE_open_ex crashes (OpenSSL 3.0). What is wished for changes nothing.
int SetParams(void*, const OSSL_PARAM*) { return 1; }
const OSSL_PARAM* SettableParams(void*) {
  static const OSSL_PARAM settable[] = {OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, nullptr, 0),
                                        OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, nullptr), OSSL_PARAM_END};
  return settable;
}

const OSSL_DISPATCH kTable[] = {Entry(OSSL_FUNC_STORE_OPEN, Open),
                                Entry(OSSL_FUNC_STORE_LOAD, Load),
                                Entry(OSSL_FUNC_STORE_EOF, AtEnd),
                                Entry(OSSL_FUNC_STORE_CLOSE, Close),
                                Entry(OSSL_FUNC_STORE_SET_CTX_PARAMS, SetParams),
                                Entry(OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, SettableParams),
                                {0, nullptr}};

}  // namespace

const OSSL_ALGORITHM kStores[] = {{"pkcs11", "provider=claviger", kTable, "keys named by URI"},
                                  {nullptr, nullptr, nullptr, nullptr}};

}  // namespace claviger::crypto::provider
