#include "crypto/common_passwords.h"

#include <algorithm>

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

}  // namespace

bool IsCommonPassword(std::string_view password) {
  return std::any_of(std::begin(kCommon), std::end(kCommon), [&](std::string_view common) {
    return std::equal(password.begin(), password.end(), common.begin(), common.end(),
                      [](char given, char listed) { return ToLower(given) == listed; });
  });
}

}  // namespace claviger::crypto
