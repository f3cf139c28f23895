#include "hsm/failure.h"

#include <doctest/doctest.h>

#include "hsm/template.h"

using namespace claviger;
using namespace claviger::hsm;

TEST_CASE("Return codes have names, known or not") {
  CHECK(ReturnCodeName(CKR_OK) == "CKR_OK");
  CHECK(ReturnCodeName(CKR_PIN_INCORRECT) == "CKR_PIN_INCORRECT");
  CHECK(ReturnCodeName(0x80000001) == "CKR_0x80000001");
}

TEST_CASE("A failure becomes an error that keeps its code and says nothing inside to the caller") {
  const Error error = ToError(Check(CKR_DEVICE_ERROR, "C_Sign").error());
  CHECK(error.kind == ErrorKind::kUnavailable);
  CHECK(error.ck_rv == CKR_DEVICE_ERROR);
  CHECK(error.cause == "C_Sign: CKR_DEVICE_ERROR");
  CHECK(error.detail.find("C_Sign") == std::string::npos);
  CHECK(ToError(Check(CKR_MECHANISM_INVALID, "C_Sign").error()).kind == ErrorKind::kInternal);
  CHECK(ToError(NotAuthentic("blob")).kind == ErrorKind::kIntegrity);
  CHECK(ToError(Refused(ErrorKind::kNotFound, "No token")).detail == "No token");
}

TEST_CASE("A refused PIN never has a remedy that tries again") {
  for (const CK_RV rv : {CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_EXPIRED, CKR_PIN_INVALID,
                         CKR_PIN_LEN_RANGE, CKR_USER_PIN_NOT_INITIALIZED}) {
    CHECK(RemedyFor(rv) == Remedy::kOperator);
  }
}

TEST_CASE("A template keeps order, values and inner templates when it moves") {
  Template inner;
  inner.Bool(CKA_EXTRACTABLE, false);
  Template first;
  first.Text(CKA_LABEL, "name").Nested(CKA_UNWRAP_TEMPLATE, std::move(inner)).Bool(CKA_MODIFIABLE, false);
  Template moved = std::move(first);
  REQUIRE(moved.size() == 3);
  CHECK(moved.data()[0].type == CKA_LABEL);
  CHECK(AsText({static_cast<uint8_t*>(moved.data()[0].pValue), moved.data()[0].ulValueLen}) == "name");
  CHECK(moved.data()[1].ulValueLen == sizeof(CK_ATTRIBUTE));
  CHECK(static_cast<CK_ATTRIBUTE*>(moved.data()[1].pValue)->type == CKA_EXTRACTABLE);
  CHECK(moved.data()[2].type == CKA_MODIFIABLE);
}
