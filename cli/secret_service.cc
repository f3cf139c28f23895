#include "cli/secret_service.h"

#include <dlfcn.h>
#include <libsecret/secret.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "cli/apart.h"
#include "cli/context.h"

namespace claviger::cli::secret_service {
namespace {

constexpr std::chrono::seconds kLimit{5};
constexpr char kName[] = "org.freedesktop.secrets";
constexpr char kSchemaName[] = "org.claviger.RefreshToken";

Error NoKeyring() { return NotFound("there is none"); }
Error Unusable(const char* why) { return MakeError(ErrorKind::kUnavailable, why); }
Error Unusable(const GError* error) { return Unusable(error->message); }
Error Locked() { return Unusable("it is locked"); }

// Without either GLib would start a bus of its own where there is a display.
bool HasSessionBus() {
  if (!Environment("DBUS_SESSION_BUS_ADDRESS").empty()) return true;
  const std::string socket = Environment("XDG_RUNTIME_DIR") + "/bus";
  struct stat info {};
  return stat(socket.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

// CALL(secret_item_get_locked)(item): a function of libsecret, or of the GLib that it brings along. The
// library is loaded where it is used: the command line starts without it, and runs where it is not installed.
#define CALL(function) (*reinterpret_cast<decltype(&::function)>(dlsym(library_, #function)))

// Only ever made in a copy of this process that ends after one call (cli/apart.h): nothing here is freed.
class Keyring {
 public:
  static Result<Keyring> Open();
  Status Store(const Account& account, const SecretBytes& token);
  Result<SecretBytes> Find(const Account& account);
  Status Remove(const Account& account);

 private:
  explicit Keyring(void* library) : library_(library) {}
  Status Connect();
  Result<uint32_t> Owner(GDBusConnection* bus);
  Result<uint32_t> AskBus(GDBusConnection* bus, const char* method, GVariant* arguments);
  GHashTable* Attributes(const Account& account);
  Result<std::vector<SecretItem*>> Items(const Account& account);

  void* library_;
  SecretSchema* schema_ = nullptr;
  SecretService* service_ = nullptr;
};

Result<Keyring> Keyring::Open() {
  void* library = dlopen("libsecret-1.so.0", RTLD_NOW);
  if (!library) return NoKeyring();
  Keyring keyring(library);
  TRYV(keyring.Connect());
  return keyring;
}

// A number from the bus itself. kNotFound if nobody has the name that it is asked about, or can be started
// under it.
Result<uint32_t> Keyring::AskBus(GDBusConnection* bus, const char* method, GVariant* arguments) {
  constexpr char kBus[] = "org.freedesktop.DBus";
  GError* error = nullptr;
  GVariant* answer = CALL(g_dbus_connection_call_sync)(bus, kBus, "/org/freedesktop/DBus", kBus, method,
                                                       arguments, CALL(g_variant_type_new)("(u)"),
                                                       G_DBUS_CALL_FLAGS_NONE, -1, nullptr, &error);
  if (!answer && error->domain == CALL(g_dbus_error_quark)() &&
      (error->code == G_DBUS_ERROR_NAME_HAS_NO_OWNER || error->code == G_DBUS_ERROR_SERVICE_UNKNOWN)) {
    return NoKeyring();
  }
  if (!answer) return Unusable(error);
  guint32 number = 0;
  CALL(g_variant_get)(answer, "(u)", &number);
  return number;
}

// The user whose keyring it is, which the bus starts if need be.
Result<uint32_t> Keyring::Owner(GDBusConnection* bus) {
  const auto ask = [&] { return AskBus(bus, "GetConnectionUnixUser", CALL(g_variant_new)("(s)", kName)); };
  auto owner = ask();
  if (owner || owner.error().kind != ErrorKind::kNotFound) return owner;
  TRYV(AskBus(bus, "StartServiceByName", CALL(g_variant_new)("(su)", kName, 0)));
  return ask();
}

Status Keyring::Connect() {
  GError* error = nullptr;
  GDBusConnection* bus = CALL(g_bus_get_sync)(G_BUS_TYPE_SESSION, nullptr, &error);
  if (!bus) return NoKeyring();
  TRY(const uint32_t owner, Owner(bus));
  if (owner != geteuid()) return Unusable("it belongs to another user");
  service_ = CALL(secret_service_get_sync)(SECRET_SERVICE_OPEN_SESSION, nullptr, &error);
  if (!service_) return Unusable(error);
  schema_ = CALL(secret_schema_new)(kSchemaName, SECRET_SCHEMA_NONE, "url", SECRET_SCHEMA_ATTRIBUTE_STRING,
                                    "email", SECRET_SCHEMA_ATTRIBUTE_STRING, nullptr);
  return Ok();
}

GHashTable* Keyring::Attributes(const Account& account) {
  return CALL(secret_attributes_build)(schema_, "url", account.url.c_str(), "email", account.email.c_str(),
                                       nullptr);
}

Status Keyring::Store(const Account& account, const SecretBytes& token) {
  GError* error = nullptr;
  SecretCollection* collection = CALL(secret_collection_for_alias_sync)(
      service_, SECRET_COLLECTION_DEFAULT, SECRET_COLLECTION_NONE, nullptr, &error);
  if (error) return Unusable(error);
  if (!collection) return Unusable("it has no default collection");
  if (CALL(secret_collection_get_locked)(collection)) return Locked();
  const std::string label = "Claviger: " + account.email + " at " + account.url;
  SecretValue* value =
      CALL(secret_value_new)(token.Text().data(), static_cast<gssize>(token.size()), "text/plain");
  if (!CALL(secret_item_create_sync)(collection, schema_, Attributes(account), label.c_str(), value,
                                     SECRET_ITEM_CREATE_REPLACE, nullptr, &error)) {
    return Unusable(error);
  }
  return Ok();
}

// In whichever collections.
Result<std::vector<SecretItem*>> Keyring::Items(const Account& account) {
  GError* error = nullptr;
  const auto flags = static_cast<SecretSearchFlags>(SECRET_SEARCH_ALL | SECRET_SEARCH_LOAD_SECRETS);
  const GList* found =
      CALL(secret_service_search_sync)(service_, schema_, Attributes(account), flags, nullptr, &error);
  if (error) return Unusable(error);
  std::vector<SecretItem*> items;
  for (; found; found = found->next) items.push_back(static_cast<SecretItem*>(found->data));
  return items;
}

// If the person has changed the default collection, an older one may still hold what was stored there.
Result<SecretBytes> Keyring::Find(const Account& account) {
  TRY(const auto items, Items(account));
  if (items.empty()) return NotFound("it does not hold the token any more");
  SecretItem* newest = *std::max_element(items.begin(), items.end(), [this](SecretItem* a, SecretItem* b) {
    return CALL(secret_item_get_modified)(a) < CALL(secret_item_get_modified)(b);
  });
  if (CALL(secret_item_get_locked)(newest)) return Locked();
  SecretValue* value = CALL(secret_item_get_secret)(newest);
  if (!value) return Unusable("it does not give the token away");
  gsize size = 0;
  const gchar* text = CALL(secret_value_get)(value, &size);
  return SecretBytes(std::string_view(text, size));
}

Status Keyring::Remove(const Account& account) {
  TRY(const auto items, Items(account));
  for (SecretItem* item : items) {
    if (CALL(secret_item_get_locked)(item)) return Locked();
    GError* error = nullptr;
    if (!CALL(secret_item_delete_sync)(item, nullptr, &error)) return Unusable(error);
  }
  return Ok();
}

Result<SecretBytes> InKeyring(const std::function<Result<SecretBytes>(Keyring&)>& work) {
  if (!HasSessionBus()) return NoKeyring();
  return RunApart(kLimit, [&]() -> Result<SecretBytes> {
    TRY(Keyring keyring, Keyring::Open());
    return work(keyring);
  });
}

}  // namespace

Status Store(const Account& account, const SecretBytes& token) {
  TRYV(InKeyring([&](Keyring& keyring) -> Result<SecretBytes> {
    TRYV(keyring.Store(account, token));
    return SecretBytes();
  }));
  return Ok();
}

Result<SecretBytes> Find(const Account& account) {
  return InKeyring([&](Keyring& keyring) { return keyring.Find(account); });
}

Status Remove(const Account& account) {
  const auto removed = InKeyring([&](Keyring& keyring) -> Result<SecretBytes> {
    TRYV(keyring.Remove(account));
    return SecretBytes();
  });
  if (!removed && removed.error().kind != ErrorKind::kNotFound) return removed.as_failure();
  return Ok();
}

}  // namespace claviger::cli::secret_service
