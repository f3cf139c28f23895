#include "schema/pg/conninfo_files.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace claviger::schema {
namespace {

constexpr std::array<std::string_view, 6> kFileOptions = {"passfile",    "sslcert", "sslkey",
                                                          "sslrootcert", "sslcrl",  "sslcrldir"};

void AddFiles(PQconninfoOption* options, std::vector<std::string>& files) {
  for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr; ++option) {
    const bool names_file =
        std::find(kFileOptions.begin(), kFileOptions.end(), option->keyword) != kFileOptions.end();
    // Other words than paths stand there as well, such as "system".
    if (names_file && option->val != nullptr && option->val[0] == '/') files.emplace_back(option->val);
  }
  PQconninfoFree(options);
}

}  // namespace

std::vector<std::string> FilesNamedBy(const std::string& conninfo) {
  std::vector<std::string> files;
  AddFiles(PQconninfoParse(conninfo.c_str(), nullptr), files);
  AddFiles(PQconndefaults(), files);
  return files;
}

}  // namespace claviger::schema
