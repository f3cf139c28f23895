#include "cli/variable_name.h"

#include <algorithm>
#include <iterator>

namespace claviger::cli {
namespace {

constexpr size_t kMaxNameBytes = 255;

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameChar(char c) { return IsDigit(c) || c == '_' || (Upper(c) >= 'A' && Upper(c) <= 'Z'); }

// Whole names, or beginnings where they end in '*'.
constexpr std::string_view kUnsafe[] = {
    // the dynamic loader and the C library
    "LD_*", "DYLD_*", "GCONV_PATH", "GLIBC_TUNABLES", "MALLOC_*", "NLSPATH", "LOCPATH", "LOCALDOMAIN",
    "HOSTALIASES", "RES_OPTIONS", "NIS_PATH", "GETCONF_DIR", "RESOLV_*", "TZDIR",
    // shells
    "PATH", "IFS", "ENV", "BASH*", "SHELLOPTS", "PS1", "PS2", "PS3", "PS4", "PROMPT*", "CDPATH", "GLOBIGNORE",
    "FPATH", "ZDOTDIR", "ZSH*", "FISH_*", "POSIXLY_CORRECT", "_",
    // what finds a person's or the system's configuration and programs
    "HOME", "SHELL", "USER", "LOGNAME", "PWD", "OLDPWD", "TMPDIR", "TEMP", "TMP", "XDG_*", "EDITOR", "VISUAL",
    "PAGER", "MANPAGER", "BROWSER", "LESS", "LESSOPEN", "LESSCLOSE", "TERM", "TERMCAP", "TERMINFO*",
    "SYSTEMD_*", "NOTIFY_SOCKET", "LISTEN_*", "CLAVIGER_*",
    // interpreters and run-times
    "PYTHON*", "PERL*", "RUBY*", "GEM_*", "BUNDLE_*", "NODE_*", "NPM_CONFIG_*", "DENO_*", "JAVA_*", "_JAVA_*",
    "JDK_*", "CLASSPATH", "MAVEN_*", "GRADLE_*", "DOTNET_*", "CORECLR_*", "COMPLUS_*", "PHP*", "LUA_*",
    "TCL*", "ERL_*", "ELIXIR_*", "GUILE_*", "R_*",
    // tools that run commands named in the environment, and libraries that load engines
    "GIT_*", "SSH_ASKPASS*", "SUDO_*", "RUSTC*", "CARGO_*", "GO*", "MAKE*", "CMAKE_*", "OPENSSL_*",
    "KUBECONFIG", "DOCKER_*"};

bool Matches(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return name == pattern;
}

}  // namespace

std::string VariableNameOf(std::string_view path) {
  std::string name(path);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c == '/' || c == '-' ? '_' : Upper(c); });
  return name;
}

bool IsVariableName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && !IsDigit(name.front()) &&
         std::all_of(name.begin(), name.end(), IsNameChar);
}

bool IsUnsafeVariable(std::string_view name) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(), Upper);
  return std::any_of(std::begin(kUnsafe), std::end(kUnsafe),
                     [&](auto pattern) { return Matches(pattern, upper); });
}

Status CheckVariable(std::string_view name, bool allow_unsafe) {
  if (!IsVariableName(name)) {
    return Invalid("'" + std::string(name) + "' cannot name an environment variable; use --secret NAME=PATH");
  }
  if (!allow_unsafe && IsUnsafeVariable(name)) {
    return Invalid(std::string(name) +
                   " changes how programs run; choose another name with --secret NAME=PATH, or give "
                   "--allow-unsafe-names");
  }
  return Ok();
}

}  // namespace claviger::cli
