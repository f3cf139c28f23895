#pragma once
// stdout carries results only; everything for people goes to stderr. Text from the server is made printable
// before it reaches a terminal: a vault's name must not be able to move the cursor.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace claviger::cli {

// Control characters and malformed UTF-8 become \xNN; tabs and line ends too.
std::string Printable(std::string_view text);

// "name: value" lines, aligned. Fields with an empty value are left out.
void PrintFields(const std::vector<std::pair<std::string_view, std::string>>& fields);

// Columns padded to the widest cell; cells are made printable.
void PrintTable(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

// Indented by two, with a line end.
void PrintJson(const nlohmann::json& json);

// "claviger: sentence" on stderr.
void Complain(std::string_view sentence);
void Complain(const Error& error);
// A remark on stderr, as it stands.
void Notice(std::string_view sentence);

// Flushes stdout; an error if anything written to it was lost.
Status FinishOutput();

}  // namespace claviger::cli
