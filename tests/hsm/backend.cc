#include "tests/hsm/backend.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace claviger::hsm::tests {

ScratchDirectory::ScratchDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "claviger-hsm-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchDirectory::Write(const std::string& name, const std::string& content,
                                    unsigned mode) const {
  const std::string path = path_ + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  REQUIRE(chmod(path.c_str(), mode) == 0);
  return path;
}

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Kit::Initialize(const HsmConfig& config) {
  const auto report = InitializeToken(config, clock, random, log);
  if (!report) FAIL(report.error().detail, " / ", report.error().cause);
}

std::unique_ptr<crypto::Keyring> Kit::Open(const HsmConfig& config) {
  auto keyring = OpenKeyring(config, clock, random, log);
  if (!keyring) FAIL(keyring.error().detail, " / ", keyring.error().cause);
  return std::move(keyring).value();
}

}  // namespace claviger::hsm::tests
