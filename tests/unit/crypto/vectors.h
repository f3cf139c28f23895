#pragma once
// Reads the data files of tests/data: words separated by spaces, one case a line, # for comments.

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace claviger::test {

inline std::string DataPath(const std::string& name) {
  return std::string(CLAVIGER_SOURCE_DIR) + "/tests/data/" + name;
}

inline std::vector<std::vector<std::string>> ReadCases(const std::string& name) {
  std::ifstream file(DataPath(name));
  REQUIRE(file);
  std::vector<std::vector<std::string>> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    auto& fields = cases.emplace_back();
    for (std::string word; words >> word;) fields.push_back(word);
  }
  return cases;
}

inline std::vector<std::string> ReadLines(const std::string& name) {
  std::ifstream file(DataPath(name));
  REQUIRE(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// "-" stands for no bytes.
inline Bytes Unhex(const std::string& text) {
  if (text == "-") return {};
  const auto bytes = HexDecode(text);
  REQUIRE(bytes);
  return *bytes;
}

inline Bytes KnownAnswer(const std::string& name) {
  for (const auto& fields : ReadCases("known_answers.txt")) {
    if (fields.at(0) == name) return Unhex(fields.at(1));
  }
  FAIL("no known answer named " << name);
  return {};
}

}  // namespace claviger::test
