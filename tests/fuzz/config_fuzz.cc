// Configuration files: what is accepted prints as a configuration that means the same, and a refusal is one
// line that quotes nothing but a key.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/config.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::daemon;
using fuzz::Require;

namespace {

int MakeFile() {
  const int file = ::memfd_create("config", MFD_CLOEXEC);
  Require(file >= 0 && ::fchmod(file, S_IRUSR | S_IWUSR) == 0, "there is a private file");
  return file;
}

Result<Config> Load(std::string_view text) {
  static const int file = MakeFile();
  const bool written = ::ftruncate(file, 0) == 0 &&
                       ::pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  Require(written, "the file can be written");
  return LoadConfig({.flags = {}, .file = "/proc/self/fd/" + std::to_string(file)});
}

void CheckRefusal(const Error& error) {
  Require(error.kind == ErrorKind::kInvalid && !error.detail.empty(), "refusals say why");
  const auto printable = [](char c) { return c >= 0x20 && c < 0x7F; };
  Require(std::all_of(error.detail.begin(), error.detail.end(), printable), "a refusal is one line");
}

// One value of each type.
bool Same(const Config& a, const Config& b) {
  return a.dev == b.dev && a.log_level == b.log_level && a.memory_lock == b.memory_lock &&
         a.startup_wait == b.startup_wait && a.listen == b.listen && a.http.io_threads == b.http.io_threads &&
         a.database.conninfo == b.database.conninfo && a.hsm.gcm_iv == b.hsm.gcm_iv && a.signup == b.signup;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config = Load(fuzz::Text(data, size));
  if (!config) {
    CheckRefusal(config.error());
    return 0;
  }
  const std::string printed = PrintConfig(config.value());
  const auto again = Load(printed);
  Require(again && PrintConfig(again.value()) == printed && Same(again.value(), config.value()),
          "a configuration prints back");
  return 0;
}
