#pragma once
// Finding and reading objects. Linear in the number of objects on the token: only while connecting.

#include <vector>

#include "base/bytes.h"
#include "hsm/session.h"
#include "hsm/template.h"

namespace claviger::hsm {

Outcome<std::vector<CK_OBJECT_HANDLE>> FindObjects(Session& session, Template match);
Outcome<Bytes> ReadAttribute(Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
Outcome<CK_ULONG> ReadNumber(Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

// A session object that is destroyed with this guard, in the session that made it.
class TemporaryObject {
 public:
  TemporaryObject(Session& session, CK_OBJECT_HANDLE handle) : session_(session), handle_(handle) {}
  ~TemporaryObject();
  TemporaryObject(const TemporaryObject&) = delete;
  TemporaryObject& operator=(const TemporaryObject&) = delete;
  CK_OBJECT_HANDLE handle() const { return handle_; }

 private:
  Session& session_;
  CK_OBJECT_HANDLE handle_;
};

}  // namespace claviger::hsm
