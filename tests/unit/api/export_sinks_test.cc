#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "api/export/file_sink.h"
#include "api/export/syslog_message.h"
#include "crypto/audit_export.h"

using namespace claviger;
using namespace claviger::api;

namespace {

namespace fs = std::filesystem;

crypto::AuditVerifier::LinkedRecord Record(const std::string& action = "secret.read",
                                           const std::string& outcome = "success") {
  crypto::AuditVerifier::LinkedRecord linked;
  linked.sequence = 7;
  linked.record.actor_type = "user";
  linked.record.action = action;
  linked.record.outcome = outcome;
  linked.record.details = R"({"path":"a\nb"})";
  linked.record.created_at = *ParseTime("2026-02-27T12:00:00Z");
  return linked;
}

ExportBatch Batch(uint64_t number, int records = 2) {
  ExportBatch batch;
  crypto::AuditCheckpoint checkpoint;
  checkpoint.number = number;
  checkpoint.created_at = *ParseTime("2026-02-27T12:00:01Z");
  batch.sealed.push_back({checkpoint, std::vector(static_cast<size_t>(records), Record())});
  return batch;
}

struct Directory {
  Directory() {
    char name[] = "/tmp/claviger-sink-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Directory() { fs::remove_all(path); }
  std::string File() const { return path + "/audit.ndjson"; }
  std::vector<std::string> Lines(const std::string& file) const {
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  std::string path;
};

}  // namespace

TEST_CASE("a record is a syslog message whose text is its line of an export") {
  const auto linked = Record();
  const std::string text = "<110>1 2026-02-27T12:00:00.000000Z vault.example clavigerd - secret.read - " +
                           crypto::ExportRecordLine(linked);
  CHECK(SyslogFrame(linked, "vault.example") == std::to_string(text.size()) + " " + text);
}

TEST_CASE("a syslog message tells by its severity what was refused") {
  const auto priority = [](const std::string& outcome) {
    const std::string frame = SyslogFrame(Record("x.y", outcome), "h");
    return frame.substr(frame.find('<'), 5);
  };
  CHECK(priority("success") == "<110>");
  CHECK(priority("denied") == "<108>");
  CHECK(priority("failed") == "<109>");
  CHECK(priority("unknown") == "<109>");
}

TEST_CASE("nothing in a record can end a syslog message or add to its header") {
  const std::string frame = SyslogFrame(Record("evil action\n<1>", "success"), "my host\n\xC3\xA4");
  CHECK(frame.find('\n') == std::string::npos);
  CHECK(frame.find(" my-host--- clavigerd - evil-action-<1> - {") != std::string::npos);
  CHECK(SyslogFrame(Record(std::string(100, 'a')), "")
            .find(" - clavigerd - " + std::string(32, 'a') + " - {") != std::string::npos);
}

TEST_CASE("a checkpoint is a syslog message with its number and hash") {
  const auto checkpoint = Batch(12).sealed[0].checkpoint;
  const std::string frame = SyslogFrame(checkpoint, "h");
  CHECK(frame.ends_with(R"( - checkpoint - {"type":"checkpoint","number":12,"hash":")" +
                        HexEncode(crypto::CheckpointHash(checkpoint)) + "\"}"));
}

TEST_CASE("the file holds lines of an export, is its owner's, and grows") {
  const Directory directory;
  FileSink sink(directory.path);
  REQUIRE(sink.Check());
  CHECK(sink.Confirmed().value() == 0);
  REQUIRE(sink.Deliver(Batch(1)));
  REQUIRE(sink.Deliver(Batch(2, 0)));
  CHECK(sink.Confirmed().value() == 2);
  const auto lines = directory.Lines(directory.File());
  REQUIRE(lines.size() == 4);
  for (const auto& line : lines) CHECK(crypto::ParseExportLine(line).has_value());
  CHECK(crypto::ParseExportLine(lines[0])->record.has_value());
  CHECK(crypto::ParseExportLine(lines[3])->checkpoint->number == 2);
  CHECK((fs::status(directory.File()).permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("a file that was moved away is written to until it is to be opened again") {
  const Directory directory;
  FileSink sink(directory.path);
  REQUIRE(sink.Deliver(Batch(1)));
  fs::rename(directory.File(), directory.File() + ".1");
  REQUIRE(sink.Deliver(Batch(2)));
  CHECK(!fs::exists(directory.File()));
  sink.Reopen();
  REQUIRE(sink.Deliver(Batch(3)));
  CHECK(directory.Lines(directory.File() + ".1").size() == 6);
  CHECK(directory.Lines(directory.File()).size() == 3);
}

TEST_CASE("a torn line is ended before the next one") {
  const Directory directory;
  std::ofstream(directory.File()) << R"({"type":"reco)";
  ::chmod(directory.File().c_str(), 0600);
  FileSink sink(directory.path);
  REQUIRE(sink.Deliver(Batch(1, 1)));
  const auto lines = directory.Lines(directory.File());
  REQUIRE(lines.size() == 3);
  CHECK(crypto::ParseExportLine(lines[1]).has_value());
}

TEST_CASE("a file that leads elsewhere, or that others can touch, is never written to") {
  const Directory directory;
  const std::string victim = directory.path + "/victim";
  std::ofstream(victim) << "";
  ::chmod(victim.c_str(), 0600);
  SUBCASE("a symbolic link") { fs::create_symlink(victim, directory.File()); }
  SUBCASE("a hard link") { fs::create_hard_link(victim, directory.File()); }
  SUBCASE("readable by others") {
    fs::rename(victim, directory.File());
    ::chmod(directory.File().c_str(), 0644);
  }
  SUBCASE("a FIFO") { REQUIRE(::mkfifo(directory.File().c_str(), 0600) == 0); }
  SUBCASE("a directory that others write to") { ::chmod(directory.path.c_str(), 0777); }
  FileSink sink(directory.path);
  CHECK(!sink.Check());
  CHECK(!sink.Deliver(Batch(1)));
  CHECK(!(fs::exists(victim) && fs::file_size(victim) > 0));
}
