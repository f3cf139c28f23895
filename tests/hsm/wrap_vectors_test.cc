// The module's AES Key Wrap against the vectors of RFC 3394.

#include "tests/hsm/wrap_vector.h"

using namespace claviger::hsm::tests;

constexpr Vector kKeyWrap[] = {
    {"RFC 3394 4.1", CKM_AES_KEY_WRAP, "000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff",
     "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"},
    {"RFC 3394 4.3", CKM_AES_KEY_WRAP, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "00112233445566778899aabbccddeeff", "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"},
    {"RFC 3394 4.6", CKM_AES_KEY_WRAP, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
     "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
};

TEST_CASE_FIXTURE(OpenToken, "The module wraps and unwraps as RFC 3394 says") {
  for (const Vector& vector : kKeyWrap) CheckVector(*raw, vector);
}
