#include "crypto/provider/call_state.h"

#include <utility>

namespace claviger::crypto::provider {
namespace {

thread_local int depth = 0;
thread_local std::optional<Error> failure;

}  // namespace

OutwardCall::OutwardCall() : permitted_(++depth == 1) {
  if (!permitted_) NoteFailure(Internal("a call of the OpenSSL provider led into it again"));
}

OutwardCall::~OutwardCall() { --depth; }

void NoteFailure(Error error) { failure = std::move(error); }

std::optional<Error> TakeFailure() { return std::exchange(failure, std::nullopt); }

}  // namespace claviger::crypto::provider
