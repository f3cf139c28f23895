#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/schema/server.h"

using namespace claviger;
using namespace claviger::testing;

namespace {

// True if `misuse` aborts. Runs in a child, which touches the rows but never the connection.
template <class F>
bool Aborts(F misuse) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGABRT, SIG_DFL);
    ::close(STDERR_FILENO);
    misuse();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace

TEST_CASE("reading a column as another type, a NULL as a value, or a cell that is not there aborts") {
  auto connection = Connect();
  const auto rows = Must(connection->Run(Sql("SELECT 1, 2::bigint, 'x'::text, NULL::int"), {}));
  CHECK(!Aborts([&] { (void)rows.Int4(0, 0); }));
  CHECK(Aborts([&] { (void)rows.Int8(0, 0); }));
  CHECK(Aborts([&] { (void)rows.Int4(0, 1); }));
  CHECK(Aborts([&] { (void)rows.Text(0, 0); }));
  CHECK(Aborts([&] { (void)rows.Blob(0, 2); }));
  CHECK(Aborts([&] { (void)rows.UuidAt(0, 2); }));
  CHECK(Aborts([&] { (void)rows.Int4(0, 3); }));
  CHECK(Aborts([&] { (void)rows.Int4(1, 0); }));
  CHECK(Aborts([&] { (void)rows.Int4(0, 4); }));
  CHECK(Aborts([&] { (void)rows.IsNull(-1, 0); }));
  CHECK(rows.IsNull(0, 3));
}

TEST_CASE("rows stay readable when moved and when their connection is gone") {
  auto connection = Connect();
  auto rows = Must(connection->Run(Sql("SELECT 'kept'"), {}));
  connection.reset();
  schema::Rows moved = std::move(rows);
  CHECK(moved.Text(0, 0) == "kept");
  moved = schema::Rows(nullptr);
  CHECK(moved.empty());
}
