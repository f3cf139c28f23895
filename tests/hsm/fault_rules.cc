#include "tests/hsm/fault_rules.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "hsm/failure.h"

namespace claviger::hsm::tests {

namespace {

bool ParseCode(const std::string& text, CK_RV& rv) {
  if (text.compare(0, 2, "0x") == 0) {
    rv = std::strtoul(text.c_str(), nullptr, 16);
    return rv != CKR_OK;
  }
  for (rv = 1; rv < 0x400; ++rv) {
    if (ReturnCodeName(rv) == text) return true;
  }
  return false;
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

bool FaultRules::ParseLine(const std::string& line, File& file) {
  std::istringstream words(line.substr(0, line.find('#')));
  std::string first;
  std::string second;
  std::string third;
  if (!(words >> first)) return true;
  if (first == "hsm-iv") return file.hsm_iv = true;
  if (!(words >> second)) return false;
  if (first == "do") {
    if (second == "try") {
      std::getline(words >> std::ws, third);
      file.actions.push_back("try " + third);
      return !third.empty();
    }
    file.actions.push_back(second);
    return second == "close-sessions" || second == "logout" || second == "finalize";
  }
  auto rule = std::make_unique<Rule>();
  rule->function = first;
  if (second == "hang") {
    rule->kind = Kind::kHang;
  } else if (second == "delay" && words >> third) {
    rule->delay = std::chrono::milliseconds(std::atoi(third.c_str()));
  } else if (second == "error" && words >> third && ParseCode(third, rule->rv)) {
    rule->kind = Kind::kError;
    int64_t times = 0;
    std::string keyword;
    if (words >> keyword) {
      if (keyword != "times" || !(words >> times)) return false;
      rule->left = times;
    }
  } else {
    return false;
  }
  file.rules.push_back(std::move(rule));
  return !(words >> third);
}

std::shared_ptr<FaultRules::File> FaultRules::Parse(const std::string& path) {
  auto file = std::make_shared<File>();
  std::ifstream stream(path);
  std::string line;
  while (std::getline(stream, line)) {
    if (!ParseLine(line, *file)) file->malformed = true;
  }
  return file;
}

bool FaultRules::Changed(const std::string& path) {
  struct stat now {};
  if (stat(path.c_str(), &now) != 0) now = {};
  if (SameFile(now, seen_)) return false;
  seen_ = now;
  return true;
}

std::shared_ptr<const FaultRules::File> FaultRules::Current() {
  const char* path = std::getenv("CLAVIGER_FAULTS_FILE");
  const std::lock_guard lock(mutex_);
  if (path != nullptr && Changed(path)) {
    auto parsed = Parse(path);
    actions_ = parsed->actions;
    file_ = std::move(parsed);
  }
  return file_;
}

bool FaultRules::hsm_iv() { return Current()->hsm_iv; }

std::vector<std::string> FaultRules::TakeActions() {
  (void)Current();
  const std::lock_guard lock(mutex_);
  return std::exchange(actions_, {});
}

bool FaultRules::Hangs(const std::string& function) {
  for (const auto& rule : Current()->rules) {
    if (rule->kind == Kind::kHang && (rule->function == function || rule->function == "*")) return true;
  }
  return false;
}

CK_RV FaultRules::Apply(const std::string& function) {
  const auto file = Current();
  if (file->malformed) return CKR_ARGUMENTS_BAD;
  for (const auto& rule : file->rules) {
    if (rule->function != function && rule->function != "*") continue;
    switch (rule->kind) {
      case Kind::kDelay:
        std::this_thread::sleep_for(rule->delay);
        break;
      case Kind::kHang:
        while (Hangs(function)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        break;
      case Kind::kError:
        if (rule->left.fetch_sub(1) > 0) return rule->rv;
        break;
    }
  }
  return CKR_OK;
}

}  // namespace claviger::hsm::tests
