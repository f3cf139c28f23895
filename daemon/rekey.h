#pragma once
// An installation moves to another token, step by step, while its nodes serve. Both tokens and the database
// say how far it is; so whoever begins anew after a kill, on any machine, goes on where it stood.
//
//   the next token holds no keys    -> make a successor there of each, and show it the keys so far
//   nodes have the old token alone  -> operators have each open both, and say so
//   every node has both             -> the mark: the old token shows the next one's public halves. Until
//   every node
//                                      knows them; then begin a rotation to the next token's root, and no key
//                                      comes to lie under the old one any more
//   begun                           -> until the nodes have put everything under it
//   done                            -> until the next token's key has sealed the log
//   all that                        -> prove that the next token alone opens everything; then the old one may
//   go
//
// The nodes' side is crypto/moving_keyring.h. Two at once do no harm: each change is made by one at a time
// and only where it is still to be made.

#include <string>
#include <vector>

#include "daemon/root_rotation.h"
#include "hsm/key_ceremony.h"

namespace claviger::daemon {

// What the move needs besides the tokens and what a rotation of the root needs. A twin in tests stops it
// anywhere.
class RekeyDesk {
 public:
  virtual ~RekeyDesk() = default;
  // As RotationDesk's.
  virtual Outcome<bool> Seals(const crypto::PublicKey& key) = 0;
  // Opens everything with the next token alone. Refuses, with kUnverified, if something does not open.
  virtual Outcome<void> Prove() = 0;
  // The key of the HTTPS certificate, if that is on a token.
  virtual Outcome<std::optional<crypto::PublicKey>> CertifiedKey() = 0;
  // What dies with lookup keys older than that: "3 API keys".
  virtual Outcome<std::vector<std::string>> UnderOlderLookup(uint32_t version) = 0;
};

struct RekeyOrder {
  const hsm::HsmConfig& old;
  const hsm::HsmConfig& next;
  bool nodes_ready = false;  // every node has both tokens open
  bool drop_unused = false;  // credentials that nobody has used meanwhile may die
};

// Refuses, with kIncomplete, where somebody must do something first, and tells what.
Outcome<void> Rekey(const RekeyOrder& order, RootDesk& roots, RekeyDesk& desk);
// Tells how far it is. Changes nothing.
Outcome<void> TellRekey(const RekeyOrder& order, RootDesk& roots, RekeyDesk& desk);

}  // namespace claviger::daemon
