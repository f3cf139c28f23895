#include "cli/session.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/json/json.h"
#include "cli/wiping.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxSessionBytes = 64 * 1024;
constexpr std::chrono::milliseconds kTurnPause{20};
constexpr char kInKeyring[] = "keyring";

std::string HomeDirectory() {
  const char* home = std::getenv("HOME");
  if (home && *home == '/') return home;
  const passwd* entry = getpwuid(geteuid());
  return entry && entry->pw_dir && *entry->pw_dir == '/' ? entry->pw_dir : "";
}

Error Unsafe(const std::string& path, const std::string& why) {
  return MakeError(ErrorKind::kConflict, "Refusing to use " + path + ": " + why);
}

Status CheckFile(int fd, const std::string& path) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Unsafe(path, ErrnoText());
  if (!S_ISREG(info.st_mode)) return Unsafe(path, "it is not a regular file");
  if (info.st_uid != geteuid()) return Unsafe(path, "it belongs to another user");
  if (info.st_nlink != 1) return Unsafe(path, "it has further names (hard links)");
  if (info.st_mode & 077) return Unsafe(path, "others can read or write it; remove it and log in again");
  return Ok();
}

Result<Session> Decode(std::string_view text, const std::string& path) {
  auto parsed = api::ParseJsonObject(text);
  if (!parsed) return Unsafe(path, "it is damaged; log in again");
  api::Json& json = parsed.value();
  const auto text_of = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  Session session;
  session.url = text_of("url");
  session.ca_file = text_of("ca_file");
  session.email = text_of("email");
  std::string token = text_of("token");
  const Wiping wiping(token);
  session.token = SecretBytes(token);
  std::string refresh_token = text_of("refresh_token");
  const Wiping wiping_refresh(refresh_token);
  session.refresh_token = SecretBytes(refresh_token);
  session.in_keyring = text_of("refresh_token_in") == kInKeyring;
  const auto expires_at = ParseTime(text_of("expires_at"));
  if (session.url.empty() || token.empty() || !expires_at) {
    return Unsafe(path, "it is damaged; log in again");
  }
  session.expires_at = *expires_at;
  return session;
}

}  // namespace

Result<SessionFile> SessionFile::Locate() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  // The XDG base directory specification has relative paths ignored.
  if (config && *config == '/') return SessionFile(std::string(config) + "/claviger");
  const std::string home = HomeDirectory();
  if (home.empty()) return Invalid("No home directory: set HOME or XDG_CONFIG_HOME");
  return SessionFile(home + "/.config/claviger");
}

Result<Fd> SessionFile::OpenDirectory() const {
  Fd fd(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return Fd();
  if (!fd) return Unsafe(directory_, ErrnoText());
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return Unsafe(directory_, ErrnoText());
  if (info.st_uid != geteuid()) return Unsafe(directory_, "it belongs to another user");
  if (info.st_mode & 022) return Unsafe(directory_, "others can write to it");
  return fd;
}

Result<std::optional<Session>> SessionFile::Load() const {
  TRY(const Fd directory, OpenDirectory());
  if (!directory) return std::optional<Session>();
  // O_NONBLOCK: a planted FIFO must not hang us.
  const Fd fd(openat(directory.get(), "session.json", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::optional<Session>();
  if (!fd && errno == ELOOP) return Unsafe(path(), "it is a symbolic link");
  if (!fd) return Unsafe(path(), ErrnoText());
  TRYV(CheckFile(fd.get(), path()));
  TRY(const SecretBytes text, ReadAll(fd.get(), kMaxSessionBytes, path()));
  TRY(Session session, Decode(text.Text(), path()));
  return std::optional<Session>(std::move(session));
}

Result<Fd> SessionFile::MakeDirectory() const {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(directory_).parent_path(), ignored);
  if (mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
    return MakeError(ErrorKind::kInternal, "Cannot create " + directory_ + ": " + ErrnoText());
  }
  TRY(Fd directory, OpenDirectory());
  if (!directory) return MakeError(ErrorKind::kInternal, "Cannot open " + directory_);
  if (fchmod(directory.get(), 0700) != 0) return Unsafe(directory_, ErrnoText());
  return directory;
}

Result<Fd> SessionFile::TakeTurn(std::chrono::milliseconds limit) const {
  TRY(Fd directory, MakeDirectory());
  const auto end = std::chrono::steady_clock::now() + limit;
  while (flock(directory.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Unsafe(directory_, ErrnoText());
    if (std::chrono::steady_clock::now() >= end) {
      return MakeError(ErrorKind::kUnavailable, "Another claviger is busy with the session for too long");
    }
    std::this_thread::sleep_for(kTurnPause);
  }
  return directory;
}

Status SessionFile::Save(const Session& session) const {
  TRY(Fd directory, MakeDirectory());
  api::Json json = {{"url", session.url},
                    {"ca_file", session.ca_file},
                    {"email", session.email},
                    {"token", session.token.Text()},
                    {"expires_at", FormatTime(session.expires_at)}};
  if (session.in_keyring) {
    json["refresh_token_in"] = kInKeyring;
  } else if (!session.refresh_token.empty()) {
    json["refresh_token"] = session.refresh_token.Text();
  }
  std::string text = api::DumpJson(json) + "\n";
  api::WipeStrings(json);
  const Wiping wiping(text);
  TRY(NewFile file, NewFile::CreateIn(std::move(directory), path()));
  TRYV(file.Write(AsBytes(text)));
  return file.Commit();
}

Result<bool> SessionFile::Remove() const {
  TRY(const Fd directory, OpenDirectory());
  if (!directory) return false;
  if (unlinkat(directory.get(), "session.json", 0) == 0) return true;
  if (errno == ENOENT) return false;
  return MakeError(ErrorKind::kInternal, "Cannot remove " + path() + ": " + ErrnoText());
}

}  // namespace claviger::cli
