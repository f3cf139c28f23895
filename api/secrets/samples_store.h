#pragma once
// One data key under each KEK, for those who want to know whether what is stored can be opened.

#include <optional>

#include "crypto/envelope.h"
#include "schema/pg/pg.h"

namespace claviger::api::samples_store {

struct Sample {
  crypto::SecretIdentity identity;
  crypto::SealedDek dek;
};
// Of some secret version under that KEK; nullopt if there is none.
Result<std::optional<Sample>> FindUnder(schema::Connection& connection, const crypto::KekIdentity& kek);

}  // namespace claviger::api::samples_store
