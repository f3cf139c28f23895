#include "hsm/module.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <utility>

namespace claviger::hsm {

std::string TrimPadding(const unsigned char* text, size_t size) {
  while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\0')) --size;
  return {reinterpret_cast<const char*>(text), size};
}

Outcome<std::shared_ptr<Module>> Module::Load(const HsmConfig& config) {
  if (config.module_path.empty() || config.module_path.front() != '/') {
    return Refused(ErrorKind::kInvalid, "The path of the PKCS#11 module must be absolute");
  }
  void* library = dlopen(config.module_path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return Refused(ErrorKind::kInvalid, fmt::format("The PKCS#11 module cannot be loaded: {}",
                                                    why != nullptr ? why : "unknown error"));
  }
  const auto get_functions =
      reinterpret_cast<CK_RV (*)(CK_FUNCTION_LIST**)>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (get_functions == nullptr || get_functions(&functions) != CKR_OK || functions == nullptr) {
    return Refused(ErrorKind::kInvalid,
                   fmt::format("{} is not a PKCS#11 module: it has no function list", config.module_path));
  }
  return std::shared_ptr<Module>(new Module(functions, config.module_init_args));
}

Outcome<void> Module::Initialize() {
  // NSS declares one member more than PKCS#11 (its parameters stand where pReserved is) and reads it.
  struct {
    CK_C_INITIALIZE_ARGS standard;
    void* beyond;
  } args{};
  args.standard.flags = CKF_OS_LOCKING_OK;
  if (!init_args_.empty()) args.standard.pReserved = init_args_.data();
  const CK_RV rv = functions_->C_Initialize(&args.standard);
  if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    return Failure{Remedy::kNone, rv, "C_Initialize", ErrorKind::kUnavailable,
                   "The PKCS#11 module is already in use by another part of this process"};
  }
  TRYV(Check(rv, "C_Initialize"));
  epoch_.store(++epochs_started_, std::memory_order_release);
  return ReadDescription();
}

void Module::Finalize() {
  if (epoch_.exchange(0, std::memory_order_acq_rel) == 0) return;
  // CKR_CRYPTOKI_NOT_INITIALIZED if somebody else finalised it: then the work is done.
  functions_->C_Finalize(nullptr);
}

Outcome<void> Module::ReadDescription() {
  CK_INFO info{};
  TRYV(Check(functions_->C_GetInfo(&info), "C_GetInfo"));
  description_ = fmt::format("{} {}.{}", TrimPadding(info.libraryDescription, sizeof info.libraryDescription),
                             info.libraryVersion.major, info.libraryVersion.minor);
  return Ok();
}

}  // namespace claviger::hsm
