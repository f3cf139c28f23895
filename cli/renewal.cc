#include "cli/renewal.h"

#include "api/device/device_wire.h"
#include "cli/keeping.h"

namespace claviger::cli {
namespace {

constexpr std::chrono::seconds kMargin{60};
// The answer to the first may be lost: the server takes the same token once more within a minute.
constexpr int kTries = 2;

bool IsGood(const Session& session) { return session.expires_at > SystemClock().Now() + kMargin; }

Result<api::DeviceTokenAnswer> Exchange(const Context& context, const Session& session) {
  TRY(SecretBytes token, RefreshTokenOf(session));
  TRY(ApiClient api, context.Connect({session.url, session.ca_file}, {}));
  const SecretBytes request =
      api::EncodeDeviceToken({api::DeviceTokenRequest::Grant::kRefreshToken, std::move(token)});
  for (int attempt = 1;; ++attempt) {
    auto json = api.PostText("/v1/auth/device/token", request.Text());
    if (!json && json.error().kind == ErrorKind::kUnavailable && attempt < kTries) continue;
    TRYV(json);
    auto answer = api::DecodeDeviceTokenAnswer(json.value());
    api::WipeStrings(json.value());
    return answer;
  }
}

void Take(api::DeviceGrant grant, Session& session, const SessionFile& file) {
  session.token = SecretBytes(grant.token.token);
  Wipe(grant.token.token.data(), grant.token.token.size());
  session.expires_at = SystemClock().Now() + std::chrono::seconds(grant.token.expires_in);
  if (!grant.refresh_token) return;
  session.refresh_token = *std::move(grant.refresh_token);
  if (session.in_keyring) MoveToKeyring(session, file);
}

// The server takes the refresh token no more.
void Lose(Session& session) {
  if (session.in_keyring) RemoveFromKeyring(session);
  session.refresh_token.Clear();
  session.in_keyring = false;
}

}  // namespace

Result<Session> Renewed(const Context& context, Session session) {
  if (!session.CanRenew() || IsGood(session)) return session;
  TRY(const SessionFile file, SessionFile::Locate());
  TRY(const Fd turn, file.TakeTurn(context.timeout()));
  // Another process may have renewed it meanwhile, or logged out.
  TRY(auto stored, file.Load());
  if (!stored) return MakeError(ErrorKind::kUnauthenticated, "Logged out meanwhile; run 'claviger login'");
  session = *std::move(stored);
  if (!session.CanRenew() || IsGood(session)) return session;

  auto answer = Exchange(context, session);
  if (!answer) {
    if (session.expires_at > SystemClock().Now()) return session;
    return std::move(answer).as_failure();
  }
  if (auto* grant = std::get_if<api::DeviceGrant>(&answer.value())) {
    Take(std::move(*grant), session, file);
  } else {
    Lose(session);
  }
  TRYV(file.Save(session));
  return session;
}

}  // namespace claviger::cli
