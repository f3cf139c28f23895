#pragma once
// A PostgreSQL server of the test's own, in a directory of its own under /tmp, reachable over a Unix socket
// only, durable as in production, with the roles of packaging/postgresql/roles.sql. Gone with the object, and
// with the test's process. If it cannot be started there is nothing to test: the process aborts and says why.

#include <string>

#include "schema/pg/pg.h"
#include "tests/schema/process.h"

namespace claviger::testing {

class PrivateCluster {
 public:
  PrivateCluster();
  ~PrivateCluster();
  PrivateCluster(const PrivateCluster&) = delete;
  PrivateCluster& operator=(const PrivateCluster&) = delete;

  // A new, empty database with the owner and runtime roles set up.
  void CreateDatabase(const std::string& name);
  // How `role` ("claviger_owner", "claviger_app", or "postgres", the superuser) reaches a database. Short
  // time limits: a test that meets one should not wait long.
  schema::PgConfig Config(const std::string& role, const std::string& database = "claviger") const;

  // Orderly; open connections are cut.
  void Stop();
  void Start();
  void RestartIfDown();
  // kill -9 of every server process at once.
  void Kill();
  // SIGSTOP to every server process: the sockets stay open and nobody answers.
  void Pause();
  void Resume();

 private:
  void AwaitReady() const;
  void Signal(int signal) const;

  const Account account_;
  const std::string directory_;
  pid_t server_ = -1;
};

}  // namespace claviger::testing
