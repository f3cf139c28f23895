#pragma once
// The thin libpq layer: the only place that knows PostgreSQL's client library. Worker threads only: every
// call may block, and every call has a time limit (connect, statement, lock and client side).
//
//   TRY(auto lease, pool.Acquire());              // bounded wait, else kUnavailable
//   TRY(auto rows, lease->Run(kFindVault, {org, vault}));
//
// SQL text is a constant `Statement`, prepared once per connection; values travel only as parameters. Rows
// are wiped when released; libpq's own socket buffers are not, so nothing secret may travel that is not
// sealed.

#include "schema/pg/config.h"
#include "schema/pg/connection.h"
#include "schema/pg/param.h"
#include "schema/pg/pool.h"
#include "schema/pg/rows.h"
#include "schema/pg/statement.h"
