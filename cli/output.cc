#include "cli/output.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "cli/files.h"

namespace claviger::cli {
namespace {

// Bytes of the UTF-8 sequence that begins here, 0 if it is malformed or a C0, DEL or C1 control.
size_t PrintableSequence(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x20 || first == 0x7f) return 0;
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (text.size() < size || !IsUtf8(text.substr(0, size))) return 0;
  if (first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) return 0;
  return size;
}

size_t DisplayWidth(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void Put(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void PrintRow(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 < cells.size()) line.append(widths[i] - DisplayWidth(cells[i]) + 2, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  Put(line + "\n");
}

}  // namespace

std::string Printable(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const size_t size = PrintableSequence(text);
    if (size > 0) {
      out += text.substr(0, size);
      text.remove_prefix(size);
      continue;
    }
    const auto byte = static_cast<unsigned char>(text.front());
    out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    text.remove_prefix(1);
  }
  return out;
}

void PrintFields(const std::vector<std::pair<std::string_view, std::string>>& fields) {
  size_t width = 0;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) width = std::max(width, name.size());
  }
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    Put(std::string(name) + ":" + std::string(width - name.size() + 1, ' ') + Printable(value) + "\n");
  }
}

void PrintTable(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> lines = {header};
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (const auto& cell : row) line.push_back(Printable(cell));
  }
  std::vector<size_t> widths(header.size(), 0);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(line[i]));
  }
  for (const auto& line : lines) PrintRow(line, widths);
}

void PrintJson(const nlohmann::json& json) {
  Put(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void Complain(std::string_view sentence) {
  std::fprintf(stderr, "claviger: %s\n", Printable(sentence).c_str());
}

void Complain(const Error& error) { Complain(error.detail); }

void Notice(std::string_view sentence) { std::fprintf(stderr, "%s\n", Printable(sentence).c_str()); }

Status FinishOutput() {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return Ok();
  return MakeError(ErrorKind::kInternal, "Cannot write the output: " + ErrnoText());
}

}  // namespace claviger::cli
