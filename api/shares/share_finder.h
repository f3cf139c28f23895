#pragma once
// Finds the share that a link stands for, for whoever names it and may only be guessing.

#include <string_view>

#include "api/audit/audit_draft.h"
#include "api/limits/guess_budgets.h"
#include "api/shares/shares_store.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class ShareFinder {
 public:
  ShareFinder(schema::Pool& pool, crypto::Keyring& keyring, GuessBudgets& guesses)
      : pool_(pool), keyring_(keyring), guesses_(guesses) {}

  struct Named {
    std::string_view link;
    const http::ClientAddress& client;
  };
  // ShareNotFound, or kTooMany for who guesses often; kIntegrity for a row that was edited. Names the share
  // in the record.
  Result<shares_store::Share> Find(const Named& named, AuditDraft& audit);

  // Whether it is addressed to this principal; an open link is to nobody.
  Result<bool> IsRecipient(const Principal& principal, const ShareTerms& terms);

 private:
  schema::Pool& pool_;
  crypto::Keyring& keyring_;
  GuessBudgets& guesses_;
};

// The one answer for a share that is absent, ended, or addressed to others.
Error ShareNotFound();

bool IsExpired(const ShareTerms& terms, Time now);

}  // namespace claviger::api
