#pragma once
// Markup for pages. It is made of templates, which are constants of this program, and of texts, which are
// escaped when they are put in: there is no other way to make Html. What a text could break out of is refused
// when the program is compiled.

#include <initializer_list>
#include <string>
#include <string_view>

namespace claviger::api::pages {

class Hole;
class Template;

// Markup that may be sent as it is.
class Html {
 public:
  Html() = default;
  const std::string& markup() const { return markup_; }

 private:
  friend Html Fill(const Template& text, std::initializer_list<Hole> holes);
  std::string markup_;
};

// Markup with holes, written {}. A hole stands between tags or is the whole of a `value` attribute in double
// quotes; anywhere else, and with scripts or styles in the markup, it does not compile.
class Template {
 public:
  consteval Template(const char* text) : text_(text) { Check(); }
  std::string_view text() const { return text_; }

 private:
  consteval void Check() const {
    bool in_tag = false;
    for (size_t i = 0; i < text_.size(); ++i) {
      const std::string_view before = text_.substr(0, i);
      const std::string_view rest = text_.substr(i);
      if (rest.starts_with("<script") || rest.starts_with("<style") || rest.starts_with(" style=") ||
          rest.starts_with(" on")) {
        if (in_tag || rest.starts_with('<')) throw "scripts and styles have no place in a page";
      }
      if (rest.starts_with('<')) in_tag = true;
      if (rest.starts_with('>')) in_tag = false;
      if (!rest.starts_with("{}")) continue;
      if (in_tag && !(before.ends_with(" value=\"") && rest.starts_with("{}\""))) {
        throw "a hole in a tag must be a whole quoted value";
      }
    }
    if (in_tag) throw "a tag is not closed";
  }
  std::string_view text_;
};

// What is put into a hole: text, which is escaped, or markup.
class Hole {
 public:
  Hole(std::string_view text);
  Hole(const std::string& text) : Hole(std::string_view(text)) {}
  Hole(const char* text) : Hole(std::string_view(text)) {}
  Hole(const Html& html) : markup_(html.markup()) {}
  const std::string& markup() const { return markup_; }

 private:
  std::string markup_;
};

// As many holes as the template has; aborts otherwise.
Html Fill(const Template& text, std::initializer_list<Hole> holes);

}  // namespace claviger::api::pages
