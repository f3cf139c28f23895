#include "hsm/template.h"

#include <utility>

namespace claviger::hsm {

Template& Template::Data(CK_ATTRIBUTE_TYPE type, ByteView value) {
  Bytes& stored = values_.emplace_back(value.begin(), value.end());
  attributes_.push_back({type, stored.data(), stored.size()});
  return *this;
}

Template& Template::Bool(CK_ATTRIBUTE_TYPE type, bool value) {
  const uint8_t byte = value ? CK_TRUE : CK_FALSE;
  return Data(type, {&byte, 1});
}

Template& Template::Number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  return Data(type, {reinterpret_cast<const uint8_t*>(&value), sizeof value});
}

Template& Template::Mechanisms(CK_ATTRIBUTE_TYPE type, std::initializer_list<CK_MECHANISM_TYPE> mechanisms) {
  return Data(type, {reinterpret_cast<const uint8_t*>(mechanisms.begin()),
                     mechanisms.size() * sizeof(CK_MECHANISM_TYPE)});
}

Template& Template::Nested(CK_ATTRIBUTE_TYPE type, Template inner) {
  Template& stored = nested_.emplace_back(std::move(inner));
  attributes_.push_back({type, stored.data(), stored.size() * sizeof(CK_ATTRIBUTE)});
  return *this;
}

}  // namespace claviger::hsm
