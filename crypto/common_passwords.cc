#include "crypto/common_passwords.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/secret_bytes.h"

namespace claviger::crypto {
namespace {

// Of the lists of leaked passwords, those that the length rule alone lets through. Lower case.
constexpr std::string_view kCommon[] = {
    "000000000000",     "111111111111",   "121212121212",        "123123123123",
    "1234567890-=",     "123456789012",   "1234567890123",       "123456789123",
    "1234567891011",    "12345678910112", "123456789abc",        "123456789qwe",
    "12345qwertasdfg",  "1q2w3e4r5t6y",   "1q2w3e4r5t6y7u8i",    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv", "987654321098",   "999999999999",        "aaaaaaaaaaaa",
    "abc123456789",     "abcdefghijkl",   "abcdefghijklm",       "administrator",
    "adminadminadmin",  "asdfghjkl123",   "asdfghjkl;'\\",       "changemechangeme",
    "changeme1234",     "changeme12345",  "computer1234",        "correcthorsebatterystaple",
    "football1234",     "iloveyou1234",   "iloveyouforever",     "letmeinletmein",
    "letmein12345",     "liverpool123",   "masterpassword",      "mypassword12",
    "mypassword123",    "p@ssw0rd1234",   "p@ssword1234",        "passpasspass",
    "passw0rd1234",     "password!123",   "password1234",        "password1234!",
    "password12345",    "password123456", "password@123",        "passwordpassword",
    "princess1234",     "q1w2e3r4t5y6",   "qazwsxedcrfv",        "qwerty123456",
    "qwerty1234567",    "qwertyqwerty",   "qwertyuiop12",        "qwertyuiop123",
    "qwertyuiop[]",     "qwertyuiopas",   "qwertyuiopasdfghjkl", "secretsecret",
    "sunshine1234",     "superman1234",   "testtesttest",        "unbelievable",
    "welcome12345",     "welcome@1234",   "zxcvbnm,./12",        "zxcvbnm12345",
};

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool LessInLowerCase(std::string_view left, std::string_view right) {
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end(),
                                      [](char a, char b) { return ToLower(a) < ToLower(b); });
}

constexpr size_t kLeastLeft = 8;
constexpr size_t kLeastOwnWord = 4;

// In the order in which they are taken out: what holds another comes before it.
constexpr std::string_view kCounting[] = {"0123456789", "1234567890", "123456789", "987654321", "12345678",
                                          "1234567",    "123456",     "654321",    "12345",     "1234"};
constexpr std::string_view kWords[] = {
    "administrator", "password", "passwort", "iloveyou", "princess", "baseball", "football",   "starwars",
    "sunshine",      "superman", "trustnol", "changeme", "computer", "internet", "qwertyuiop", "asdfghjkl",
    "claviger",      "default",  "letmein",  "welcome",  "zxcvbnm",  "qwerty",   "qwertz",     "azerty",
    "asdfgh",        "monkey",   "dragon",   "master",   "secret",   "shadow",   "summer",     "winter",
    "admin",         "login",    "hello",    "guest",    "lclaw",
};

char Undress(char c) {
  constexpr std::string_view kDressed = "013457@$!";
  constexpr std::string_view kPlain = "oleastasl";
  const size_t at = kDressed.find(c);
  return at == std::string_view::npos ? c : kPlain[at];
}

bool IsWordChar(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Of "ann.smith@example.org": itself, then smith and example. What is shorter, or ends the domain, is in too
// many passwords.
std::vector<std::string> WordsOf(std::string_view email) {
  std::vector<std::string> words(2);
  for (const char c : email) words.front() += Undress(ToLower(c));
  for (const char c : email.substr(0, email.rfind('.'))) {
    if (IsWordChar(ToLower(c))) {
      words.back() += Undress(ToLower(c));
    } else {
      words.emplace_back();
    }
  }
  std::erase_if(words, [](const std::string& word) { return word.size() < kLeastOwnWord; });
  return words;
}

void TakeOut(std::string& text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word))
    text.erase(at, word.size());
}

}  // namespace

bool IsDressedUp(std::string_view password, std::string_view email) {
  std::string left(password);
  std::transform(left.begin(), left.end(), left.begin(), ToLower);
  for (const std::string_view digits : kCounting) TakeOut(left, digits);
  std::transform(left.begin(), left.end(), left.begin(), Undress);
  for (const std::string& word : WordsOf(email)) TakeOut(left, word);
  for (const std::string_view word : kWords) TakeOut(left, word);
  const bool dressed_up = left.size() < password.size() && left.size() < kLeastLeft;
  left.resize(left.capacity());
  Wipe(left.data(), left.size());
  return dressed_up;
}

bool IsCommonPassword(std::string_view password) {
  return std::any_of(std::begin(kCommon), std::end(kCommon), [&](std::string_view common) {
    return std::equal(password.begin(), password.end(), common.begin(), common.end(),
                      [](char given, char listed) { return ToLower(given) == listed; });
  });
}

PasswordBlocklist::PasswordBlocklist(std::string text) : text_(std::move(text)) {
  std::string_view rest = text_;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines_.push_back(line);
  }
  std::sort(lines_.begin(), lines_.end(), LessInLowerCase);
}

bool PasswordBlocklist::Contains(std::string_view password) const {
  return std::binary_search(lines_.begin(), lines_.end(), password, LessInLowerCase);
}

}  // namespace claviger::crypto
