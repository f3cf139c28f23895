#include "hsm/objects.h"

#include <array>

namespace claviger::hsm {

namespace {
constexpr size_t kMaxObjects = 10'000;       // a token with more is not one of ours
constexpr size_t kMaxAttributeBytes = 4096;  // labels, ids and points are far shorter
}  // namespace

Outcome<std::vector<CK_OBJECT_HANDLE>> FindObjects(Session& session, Template match) {
  TRYV(session.Call(&CK_FUNCTION_LIST::C_FindObjectsInit, "C_FindObjectsInit", match.data(), match.size()));
  std::vector<CK_OBJECT_HANDLE> found;
  std::array<CK_OBJECT_HANDLE, 64> batch{};
  CK_ULONG count = 0;
  do {
    TRYV(session.Call(&CK_FUNCTION_LIST::C_FindObjects, "C_FindObjects", batch.data(), batch.size(), &count));
    found.insert(found.end(), batch.begin(), batch.begin() + count);
    if (found.size() > kMaxObjects) return Refused(ErrorKind::kInternal, "The token holds too many objects");
  } while (count != 0);
  TRYV(session.Call(&CK_FUNCTION_LIST::C_FindObjectsFinal, "C_FindObjectsFinal"));
  return found;
}

Outcome<Bytes> ReadAttribute(Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE attribute{type, nullptr, 0};
  const auto read = [&] {
    return session.Call(&CK_FUNCTION_LIST::C_GetAttributeValue, "C_GetAttributeValue", object, &attribute,
                        CK_ULONG{1});
  };
  TRYV(read());
  if (attribute.ulValueLen > kMaxAttributeBytes)
    return Refused(ErrorKind::kInternal, "A key attribute is too long");
  Bytes value(attribute.ulValueLen);
  attribute.pValue = value.data();
  TRYV(read());
  value.resize(attribute.ulValueLen);
  return value;
}

Outcome<CK_ULONG> ReadNumber(Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ULONG number = 0;
  CK_ATTRIBUTE attribute{type, &number, sizeof number};
  TRYV(session.Call(&CK_FUNCTION_LIST::C_GetAttributeValue, "C_GetAttributeValue", object, &attribute,
                    CK_ULONG{1}));
  return number;
}

// A failure is no loss: the object dies with its session, and the failure marks the session broken.
TemporaryObject::~TemporaryObject() {
  (void)session_.Call(&CK_FUNCTION_LIST::C_DestroyObject, "C_DestroyObject", handle_);
}

}  // namespace claviger::hsm
