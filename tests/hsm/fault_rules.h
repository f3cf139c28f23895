#pragma once
// The control file of the fault module; syntax at the top of fault_module.cc.

#include <p11-kit/pkcs11.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace claviger::hsm::tests {

class FaultRules {
 public:
  // Waits and fails as the rules for this function say; CKR_OK: go on to the real module.
  CK_RV Apply(const std::string& function);
  bool hsm_iv();
  // Each `do` line once for each version of the file.
  std::vector<std::string> TakeActions();

 private:
  enum class Kind : uint8_t { kDelay, kHang, kError };
  struct Rule {
    std::string function;
    Kind kind = Kind::kDelay;
    std::chrono::milliseconds delay{0};
    CK_RV rv = CKR_OK;
    std::atomic<int64_t> left{INT64_MAX};
  };
  struct File {
    std::vector<std::unique_ptr<Rule>> rules;
    std::vector<std::string> actions;
    bool hsm_iv = false;
    bool malformed = false;
  };
  std::shared_ptr<const File> Current();
  bool Changed(const std::string& path);
  static std::shared_ptr<File> Parse(const std::string& path);
  static bool ParseLine(const std::string& line, File& file);
  bool Hangs(const std::string& function);

  std::mutex mutex_;  // guards everything below
  struct stat seen_ {};
  std::shared_ptr<const File> file_ = std::make_shared<File>();
  std::vector<std::string> actions_;
};

}  // namespace claviger::hsm::tests
