// provider-decoder(7): from a PEM file that names a key to that key. What holds no such name is for others to
// decode, and so is no failure.
#include <openssl/err.h>

#include <array>

#include "crypto/provider/call_state.h"
#include "crypto/provider/dispatch.h"
#include "crypto/provider/uri_pem.h"

namespace claviger::crypto::provider {
namespace {

constexpr int kGoOn = 1;

void* NewContext(void* provider) { return provider; }
void FreeContext(void*) {}

std::string ReadAll(const ProviderContext& provider, OSSL_CORE_BIO* in) {
  std::string text;
  std::array<char, 4096> part{};
  size_t got = 0;
  while (text.size() < kMaxUriPemBytes && provider.read(in, part.data(), part.size(), &got) == 1 && got > 0) {
    text.append(part.data(), got);
  }
  return text;
}

template <SignatureAlgorithm kAlgorithm>
int Decode(void* context, OSSL_CORE_BIO* in, int, OSSL_CALLBACK* take, void* take_arg,
           OSSL_PASSPHRASE_CALLBACK*, void*) {
  const auto& provider = *static_cast<ProviderContext*>(context);
  ERR_set_mark();
  const auto uri = UriOfPem(ReadAll(provider, in));
  ERR_pop_to_mark();
  if (!uri) return kGoOn;
  auto found = [&]() -> Result<std::vector<HeldKeyPtr>> {
    const OutwardCall call;
    if (!call.permitted()) return *TakeFailure();
    return provider.source.Find(*uri);
  }();
  if (!found) {
    NoteFailure(found.error());
    return kGoOn;
  }
  HeldKeyPtr& key = found.value().front();
  if (key->published().algorithm != kAlgorithm) return kGoOn;
  return HandOver(std::move(key), take, take_arg);
}

template <SignatureAlgorithm kAlgorithm>
const OSSL_DISPATCH* Table() {
  static const OSSL_DISPATCH table[] = {Entry(OSSL_FUNC_DECODER_NEWCTX, NewContext),
                                        Entry(OSSL_FUNC_DECODER_FREECTX, FreeContext),
                                        Entry(OSSL_FUNC_DECODER_DECODE, Decode<kAlgorithm>),
                                        {0, nullptr}};
  return table;
}

}  // namespace

const OSSL_ALGORITHM kDecoders[] = {
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=claviger,input=pem",
     Table<SignatureAlgorithm::kEs256>(), "PEM files that name a P-256 key"},
    {"ED25519:1.3.101.112", "provider=claviger,input=pem", Table<SignatureAlgorithm::kEdDsa>(),
     "PEM files that name an Ed25519 key"},
    {nullptr, nullptr, nullptr, nullptr}};

}  // namespace claviger::crypto::provider
