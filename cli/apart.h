#pragma once
// For libraries that may hang, crash, or leave threads behind: they are called in a copy of this process,
// which has a limited time and takes with it whatever they allocated.

#include <chrono>
#include <functional>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::cli {

// What `work` returns, of an error kind and sentence; what it changes in memory is lost. kUnavailable if it
// takes longer than `limit`, or ends without an answer. The copy never outlives the call, nor this process.
Result<SecretBytes> RunApart(std::chrono::milliseconds limit,
                             const std::function<Result<SecretBytes>()>& work);

}  // namespace claviger::cli
