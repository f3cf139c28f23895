// Linked into the programs of sanitizer builds that load SoftHSM, and into no other. SoftHSM 2.6.1 keeps an
// ASN.1 string of every EdDSA signature; the recorded stack ends inside libcrypto, so that function is named.
// Leaks of our own through the same function are found by the programs that do without this file.

extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libsofthsm2.so\nleak:ASN1_STRING_set\nleak:ASN1_STRING_type_new\nleak:CRYPTO_zalloc\n";
}
