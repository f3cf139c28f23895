#pragma once
// Names of environment variables that secrets may take.

#include <string>
#include <string_view>

#include "base/error.h"

namespace claviger::cli {

// "db/pass-word" -> "DB_PASS_WORD": upper case, '/' and '-' become '_'. The result may still be unusable.
std::string VariableNameOf(std::string_view path);

// [A-Za-z_][A-Za-z0-9_]*, at most 255 bytes.
bool IsVariableName(std::string_view name);

// True for names with which an environment steers what code a program loads or runs (LD_PRELOAD, PATH,
// BASH_ENV, PYTHONPATH, NODE_OPTIONS, GIT_SSH_COMMAND, ...): whoever may write a secret must not thereby get
// to run code where it is used. The comparison ignores case.
bool IsUnsafeVariable(std::string_view name);

// kInvalid with the reason if a secret must not get this name.
Status CheckVariable(std::string_view name, bool allow_unsafe);

}  // namespace claviger::cli
