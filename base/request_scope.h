#pragma once
// In whose name this thread works: the id of the request it serves, for parts that no request is handed to.

#include "base/ids.h"

namespace claviger {

class RequestScope {
 public:
  // Until the scope ends.
  explicit RequestScope(const Uuid& request);
  ~RequestScope();
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

  // Nil where no request is served.
  static const Uuid& Current();

 private:
  const Uuid outer_;
};

}  // namespace claviger
