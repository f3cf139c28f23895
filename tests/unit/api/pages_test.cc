#include <doctest/doctest.h>

#include "api/pages/form.h"
#include "api/pages/html.h"
#include "api/pages/page.h"
#include "api/pages/visitor.h"
#include "crypto/random.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::api::pages;

namespace {

http::Request WithCookies(std::vector<std::string> cookies) {
  http::Request request;
  for (auto& cookie : cookies) request.headers.emplace_back("cookie", std::move(cookie));
  return request;
}

}  // namespace

TEST_CASE("text becomes markup only by being escaped") {
  const Html html = Fill("<p>{}</p><input value=\"{}\">", {"<b>&'\"</b>", "\" onfocus=\"x"});
  CHECK(html.markup() ==
        "<p>&lt;b&gt;&amp;&#39;&quot;&lt;/b&gt;</p><input value=\"&quot; onfocus=&quot;x\">");
}

TEST_CASE("markup is put in as it is, and text that looks like a hole is none") {
  const Html inner = Fill("<b>{}</b>", {"{}"});
  CHECK(Fill("<p>{} {}</p>", {inner, "{}"}).markup() == "<p><b>{}</b> {}</p>");
}

TEST_CASE("a page says in its title that something is wrong") {
  CHECK(Page(200, "A & B", {}).body.find("<title>A &amp; B - Claviger</title>") != std::string::npos);
  CHECK(Page(403, "A", {}).body.find("<title>Error: A - Claviger</title>") != std::string::npos);
  const auto refusal = RefusalWith("<p><a href=\"/a\">Back</a></p>\n")(Unavailable("secret cause"));
  CHECK(refusal.status == 503);
  CHECK(refusal.body.find("<a href=\"/a\">Back</a>") != std::string::npos);
  CHECK(refusal.body.find("role=\"alert\"") != std::string::npos);
  CHECK(refusal.body.find("secret cause") == std::string::npos);
}

TEST_CASE("a form gives what was typed") {
  const auto form = Form::ParseBody("email=ada%40example.org&password=a+b%2Bc%26d%3D&empty=&name=%C3%A4");
  REQUIRE(form);
  CHECK(form.value().Text("email") == "ada@example.org");
  CHECK(form.value().Text("password") == "a b+c&d=");
  CHECK(form.value().Text("empty").empty());
  CHECK(form.value().Text("absent").empty());
  CHECK(form.value().Text("name") == "\xC3\xA4");
  CHECK(Form::ParseBody("").value().fields().empty());
}

TEST_CASE("a form that could be read in two ways is refused") {
  for (const std::string& body :
       {std::string("a"), std::string("a=1&a=2"), std::string("a=1&&b=2"), std::string("A=1"),
        std::string("=1"), std::string("a%61=1"), std::string("a=%"), std::string("a=%4"),
        std::string("a=%zz"), std::string("a=%00"), std::string("a=%0D%0A"), std::string("a=%FF"),
        std::string("a=\xFF"), std::string(33, 'a') + "=", "a=" + std::string(2049, 'x'),
        "a=" + std::string(kMaxFormBytes, 'x')}) {
    CAPTURE(body);
    CHECK_FALSE(Form::ParseBody(body).has_value());
  }
}

TEST_CASE("a browser has our cookie once or not at all") {
  crypto::SystemRandom random;
  const SecretBytes cookie = NewCookie(random);
  const std::string pair = "__Host-claviger=" + std::string(cookie.Text());
  for (const auto& cookies : std::vector<std::vector<std::string>>{
           {pair}, {"a=b; " + pair}, {pair + "; a=b"}, {"a", pair}, {"x__Host-claviger=y; " + pair}}) {
    const auto found = CookieOf(WithCookies(cookies));
    REQUIRE(found);
    CHECK(*found == cookie);
  }
  for (const auto& cookies : std::vector<std::vector<std::string>>{{},
                                                                   {pair + "; " + pair},
                                                                   {pair, pair},
                                                                   {pair + "x"},
                                                                   {"__Host-claviger="},
                                                                   {"__host-claviger=" + pair}}) {
    CHECK_FALSE(CookieOf(WithCookies(cookies)).has_value());
  }
}

TEST_CASE("a form token is of one cookie") {
  crypto::SystemRandom random;
  const SecretBytes one = NewCookie(random);
  CHECK(FormToken(one) == FormToken(one));
  CHECK(FormToken(one) != FormToken(NewCookie(random)));
}
