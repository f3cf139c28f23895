#include "schema/pg/param.h"

#include <limits>

#include "tests/schema/server.h"

using namespace claviger;
using namespace claviger::testing;
using schema::Param;

namespace {

const std::string kOddTexts[] = {"",
                                 "plain",
                                 "quote ' double \" back \\ slash",
                                 "$1 $$ %s {} ,",
                                 "{a,\"b\"}",
                                 "NULL",
                                 "line\nfeed\ttab\x01\x7F",
                                 "h\u00e9llo \u4e16\u754c \U0001F511",
                                 std::string(100'000, 'x')};

Uuid Uuid16(uint8_t last) {
  Uuid uuid{};
  uuid.data[0] = 0xFF;
  uuid.data[15] = last;
  return uuid;
}

Bytes AllBytes() {
  Bytes bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<uint8_t>(i));
  return bytes;
}

}  // namespace

TEST_CASE("text goes in and out unchanged, whatever it holds") {
  auto connection = Connect();
  for (const std::string& text : kOddTexts) {
    const auto rows = Must(connection->Run(Sql("SELECT $1, octet_length($1)"), {text}));
    CHECK(rows.Text(0, 0) == text);
    CHECK(rows.Int4(0, 1) == static_cast<int32_t>(text.size()));
  }
}

TEST_CASE("text with NUL or that is not UTF-8 is refused, not cut") {
  auto connection = Connect();
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("\xC3\x28"), std::string("\xED\xA0\x80")}) {
    const auto rows = connection->Run(Sql("SELECT $1"), {text});
    REQUIRE(!rows);
    CHECK(rows.error().sqlstate == "22021");
    CHECK(rows.error().kind == ErrorKind::kInternal);
    CHECK(!connection->broken());
  }
}

TEST_CASE("numbers and flags go in and out unchanged at their limits") {
  auto connection = Connect();
  for (const int32_t number :
       {0, 1, -1, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()})
    CHECK(Must(connection->Run(Sql("SELECT $1"), {number})).Int4(0, 0) == number);
  for (const int64_t number :
       {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()})
    CHECK(Must(connection->Run(Sql("SELECT $1"), {number})).Int8(0, 0) == number);
  CHECK(Must(connection->Run(Sql("SELECT $1"), {uint32_t{0x7FFFFFFF}})).Int4(0, 0) == 0x7FFFFFFF);
  CHECK(Must(connection->Run(Sql("SELECT $1"), {uint64_t{1} << 62})).Int8(0, 0) == int64_t{1} << 62);
  CHECK(Must(connection->Run(Sql("SELECT $1, $2"), {true, false})).Bool(0, 0));
  CHECK(!Must(connection->Run(Sql("SELECT $1, $2"), {true, false})).Bool(0, 1));
}

TEST_CASE("the server reads numbers, times and ids as we mean them") {
  auto connection = Connect();
  const auto rows =
      Must(connection->Run(Sql("SELECT $1::text, $2::text, $3::text, $4::text, $5::text, encode($6, 'hex')"),
                           {-123456789, int64_t{1} << 40, *ParseTime("2026-02-27T12:34:56.789012Z"), true,
                            *ParseUuid("01890a5d-ac96-774b-bcce-b302099a8057"), Bytes{0, 0xFF, 0x10}}));
  CHECK(rows.Text(0, 0) == "-123456789");
  CHECK(rows.Text(0, 1) == "1099511627776");
  CHECK(rows.Text(0, 2) == "2026-02-27 12:34:56.789012+00");
  CHECK(rows.Text(0, 3) == "true");
  CHECK(rows.Text(0, 4) == "01890a5d-ac96-774b-bcce-b302099a8057");
  CHECK(rows.Text(0, 5) == "00ff10");
}

TEST_CASE("times go in and out unchanged, before 1970 and at infinity too") {
  auto connection = Connect();
  for (const Time time : {*ParseTime("1969-12-31T23:59:59.999999Z"), *ParseTime("2000-01-01T00:00:00Z"),
                          *ParseTime("9999-12-31T23:59:59Z"), Time::max(), Time::min()})
    CHECK(Must(connection->Run(Sql("SELECT $1"), {time})).Timestamp(0, 0) == time);
  const auto rows = Must(connection->Run(Sql("SELECT $1::text, $2::text"), {Time::max(), Time::min()}));
  CHECK(rows.Text(0, 0) == "infinity");
  CHECK(rows.Text(0, 1) == "-infinity");
}

TEST_CASE("bytes and ids go in and out unchanged") {
  auto connection = Connect();
  const Bytes bytes = AllBytes();
  const OrgId org{Uuid16(7)};
  const auto rows = Must(connection->Run(Sql("SELECT $1, $2, $3"), {bytes, org, Bytes{}}));
  CHECK(Bytes(rows.Blob(0, 0).begin(), rows.Blob(0, 0).end()) == bytes);
  CHECK(rows.IdAt<OrgId>(0, 1) == org);
  CHECK(rows.Blob(0, 2).empty());
}

TEST_CASE("a value larger than any socket buffer goes in and out unchanged") {
  auto connection = ConnectPatiently();
  Bytes bytes(8 << 20);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 31 >> 3);
  const auto rows = Must(connection->Run(Sql("SELECT $1"), {bytes}));
  CHECK(AsText(rows.Blob(0, 0)) == AsText(bytes));
}

TEST_CASE(
    "empty optionals are NULL of their type, and an untyped NULL does not fix the type of later calls") {
  auto connection = Connect();
  const auto typed =
      Must(connection->Run(Sql("SELECT pg_typeof($1)::text, $1 IS NULL"), {std::optional<int64_t>()}));
  CHECK(typed.Text(0, 0) == "bigint");
  CHECK(typed.Bool(0, 1));

  const auto statement = Sql("SELECT $1::int IS NULL");
  CHECK(Must(connection->Run(statement, {std::nullopt})).Bool(0, 0));
  CHECK(!Must(connection->Run(statement, {int64_t{5}})).Bool(0, 0));
  CHECK(!Must(connection->Run(statement, {int32_t{5}})).Bool(0, 0));
  CHECK(Must(connection->Run(statement, {std::nullopt})).Bool(0, 0));
}

TEST_CASE("two statements of one name are told apart by their text") {
  auto connection = Connect();
  CHECK(Must(connection->Run({"same", "SELECT 1"}, {})).Int4(0, 0) == 1);
  CHECK(Must(connection->Run({"same", "SELECT 2"}, {})).Int4(0, 0) == 2);
  CHECK(Must(connection->Run({"same", "SELECT 1"}, {})).Int4(0, 0) == 1);
}

TEST_CASE("arrays keep every element, odd content included") {
  auto connection = Connect();
  const std::vector<std::string> texts(std::begin(kOddTexts), std::end(kOddTexts));
  const std::vector<Uuid> uuids = {Uuid16(0), Uuid16(255), Uuid{}};
  const std::vector<Time> times = {*ParseTime("1969-01-01T00:00:00Z"),
                                   *ParseTime("2026-01-01T00:00:00.000001Z")};
  const std::vector<int64_t> numbers = {0, -1, std::numeric_limits<int64_t>::max()};
  const std::vector<Bytes> blobs = {AllBytes(), Bytes{}, Bytes{0}};

  const auto text_rows = Must(connection->Run(Sql("SELECT v FROM unnest($1) v"), {Param::TextArray(texts)}));
  REQUIRE(text_rows.size() == static_cast<int>(texts.size()));
  for (int i = 0; i < text_rows.size(); ++i) CHECK(text_rows.Text(i, 0) == texts[static_cast<size_t>(i)]);

  const auto rows =
      Must(connection->Run(Sql("SELECT u, t, n, b FROM unnest($1, $2, $3, $4) AS a (u, t, n, b)"),
                           {Param::UuidArray(uuids), Param::TimeArray(times), Param::Int8Array(numbers),
                            Param::ByteaArray(blobs)}));
  REQUIRE(rows.size() == 3);
  for (int i = 0; i < 3; ++i) {
    const auto at = static_cast<size_t>(i);
    CHECK(rows.UuidAt(i, 0) == uuids[at]);
    CHECK(rows.Int8(i, 2) == numbers[at]);
    CHECK(AsText(rows.Blob(i, 3)) == AsText(blobs[at]));
  }
  CHECK(rows.Timestamp(0, 1) == times[0]);
  CHECK(rows.Timestamp(1, 1) == times[1]);
  CHECK(rows.IsNull(2, 1));
}

TEST_CASE("an empty array has no elements and is not NULL") {
  auto connection = Connect();
  const auto rows = Must(connection->Run(Sql("SELECT cardinality($1), cardinality($2)"),
                                         {Param::TextArray({}), Param::UuidArray({})}));
  CHECK(rows.Int4(0, 0) == 0);
  CHECK(rows.Int4(0, 1) == 0);
}
