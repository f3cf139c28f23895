#include "api/pages/page.h"

#include "api/http/problem.h"

namespace claviger::api::pages {
namespace {

constexpr const char* kHtml = "text/html; charset=utf-8";

void Harden(http::Response& response) {
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'none'; style-src 'self'; form-action 'self'; "
                                "frame-ancestors 'none'; base-uri 'none'");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  response.headers.emplace_back("X-Frame-Options", "DENY");
}

}  // namespace

http::Response Page(int status, const Template& title, const Html& body) {
  const Html document = Fill(
      "<!DOCTYPE html>\n"
      "<html lang=\"en\">\n"
      "<head>\n"
      "<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta name=\"robots\" content=\"noindex\">\n"
      "<title>{}{} - Claviger</title>\n"
      "<link rel=\"stylesheet\" href=\"/assets/claviger.css\">\n"
      "</head>\n"
      "<body>\n"
      "<header><p>Claviger</p></header>\n"
      "<main>\n"
      "<h1>{}</h1>\n"
      "{}"
      "</main>\n"
      "</body>\n"
      "</html>\n",
      {status >= 400 ? "Error: " : "", title.text(), title.text(), body});
  http::Response response{status, kHtml, document.markup(), {}};
  Harden(response);
  return response;
}

Html Problem(std::string_view sentence) {
  if (sentence.empty()) return {};
  return Fill("<p role=\"alert\" class=\"problem\"><strong>Error:</strong> {}</p>\n", {sentence});
}

Html FormTokenInput(std::string_view form_token) {
  return Fill("<input type=\"hidden\" name=\"form_token\" value=\"{}\">\n", {form_token});
}

api::Refusal RefusalWith(const Template& way_back) {
  return [way_back](const Error& error) {
    const http::Response problem = http::Problem(error);
    http::Response page = Page(problem.status, "This did not work",
                               Fill("{}{}", {Problem(error.detail + "."), Fill(way_back, {})}));
    for (const auto& header : problem.headers) {
      if (header.first == "Retry-After") page.headers.push_back(header);
    }
    return page;
  };
}

std::vector<Route> PageRoutes() {
  return {{.method = http::Method::kGet,
           .pattern = "/assets/claviger.css",
           .operation_id = "getPageStyle",
           .auth = AuthKind::kNone,
           .runs_on = RunsOn::kIoThread,
           .handler = [](Context&) -> Result<http::Response> {
             return http::Response{
                 200,
                 "text/css; charset=utf-8",
                 std::string(kStyle),
                 {{"Cache-Control", "max-age=300"}, {"Cross-Origin-Resource-Policy", "same-origin"}}};
           }}};
}

}  // namespace claviger::api::pages
