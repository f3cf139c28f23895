#include "base/request_scope.h"

#include <utility>

namespace claviger {
namespace {

thread_local Uuid current{};

}  // namespace

RequestScope::RequestScope(const Uuid& request) : outer_(std::exchange(current, request)) {}

RequestScope::~RequestScope() { current = outer_; }

const Uuid& RequestScope::Current() { return current; }

}  // namespace claviger
