// The module's AES Key Wrap with Padding against the vectors of RFC 5649, as CKM_AES_KEY_WRAP_KWP of PKCS#11
// 3.0. Not run on SoftHSM, which lacks it; its CKM_AES_KEY_WRAP_PAD, like that of NSS, fills the key up
// before it pads as the RFC says. KEKs are 32 bytes and wrapped without padding, so nothing depends on it.

#include "tests/hsm/wrap_vector.h"

using namespace claviger::hsm::tests;

constexpr CK_MECHANISM_TYPE kKeyWrapKwp = 0x210b;

constexpr Vector kKeyWrapWithPadding[] = {
    {"RFC 5649 6, 20 octets", kKeyWrapKwp, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
     "c37b7e6492584340bed12207808941155068f738",
     "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
    {"RFC 5649 6, 7 octets", kKeyWrapKwp, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
     "466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"},
};

TEST_CASE_FIXTURE(OpenToken, "The module wraps and unwraps with padding as RFC 5649 says") {
  for (const Vector& vector : kKeyWrapWithPadding) CheckVector(*raw, vector);
}
