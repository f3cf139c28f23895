#pragma once
// A PKCS#11 attribute list that owns its values. Order is kept: SoftHSM applies C_UnwrapKey templates from
// first to last, so CKA_MODIFIABLE=false must come last.

#include <p11-kit/pkcs11.h>

#include <initializer_list>
#include <list>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace claviger::hsm {

class Template {
 public:
  Template& Bool(CK_ATTRIBUTE_TYPE type, bool value);
  Template& Number(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  Template& Data(CK_ATTRIBUTE_TYPE type, ByteView value);
  Template& Text(CK_ATTRIBUTE_TYPE type, std::string_view value) { return Data(type, AsBytes(value)); }
  Template& Mechanisms(CK_ATTRIBUTE_TYPE type, std::initializer_list<CK_MECHANISM_TYPE> mechanisms);
  // An attribute whose value is itself an attribute list, such as CKA_UNWRAP_TEMPLATE.
  Template& Nested(CK_ATTRIBUTE_TYPE type, Template inner);

  // Valid until the next addition. PKCS#11 takes templates non-const but does not change them.
  CK_ATTRIBUTE* data() { return attributes_.data(); }
  CK_ULONG size() const { return attributes_.size(); }

 private:
  std::vector<CK_ATTRIBUTE> attributes_;
  std::list<Bytes> values_;  // addresses stay when it grows or moves
  std::list<Template> nested_;
};

}  // namespace claviger::hsm
