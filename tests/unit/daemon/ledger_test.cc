#include "daemon/key_process/ledger.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "daemon/key_process/channel.h"

using namespace claviger;
using namespace claviger::daemon;
using Ending = hsm::LoginGuard::Ending;

namespace {

// Two key processes of one ledger, one of which may have died.
struct Fixture {
  int fd = Ledger::Make().value();
  std::unique_ptr<Ledger> one = Ledger::Open(fd, 1).value();
  std::unique_ptr<Ledger> other = Ledger::Open(fd, 1).value();
  ~Fixture() { ::close(fd); }
};

}  // namespace

TEST_CASE("checkpoints ascend, whoever signs them") {
  Fixture f;
  CHECK(f.one->Advance(5));
  CHECK(f.other->Advance(5));
  CHECK(!f.other->Advance(4));
  CHECK(f.other->Advance(7));
  CHECK(!f.one->Advance(6));
  CHECK(f.one->Advance(7));
}

TEST_CASE("a refused PIN is not tried again, by whichever process") {
  Fixture f;
  REQUIRE(f.one->Begin("token"));
  f.one->End("token", Ending::kRefused);
  CHECK(f.one->Begin("token").error().kind == ErrorKind::kForbidden);
  CHECK(f.other->Begin("token").error().kind == ErrorKind::kForbidden);
  CHECK(f.other->Begin("another token"));
}

TEST_CASE("of logins that do not end only one may follow another") {
  Fixture f;
  CHECK(f.one->Begin("token"));
  CHECK(f.other->Begin("token"));
  CHECK(f.other->Begin("token").error().kind == ErrorKind::kForbidden);
  CHECK(f.one->Begin("token").error().kind == ErrorKind::kForbidden);
}

TEST_CASE("a PIN that is accepted clears what did not end before") {
  Fixture f;
  for (int round = 0; round < 5; ++round) {
    REQUIRE(f.one->Begin("token"));
    REQUIRE(f.other->Begin("token"));
    f.other->End("token", Ending::kAccepted);
  }
}

TEST_CASE("logins that the token does not judge may be repeated for ever") {
  Fixture f;
  for (int round = 0; round < 10; ++round) {
    REQUIRE(f.one->Begin("token"));
    f.one->End("token", Ending::kFailed);
  }
}

TEST_CASE("beyond the tokens that it has room for none is logged in to") {
  Fixture f;
  int begun = 0;
  while (f.one->Begin("token " + std::to_string(begun))) ++begun;
  CHECK(begun == 128);
  f.one->End("token 0", Ending::kAccepted);
  CHECK(f.one->Begin("token 0"));
}

TEST_CASE("the token that the first key process found is known to all, and no other is") {
  Fixture f;
  CHECK(f.one->Recognises(Bytes(32, 7)));
  CHECK(f.other->Recognises(Bytes(32, 7)));
  CHECK_FALSE(f.other->Recognises(Bytes(32, 9)));
  CHECK_FALSE(f.one->Recognises(Bytes(32, 0)));
  CHECK(f.one->Recognises(Bytes(32, 7)));
}

TEST_CASE("only a ledger is one") {
  const int file = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  CHECK(!Ledger::Open(file, 1));
  ::close(file);
  CHECK(!Ledger::Open(-1, 1));
}

TEST_CASE("messages arrive whole or not at all") {
  auto [one, other] = Channel::MakePair().value();
  REQUIRE(one.Send(AsBytes("first")));
  REQUIRE(one.Send(AsBytes("second")));
  SecretBytes room(5);
  ByteView message;
  CHECK(other.Receive(room, message) == Channel::Receipt::kMessage);
  CHECK(AsText(message) == "first");
  CHECK(other.Receive(room, message) == Channel::Receipt::kClosed);  // it does not fit
}

TEST_CASE("waiting for a message has a limit, and its end is noticed") {
  auto [one, other] = Channel::MakePair().value();
  REQUIRE(other.LimitWaits(std::chrono::milliseconds(10)));
  SecretBytes room(5);
  ByteView message;
  CHECK(other.Receive(room, message) == Channel::Receipt::kNothing);
  one.Shut();
  CHECK(other.Receive(room, message) == Channel::Receipt::kClosed);
  CHECK(other.Send(AsBytes("x")).error().kind == ErrorKind::kUnavailable);
}

TEST_CASE("a peer that takes nothing holds nobody up for ever") {
  auto [one, other] = Channel::MakePair().value();
  REQUIRE(one.LimitWaits(std::chrono::milliseconds(10)));
  const Bytes large(60'000);
  int sent = 0;
  while (sent < 1000 && one.Send(large)) ++sent;
  CHECK(sent > 0);
  CHECK(sent < 1000);
}

TEST_CASE("a channel is a socket of ours between processes of ours") {
  auto [one, other] = Channel::MakePair().value();
  CHECK(one.CheckPeer(Account::Own()));
  CHECK(other.CheckPeer(Account::Own()));
  CHECK(!Channel(::open("/dev/null", O_RDWR | O_CLOEXEC)).CheckPeer(Account::Own()));
  CHECK(!Channel(-1).CheckPeer(Account::Own()));
}
