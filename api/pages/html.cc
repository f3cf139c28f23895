#include "api/pages/html.h"

#include <cstdlib>

namespace claviger::api::pages {
namespace {

// Between tags and in quoted values alike.
std::string Escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

Hole::Hole(std::string_view text) : markup_(Escape(text)) {}

Html Fill(const Template& text, std::initializer_list<Hole> holes) {
  Html html;
  std::string_view rest = text.text();
  for (const Hole& hole : holes) {
    const size_t place = rest.find("{}");
    if (place == std::string_view::npos) std::abort();
    html.markup_ += rest.substr(0, place);
    html.markup_ += hole.markup();
    rest.remove_prefix(place + 2);
  }
  if (rest.find("{}") != std::string_view::npos) std::abort();
  html.markup_ += rest;
  return html;
}

}  // namespace claviger::api::pages
