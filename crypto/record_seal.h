#pragma once
// Small secrets of the installation itself, such as TOTP keys and mails that carry a link: one blob each,
// sealed under the system KEK in two steps, as secrets are under their vault's. Byte layout: docs/FORMATS.md.

#include "base/random.h"
#include "crypto/keyring.h"

namespace claviger::crypto {

// `place` says what the row claims to be, canonically encoded under a format tag of its own
// (CanonicalWriter): a blob moved to any other place fails to open. Value: at most 64 KiB; longer is
// kTooLarge.
Result<Bytes> SealRecord(Keyring& keyring, Random& random, const WrappedKek& system_kek, ByteView place,
                         ByteView value);
// kIntegrity if the blob was not sealed for exactly this place; the keyring's own failures pass through.
Result<SecretBytes> OpenRecord(Keyring& keyring, const WrappedKek& system_kek, ByteView place, ByteView blob);

}  // namespace claviger::crypto
