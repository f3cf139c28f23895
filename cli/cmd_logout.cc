#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/keeping.h"
#include "cli/output.h"
#include "cli/renewal.h"

namespace claviger::cli {
namespace {

// The session's own server and token, whatever the flags and CLAVIGER_TOKEN say: they are what goes away.
// With the token go the refresh tokens of its login.
Status Revoke(const Context& context, Session session) {
  TRY(session, Renewed(context, std::move(session)));
  TRY(ApiClient api, context.Connect({session.url, session.ca_file}, session.token.Clone()));
  return api.Delete("/v1/auth/token");
}

// Nobody may write it back who renews it at this moment.
Status Remove(const SessionFile& file, const Context& context) {
  const auto turn = file.TakeTurn(context.timeout());
  if (!turn && turn.error().kind == ErrorKind::kUnavailable) return turn.as_failure();
  if (const auto session = file.Load(); session && session.value()) RemoveFromKeyring(*session.value());
  TRYV(file.Remove());
  return Ok();
}

Result<int> Logout(const Context& context) {
  TRY(const SessionFile file, SessionFile::Locate());
  auto session = file.Load();
  if (session && !session.value()) {
    if (context.json()) PrintJson({{"logged_out", false}, {"revoked", false}});
    Notice("Not logged in");
    return kExitOk;
  }
  std::string why;
  if (!session) {
    why = session.error().detail;
  } else if (auto revoked = Revoke(context, *std::move(session).value()); !revoked) {
    why = revoked.error().detail;
  }
  TRYV(Remove(file, context));
  if (context.json()) PrintJson({{"logged_out", true}, {"revoked", why.empty()}});
  if (why.empty()) {
    Notice("Logged out");
  } else {
    Complain(
        "The session is removed here, but the server could not be told to revoke its token, which lives on "
        "until it expires: " +
        why);
  }
  return kExitOk;
}

}  // namespace

void AddLogout(CLI::App& app, Action& chosen) {
  app.add_subcommand("logout", "Revoke the session's token and remove the session")->callback([&chosen] {
    chosen = Logout;
  });
}

}  // namespace claviger::cli
