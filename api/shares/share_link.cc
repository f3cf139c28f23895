#include "api/shares/share_link.h"

#include <algorithm>

#include "crypto/canonical.h"
#include "crypto/credential.h"
#include "crypto/digest.h"

namespace claviger::api {
namespace {

uint64_t Microseconds(Time time) { return static_cast<uint64_t>(time.time_since_epoch().count()); }

// RFC 9562 section 5.4.
Uuid AsUuidV4(ByteView bytes) {
  Uuid uuid;
  std::copy_n(bytes.begin(), uuid.size(), uuid.begin());
  uuid.data[6] = static_cast<uint8_t>(0x40 | (uuid.data[6] & 0x0F));
  uuid.data[8] = static_cast<uint8_t>(0x80 | (uuid.data[8] & 0x3F));
  return uuid;
}

Bytes MessageOf(const ShareTerms& terms) {
  return crypto::CanonicalWriter("claviger/share/1")
      .Field(terms.org.Bytes())
      .Field(terms.id.Bytes())
      .Field(terms.secret.Bytes())
      .Field(crypto::Name(terms.by_type))
      .Field(ByteView(terms.by.data, terms.by.size()))
      .Field(Name(terms.recipient))
      .Field(ByteView(terms.to.data, terms.to.size()))
      .Field(terms.email)
      .Field(terms.passphrase_hash)
      .Field(terms.ip_allowlist)
      .Field(Microseconds(terms.created_at))
      .Field(Microseconds(terms.expires_at))
      .Field(uint64_t{terms.max_access_count})
      .Take();
}

}  // namespace

Result<NewLink> MakeLink(crypto::Keyring& keyring, const ShareTerms& terms) {
  TRY(const auto mac, keyring.Mac(MessageOf(terms)));
  return NewLink{LinkId{AsUuidV4(mac.bytes)}, mac.version};
}

Result<std::optional<LinkId>> LinkOf(crypto::Keyring& keyring, const ShareTerms& terms,
                                     uint32_t lookup_version) {
  TRY(const auto mac, crypto::MacOfVersion(keyring, lookup_version, MessageOf(terms)));
  if (!mac) return std::nullopt;
  return LinkId{AsUuidV4(*mac)};
}

Bytes LookupOf(const LinkId& link) {
  const auto digest =
      crypto::Sha256(crypto::CanonicalWriter("claviger/share-lookup/1").Field(link.Bytes()).bytes());
  return {digest.begin(), digest.end()};
}

}  // namespace claviger::api
