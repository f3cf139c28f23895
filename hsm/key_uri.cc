#include "hsm/key_uri.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include <memory>

#include "base/bytes.h"

namespace claviger::hsm {

namespace {

using crypto::provider::KeyUri;

struct UriFree {
  void operator()(P11KitUri* uri) const { p11_kit_uri_free(uri); }
};
using UriPtr = std::unique_ptr<P11KitUri, UriFree>;

// Of fixed length, padded with blanks; empty where the URI says nothing of it.
template <size_t kSize>
std::optional<std::string> Text(const CK_UTF8CHAR (&field)[kSize]) {
  std::string text(reinterpret_cast<const char*>(field), kSize);
  if (text.front() == '\0') return std::nullopt;
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::optional<std::string> Attribute(P11KitUri* uri, CK_ATTRIBUTE_TYPE type) {
  const CK_ATTRIBUTE* found = p11_kit_uri_get_attribute(uri, type);
  if (found == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(found->pValue), found->ulValueLen);
}

bool IsPrivateKeyIfStated(P11KitUri* uri) {
  const CK_ATTRIBUTE* type = p11_kit_uri_get_attribute(uri, CKA_CLASS);
  return type == nullptr || (type->ulValueLen == sizeof(CK_OBJECT_CLASS) &&
                             *static_cast<const CK_OBJECT_CLASS*>(type->pValue) == CKO_PRIVATE_KEY);
}

bool NamesModuleOrSlot(P11KitUri* uri) {
  const CK_INFO& library = *p11_kit_uri_get_module_info(uri);
  const CK_SLOT_INFO& slot = *p11_kit_uri_get_slot_info(uri);
  return p11_kit_uri_get_module_name(uri) != nullptr || p11_kit_uri_get_module_path(uri) != nullptr ||
         p11_kit_uri_get_slot_id(uri) != static_cast<CK_SLOT_ID>(-1) || Text(library.manufacturerID) ||
         Text(library.libraryDescription) || library.libraryVersion.major != 0xFF ||
         Text(slot.slotDescription) || Text(slot.manufacturerID);
}

}  // namespace

Result<KeyUri> ParseKeyUri(std::string_view text) {
  const UriPtr uri(p11_kit_uri_new());
  const std::string terminated(text);
  if (!uri || terminated.find('\0') != std::string::npos ||
      p11_kit_uri_parse(terminated.c_str(), P11_KIT_URI_FOR_ANY, uri.get()) != P11_KIT_URI_OK) {
    return Invalid("not a PKCS#11 URI");
  }
  if (p11_kit_uri_get_pin_value(uri.get()) != nullptr || p11_kit_uri_get_pin_source(uri.get()) != nullptr) {
    return Invalid("a PKCS#11 URI must not carry a PIN: hsm.pin_file has it");
  }
  const CK_TOKEN_INFO& token = *p11_kit_uri_get_token_info(uri.get());
  if (p11_kit_uri_any_unrecognized(uri.get()) != 0 || NamesModuleOrSlot(uri.get()) ||
      Text(token.manufacturerID) || Text(token.model)) {
    return Invalid("a PKCS#11 URI may name token, serial, object, id and type only");
  }
  if (!IsPrivateKeyIfStated(uri.get())) return Invalid("the PKCS#11 URI does not name a private key");
  return KeyUri{Text(token.label), Text(token.serialNumber), Attribute(uri.get(), CKA_LABEL),
                Attribute(uri.get(), CKA_ID)};
}

}  // namespace claviger::hsm
