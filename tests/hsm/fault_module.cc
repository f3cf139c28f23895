// A PKCS#11 module that forwards to another one and fails on demand: for tests of keyring and daemon.
//
// Environment
//   CLAVIGER_FAULTS_MODULE  path of the real module
//   CLAVIGER_FAULTS_FILE    control file; absent file: no faults. Read again whenever it changes, so
//                           faults can be switched while a daemon runs. Replace it by rename, not in place.
//
// Control file, one rule a line, `#` starts a comment. F is a PKCS#11 function, such as C_Sign, or `*`.
//   F delay MS            each call takes that much longer
//   F hang                calls do not return while the rule stands
//   F error CODE          calls fail with CODE ("CKR_DEVICE_ERROR", "0x30") and do not reach the module
//   F error CODE times N  only the first N calls do
//   hsm-iv                the module makes GCM IVs itself and refuses an IV that is not 12 zero bytes
//   do close-sessions     once: closes every session of the process (login and session keys go too)
//   do logout             once: logs out
//   do finalize           once: C_Finalize, as another user of the module in this process would
//   do try WHAT           once: tries what a sandbox may forbid; forbidden_acts.h says what there is
// All rules of a function apply, in the order of the file. A line that is not understood makes every call
// fail with CKR_ARGUMENTS_BAD, so that a misspelt fault is noticed. `do` acts inside the next call.
//
// A process that runs destructors while a call waits here is aborted: under a call inside a real module they
// are undefined.
//
// Record: each C_Initialize, C_Finalize and C_Login is appended to CLAVIGER_FAULTS_FILE.calls, as
// "C_Login CKR_OK", and the IV that the caller gives for each AES-GCM encryption, as "IV 0102...",
// and what became of each `do try`, as "TRY socket EPERM".

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>

#include "hsm/failure.h"
#include "tests/hsm/fault_rules.h"
#include "tests/hsm/forbidden_acts.h"

namespace {

using namespace claviger::hsm;
using namespace claviger::hsm::tests;

CK_FUNCTION_LIST* real = nullptr;
CK_FUNCTION_LIST hooked;
FaultRules rules;

// Forwarded calls hold it shared, actions alone: SoftHSM crashes if a session is closed or the module
// finalised under a call in progress.
std::shared_mutex inside;

std::mutex state_mutex;  // guards what follows
std::map<CK_SESSION_HANDLE, CK_SLOT_ID> sessions;
struct PendingIv {
  CK_BYTE* caller = nullptr;
  std::array<CK_BYTE, 12> made{};
};
std::map<CK_SESSION_HANDLE, PendingIv> pending_ivs;

void Record(const char* subject, const std::string& fact) {
  const char* file = std::getenv("CLAVIGER_FAULTS_FILE");
  if (file == nullptr) return;
  const std::lock_guard lock(state_mutex);
  std::ofstream(std::string(file) + ".calls", std::ios::app) << subject << ' ' << fact << '\n';
}

void Record(const char* function, CK_RV rv) { Record(function, ReturnCodeName(rv)); }

void RecordIv(const CK_MECHANISM& mechanism) {
  if (mechanism.mechanism != CKM_AES_GCM) return;
  const auto& gcm = *static_cast<const CK_GCM_PARAMS*>(mechanism.pParameter);
  std::string hex;
  for (CK_ULONG i = 0; i < gcm.ulIvLen; ++i) {
    for (const int nibble : {gcm.pIv[i] >> 4, gcm.pIv[i] & 15}) hex += "0123456789abcdef"[nibble];
  }
  Record("IV", hex);
}

void Try(const std::string& what) {
  const int error = TryAct(what);
  Record("TRY", what + ' ' + (error == 0 ? "done" : strerrorname_np(error)));
}

void DoOnce(const std::string& what) {
  if (what.starts_with("try ")) return Try(what.substr(4));
  const std::lock_guard alone(inside);
  const std::lock_guard lock(state_mutex);
  if (what == "finalize") {
    real->C_Finalize(nullptr);
    sessions.clear();
  } else if (what == "logout") {
    if (!sessions.empty()) real->C_Logout(sessions.begin()->first);
  } else if (what == "close-sessions") {
    std::set<CK_SLOT_ID> slots;
    for (const auto& [session, slot] : sessions) slots.insert(slot);
    for (const CK_SLOT_ID slot : slots) real->C_CloseAllSessions(slot);
    sessions.clear();
  }
}

struct Waiting {
  std::atomic<int> calls{0};
  ~Waiting() {
    if (calls != 0) std::abort();
  }
} waiting;  // the last static: destroyed first

CK_RV Before(const char* function) {
  for (const std::string& what : rules.TakeActions()) DoOnce(what);
  ++waiting.calls;
  const CK_RV rv = rules.Apply(function);
  --waiting.calls;
  return rv;
}

// Forwards one member of the function list after the rules had their say.
template <auto Member, const char* Name>
struct Hook;
template <class... P, CK_RV (*CK_FUNCTION_LIST::*Member)(P...), const char* Name>
struct Hook<Member, Name> {
  static CK_RV Call(P... parameters) {
    if (const CK_RV rv = Before(Name); rv != CKR_OK) return rv;
    const std::shared_lock lock(inside);
    return (real->*Member)(parameters...);
  }
};

CK_RV Initialize(void* args) {
  CK_RV rv = Before("C_Initialize");
  if (rv == CKR_OK) rv = real->C_Initialize(args);
  Record("C_Initialize", rv);
  return rv;
}

CK_RV Finalize(void* reserved) {
  const CK_RV rv = real->C_Finalize(reserved);
  Record("C_Finalize", rv);
  const std::lock_guard lock(state_mutex);
  sessions.clear();
  pending_ivs.clear();
  return rv;
}

CK_RV Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE* pin, CK_ULONG pin_bytes) {
  CK_RV rv = Before("C_Login");
  const std::shared_lock lock(inside);
  if (rv == CKR_OK) rv = real->C_Login(session, user, pin, pin_bytes);
  Record("C_Login", rv);
  return rv;
}

CK_RV OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify,
                  CK_SESSION_HANDLE* session) {
  if (const CK_RV rv = Before("C_OpenSession"); rv != CKR_OK) return rv;
  const std::shared_lock inside_lock(inside);
  const CK_RV rv = real->C_OpenSession(slot, flags, application, notify, session);
  const std::lock_guard lock(state_mutex);
  if (rv == CKR_OK) sessions[*session] = slot;
  return rv;
}

CK_RV CloseSession(CK_SESSION_HANDLE session) {
  if (const CK_RV rv = Before("C_CloseSession"); rv != CKR_OK) return rv;
  {
    const std::lock_guard lock(state_mutex);
    sessions.erase(session);
    pending_ivs.erase(session);
  }
  const std::shared_lock lock(inside);
  return real->C_CloseSession(session);
}

CK_RV EncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  RecordIv(*mechanism);
  if (const CK_RV rv = Before("C_EncryptInit"); rv != CKR_OK) return rv;
  const std::shared_lock inside_lock(inside);
  if (!rules.hsm_iv() || mechanism->mechanism != CKM_AES_GCM)
    return real->C_EncryptInit(session, mechanism, key);
  auto* gcm = static_cast<CK_GCM_PARAMS*>(mechanism->pParameter);
  PendingIv iv{gcm->pIv, {}};
  const bool zeros = std::all_of(iv.caller, iv.caller + gcm->ulIvLen, [](CK_BYTE byte) { return byte == 0; });
  if (gcm->ulIvLen != iv.made.size() || !zeros) return CKR_MECHANISM_PARAM_INVALID;
  if (const CK_RV rv = real->C_GenerateRandom(session, iv.made.data(), iv.made.size()); rv != CKR_OK)
    return rv;
  CK_GCM_PARAMS own = *gcm;
  own.pIv = iv.made.data();
  CK_MECHANISM forwarded{CKM_AES_GCM, &own, sizeof own};
  const CK_RV rv = real->C_EncryptInit(session, &forwarded, key);
  const std::lock_guard lock(state_mutex);
  if (rv == CKR_OK) pending_ivs[session] = iv;
  return rv;
}

CK_RV Encrypt(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG data_bytes, CK_BYTE* out,
              CK_ULONG* out_bytes) {
  if (const CK_RV rv = Before("C_Encrypt"); rv != CKR_OK) return rv;
  const std::shared_lock inside_lock(inside);
  const CK_RV rv = real->C_Encrypt(session, data, data_bytes, out, out_bytes);
  const std::lock_guard lock(state_mutex);
  const auto iv = pending_ivs.find(session);
  if (iv == pending_ivs.end()) return rv;
  if (rv == CKR_OK) std::copy(iv->second.made.begin(), iv->second.made.end(), iv->second.caller);
  pending_ivs.erase(iv);
  return rv;
}

#define FORWARD(function)                                              \
  {                                                                    \
    static constexpr char kName[] = #function;                         \
    hooked.function = &Hook<&CK_FUNCTION_LIST::function, kName>::Call; \
  }

void HookFunctions() {
  hooked = *real;
  FORWARD(C_GetSlotList)
  FORWARD(C_GetTokenInfo)
  FORWARD(C_GetSessionInfo)
  FORWARD(C_FindObjectsInit)
  FORWARD(C_FindObjects)
  FORWARD(C_GetAttributeValue)
  FORWARD(C_GenerateKey)
  FORWARD(C_GenerateKeyPair)
  FORWARD(C_DestroyObject)
  FORWARD(C_WrapKey)
  FORWARD(C_UnwrapKey)
  FORWARD(C_DecryptInit)
  FORWARD(C_Decrypt)
  FORWARD(C_SignInit)
  FORWARD(C_Sign)
  FORWARD(C_GenerateRandom)
  hooked.C_Initialize = &Initialize;
  hooked.C_Finalize = &Finalize;
  hooked.C_Login = &Login;
  hooked.C_OpenSession = &OpenSession;
  hooked.C_CloseSession = &CloseSession;
  hooked.C_EncryptInit = &EncryptInit;
  hooked.C_Encrypt = &Encrypt;
}

bool LoadRealModule() {
  const char* path = std::getenv("CLAVIGER_FAULTS_MODULE");
  void* library = path != nullptr ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (library == nullptr) return false;
  const auto get = reinterpret_cast<CK_RV (*)(CK_FUNCTION_LIST**)>(dlsym(library, "C_GetFunctionList"));
  return get != nullptr && get(&real) == CKR_OK;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  static const bool loaded = [] {
    if (!LoadRealModule()) return false;
    HookFunctions();
    return true;
  }();
  if (!loaded) return CKR_GENERAL_ERROR;
  *list = &hooked;
  return CKR_OK;
}
