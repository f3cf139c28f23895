#include "api/mfa/mfa.h"

#include "api/mfa/recovery_code.h"
#include "api/system_keks/system_keks_store.h"
#include "crypto/canonical.h"
#include "crypto/credential.h"
#include "crypto/record_seal.h"
#include "crypto/totp.h"

namespace claviger::api {
namespace {

constexpr std::string_view kTokenPrefix = "mfa_";
constexpr std::string_view kTokenPurpose = "claviger/mfa-token/1";
constexpr std::string_view kIssuerName = "Claviger";

Mfa::Owner OwnerOf(const Principal& principal) { return {principal.org, UserId{principal.id}}; }

// The refusal's reason is for the audit log alone.
Error WrongCode(AuditDraft& audit, std::string reason) {
  audit.AddDetail("reason", reason);
  return MakeError(ErrorKind::kUnauthenticated, std::string(Mfa::kInvalidCode), std::move(reason));
}
Error DeadChallenge(AuditDraft& audit, std::string reason) {
  audit.AddDetail("reason", reason);
  return Unauthenticated(std::move(reason));
}
Error WrongProof(AuditDraft& audit, std::string reason) {
  audit.AddDetail("reason", reason);
  return MakeError(ErrorKind::kInvalid, "Invalid code or password", std::move(reason));
}

// Addresses are ASCII of the plain form; what a URI keeps for itself is escaped.
std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (kPlain.find(c) != kPlain.npos) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

// Algorithm, digits and period are what apps take unasked; without them the QR code fits 24 lines.
SecretBytes OtpauthUri(std::string_view email, const SecretBytes& secret) {
  std::string uri = "otpauth://totp/" + std::string(kIssuerName) + ":" + PercentEncode(email) + "?secret=";
  uri += secret.Text();
  uri += "&issuer=" + std::string(kIssuerName);
  SecretBytes kept{std::string_view(uri)};
  Wipe(uri.data(), uri.size());
  return kept;
}

}  // namespace

Bytes PlaceOfFactor(const mfa_store::Owner& owner) {
  return crypto::CanonicalWriter("claviger/totp/1").Field(owner.org.Bytes()).Field(owner.user.Bytes()).Take();
}

Result<bool> Mfa::Enabled(const Owner& owner) {
  TRY(const auto factor, FindFactor(owner));
  return factor && factor->enabled;
}

Result<std::optional<mfa_store::Factor>> Mfa::FindFactor(const Owner& owner) {
  TRY(auto lease, parts_.pool.Acquire());
  return mfa_store::Find(*lease, owner);
}

Result<MfaSetup> Mfa::Setup(const Principal& principal, AuditDraft& audit) {
  const Owner owner = OwnerOf(principal);
  audit.SetResource("user", owner.user.ToString());
  SecretBytes raw(crypto::kTotpSecretBytes);
  parts_.random.Fill({raw.data(), raw.size()});
  TRY(auto secret, crypto::Base32(raw.View()));
  mfa_store::Factor factor;
  factor.id = NewUuidV7(parts_.clock, parts_.random);
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(factor.kek, system_keks_store::Newest(*lease));
  }
  TRY(factor.sealed_secret,
      crypto::SealRecord(parts_.keyring, parts_.random, factor.kek, PlaceOfFactor(owner), raw.View()));

  TRY(auto lease, parts_.pool.Acquire());
  TRY(const auto profile, auth_store::FindProfile(*lease, owner.org, owner.user));
  if (!profile) return Unauthenticated("the account is gone");
  TRY(auto transaction, lease->Begin());
  TRY(const bool put, mfa_store::PutPending(*lease, owner, factor, parts_.clock.Now()));
  if (!put) return Invalid("A second factor is already enabled");
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  SecretBytes uri = OtpauthUri(profile->email, secret);
  return MfaSetup{std::move(uri), std::move(secret)};
}

Result<std::vector<SecretBytes>> Mfa::VerifySetup(const Principal& principal, const SecretBytes& code,
                                                  AuditDraft& audit) {
  const Owner owner = OwnerOf(principal);
  audit.SetResource("user", owner.user.ToString());
  TRY(const auto factor, FindFactor(owner));
  if (!factor || factor->enabled) return Invalid("No setup of a second factor is pending");
  TRY(const auto step, MatchStep(owner, *factor, code));
  if (!step) return Invalid("Invalid code");
  TRY(auto codes, NewRecoveryCodes(parts_.random));
  std::vector<crypto::LookupMac> macs;
  for (const auto& recovery : codes) {
    TRY(auto mac, RecoveryCodeMac(parts_.keyring, owner.user, recovery));
    macs.push_back(std::move(mac));
  }

  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool enabled, mfa_store::Enable(*lease, owner, *factor, *step, parts_.clock.Now()));
  if (!enabled) return Invalid("No setup of a second factor is pending");
  TRYV(mfa_store::InsertRecoveryCodes(*lease, owner, macs));
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return codes;
}

Result<std::optional<int64_t>> Mfa::MatchStep(const Owner& owner, const mfa_store::Factor& factor,
                                              const SecretBytes& code) {
  TRY(const auto secret,
      crypto::OpenRecord(parts_.keyring, factor.kek, PlaceOfFactor(owner), factor.sealed_secret));
  return crypto::MatchTotp(secret, parts_.clock.Now(), factor.last_step, code.Text());
}

Result<Mfa::Proof> Mfa::Examine(const Owner& owner, const mfa_store::Factor& factor,
                                const SecretBytes& code) {
  Proof proof;
  if (crypto::IsTotpCode(code.Text())) {
    proof.kind = Proof::Kind::kTotp;
    TRY(proof.step, MatchStep(owner, factor, code));
  } else if (const auto recovery = NormalizeRecoveryCode(code.Text())) {
    proof.kind = Proof::Kind::kRecoveryCode;
    TRY(proof.macs, RecoveryCodeMacs(parts_.keyring, owner.user, *recovery));
  }
  return proof;
}

Result<Permit> Mfa::MayTry(const Proof& proof, const Guesser& guesser, AuditDraft& audit) {
  if (proof.kind == Proof::Kind::kNone) return Permit{};
  const Guess guess = proof.kind == Proof::Kind::kTotp ? Guess::kTotp : Guess::kRecovery;
  return parts_.guesses.Take(guess, guesser, audit);
}

Result<Guesser> Mfa::GuesserOf(const Owner& owner, const std::string& client) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(const auto profile, auth_store::FindProfile(*lease, owner.org, owner.user));
  if (!profile) return Unauthenticated("the account is gone");
  return Guesser{client, profile->email};
}

Result<bool> Mfa::Spend(schema::Connection& connection, const Owner& owner, const mfa_store::Factor& seen,
                        const Proof& proof) {
  TRY(const bool locked, mfa_store::Lock(connection, owner, seen));
  if (!locked) return false;
  if (proof.step) return mfa_store::SpendStep(connection, owner, *proof.step);
  if (proof.kind != Proof::Kind::kRecoveryCode) return false;
  return mfa_store::SpendRecoveryCode(connection, owner, proof.macs);
}

Result<AccessToken> Mfa::Verify(const MfaVerifyRequest& request, const std::string& client,
                                AuditDraft& audit) {
  const Time now = parts_.clock.Now();  // before the user is read, see auth.h
  if (!crypto::HasCredentialForm(kTokenPrefix, request.mfa_token.Text())) {
    return DeadChallenge(audit, "malformed challenge");
  }
  TRY(const auto macs, crypto::CredentialMacs(parts_.keyring, kTokenPurpose, request.mfa_token.Text()));
  std::optional<mfa_store::Challenge> challenge;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(challenge, mfa_store::FindChallenge(*lease, macs));
  }
  if (!challenge) return DeadChallenge(audit, "unknown challenge");
  const Owner& owner = challenge->owner;
  audit.SetActor("anonymous", "", owner.org);
  audit.SetResource("user", owner.user.ToString());
  if (challenge->expires_at <= now) return DeadChallenge(audit, "expired challenge");
  if (challenge->tries >= kTriesPerChallenge) return DeadChallenge(audit, "burnt challenge");

  TRY(const Proof proof, Examine(owner, challenge->factor, request.code));
  TRY(const auto permit, MayTry(proof, {client, challenge->email}, audit));
  auto token = Redeem(*challenge, proof, now, audit);
  parts_.guesses.Settle(permit, token);
  return token;
}

Result<AccessToken> Mfa::Redeem(const mfa_store::Challenge& challenge, const Proof& proof, Time now,
                                AuditDraft& audit) {
  const Owner& owner = challenge.owner;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(const bool counted, mfa_store::CountChallengeTry(*lease, challenge, kTriesPerChallenge));
    if (!counted) return WrongCode(audit, "too many tries");
  }
  if (proof.kind == Proof::Kind::kNone) return WrongCode(audit, "neither code");
  if (proof.kind == Proof::Kind::kTotp && !proof.step) return WrongCode(audit, "wrong or spent code");
  TRY(auto token, parts_.tokens.Issue(owner.org, owner.user, now, challenge.tokens_valid_from));

  AuditDraft success = audit;
  success.SetAction("auth.success");
  success.SetActor("user", owner.user.ToString(), owner.org);
  success.AddDetail("factor", proof.step ? "totp" : "recovery_code");
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool spent, Spend(*lease, owner, challenge.factor, proof));
  if (!spent) return WrongCode(audit, "wrong or spent code");
  TRY(const bool redeemed, mfa_store::SpendChallenge(*lease, challenge));
  if (!redeemed) return DeadChallenge(audit, "challenge is gone");
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(success, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return token;
}

Status Mfa::Disable(const Principal& principal, const MfaDisableRequest& request, const std::string& client,
                    AuditDraft& audit) {
  const Owner owner = OwnerOf(principal);
  audit.SetResource("user", owner.user.ToString());
  if (request.code) return DisableByCode(owner, *request.code, client, audit);
  return DisableByPassword(owner, *request.password, client, audit);
}

Status Mfa::DisableByCode(const Owner& owner, const SecretBytes& code, const std::string& client,
                          AuditDraft& audit) {
  TRY(const auto factor, FindFactor(owner));
  if (!factor || !factor->enabled) return Invalid("No second factor is enabled");
  TRY(const auto guesser, GuesserOf(owner, client));
  TRY(const Proof proof, Examine(owner, *factor, code));
  TRY(const auto permit, MayTry(proof, guesser, audit));
  const auto deleted = DeleteByProof(owner, *factor, proof, audit);
  parts_.guesses.Settle(permit, deleted);
  return deleted;
}

Status Mfa::DeleteByProof(const Owner& owner, const mfa_store::Factor& factor, const Proof& proof,
                          AuditDraft& audit) {
  AuditDraft success = audit;
  success.AddDetail("proof", proof.step ? "totp" : "recovery_code");
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool spent, Spend(*lease, owner, factor, proof));
  if (!spent) return WrongProof(audit, "wrong or spent code");
  TRYV(mfa_store::Delete(*lease, owner));
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(success, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Ok();
}

Status Mfa::DisableByPassword(const Owner& owner, const SecretBytes& password, const std::string& client,
                              AuditDraft& audit) {
  std::optional<mfa_store::Factor> factor;
  std::optional<auth_store::Credentials> user;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(factor, mfa_store::Find(*lease, owner));
    TRY(user, auth_store::FindById(*lease, owner.org, owner.user));
  }
  if (!user) return Unauthenticated("the account is gone");
  if (!factor || !factor->enabled) return Invalid("No second factor is enabled");
  if (user->password_hash.empty()) return WrongProof(audit, "the account has no password");
  TRY(const auto permit, parts_.guesses.Take(Guess::kPassword, {client, user->email}, audit));
  const auto deleted = DeleteByHash(*user, *factor, password, audit);
  parts_.guesses.Settle(permit, deleted);
  return deleted;
}

Status Mfa::DeleteByHash(const auth_store::Credentials& user, const mfa_store::Factor& factor,
                         const SecretBytes& password, AuditDraft& audit) {
  TRY(const bool matches, crypto::VerifyPassword(user.password_hash, password));
  if (!matches) return WrongProof(audit, "wrong password");

  const Owner owner{user.org, user.id};
  AuditDraft success = audit;
  success.AddDetail("proof", "password");
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool unchanged, auth_store::ShareIfUnchanged(*lease, user));
  if (!unchanged) return WrongProof(audit, "the password changed meanwhile");
  TRY(const bool locked, mfa_store::Lock(*lease, owner, factor));
  if (!locked) return Invalid("No second factor is enabled");
  TRYV(mfa_store::Delete(*lease, owner));
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(success, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Ok();
}

Result<Mfa::PreparedChallenge> Mfa::Prepare() {
  PreparedChallenge prepared;
  prepared.challenge.token = crypto::NewCredential(kTokenPrefix, parts_.random);
  TRY(prepared.mac, crypto::CredentialMac(parts_.keyring, kTokenPurpose, prepared.challenge.token.Text()));
  prepared.expires_at = parts_.clock.Now() + std::chrono::seconds(kMfaTokenSeconds);
  return prepared;
}

Result<bool> Mfa::Store(schema::Connection& connection, const Owner& owner,
                        const PreparedChallenge& prepared) {
  return mfa_store::InsertChallenge(connection, owner, prepared.mac, prepared.expires_at, parts_.clock.Now());
}

Status Mfa::ForgetChallenges(schema::Connection& connection, const Owner& owner) {
  return mfa_store::DeleteChallenges(connection, owner);
}

}  // namespace claviger::api
