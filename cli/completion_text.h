#pragma once
// The files of packaging/completion/, embedded by the build.

namespace claviger::cli {

extern const char* const kBashCompletion;
extern const char* const kZshCompletion;
extern const char* const kFishCompletion;

}  // namespace claviger::cli
