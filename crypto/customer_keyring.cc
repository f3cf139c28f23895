#include "crypto/customer_keyring.h"

#include <utility>

#include "crypto/canonical.h"

namespace claviger::crypto {
namespace {

bool HasCustomer(const Keyring::DekToMake& dek) { return dek.kek.customer.has_value(); }
bool HasCustomer(const Keyring::DekToOpen& dek) { return dek.kek.customer.has_value(); }
bool HasCustomer(const Keyring::DekToReseal& dek) {
  return dek.from.customer.has_value() || dek.to.customer.has_value();
}

// Answers of `many` for those without a customer's key, in the places of these.
template <class Answer, class Asked, class Many>
std::vector<std::optional<Answer>> WithoutCustomers(const std::vector<Asked>& deks, const Many& many) {
  std::vector<size_t> places;
  std::vector<Asked> plain;
  for (size_t i = 0; i < deks.size(); ++i) {
    if (HasCustomer(deks[i])) continue;
    places.push_back(i);
    plain.push_back(deks[i]);
  }
  if (plain.size() == deks.size()) return many(deks);
  std::vector<std::optional<Answer>> answers(deks.size());
  auto answered = many(plain);
  for (size_t n = 0; n < places.size(); ++n) answers[places[n]] = std::move(answered[n]);
  return answers;
}

}  // namespace

Bytes CustomerDekAad(const CustomerKeyId& id, ByteView aad) {
  return CanonicalWriter("claviger/customer-dek/1").Field(id.Bytes()).Field(aad).Take();
}

Result<SealedDek> CustomerKeyring::AddLayer(const WrappedKek& kek, SealedDek dek, ByteView aad) {
  if (!kek.customer) return dek;
  const CustomerKey& key = *kek.customer;
  TRY(auto sealed, tokens_.Seal(kek.identity.org, key, CustomerDekAad(key.id, aad), dek.bytes));
  return SealedDek{std::move(sealed)};
}

Result<SealedDek> CustomerKeyring::RemoveLayer(const WrappedKek& kek, const SealedDek& dek, ByteView aad) {
  if (!kek.customer) return dek;
  const CustomerKey& key = *kek.customer;
  TRY(auto opened, tokens_.Open(kek.identity.org, key, CustomerDekAad(key.id, aad), dek.bytes));
  return SealedDek{std::move(opened)};
}

Result<Keyring::NewDek> CustomerKeyring::GenerateDek(const WrappedKek& kek, ByteView aad) {
  TRY(auto made, keyring_->GenerateDek(kek, aad));
  TRY(made.sealed, AddLayer(kek, std::move(made.sealed), aad));
  return made;
}

Result<Dek> CustomerKeyring::OpenDek(const WrappedKek& kek, const SealedDek& sealed, ByteView aad) {
  TRY(const auto inner, RemoveLayer(kek, sealed, aad));
  return keyring_->OpenDek(kek, inner, aad);
}

Result<SealedDek> CustomerKeyring::SealDek(const WrappedKek& kek, const Dek& dek, ByteView aad) {
  TRY(auto sealed, keyring_->SealDek(kek, dek, aad));
  return AddLayer(kek, std::move(sealed), aad);
}

Result<SealedDek> CustomerKeyring::ResealDek(const DekToReseal& dek) {
  TRY(const auto inner, RemoveLayer(dek.from, dek.sealed, dek.from_aad));
  TRY(auto resealed, keyring_->ResealDek({dek.from, inner, dek.from_aad, dek.to, dek.to_aad}));
  return AddLayer(dek.to, std::move(resealed), dek.to_aad);
}

std::vector<std::optional<Keyring::NewDek>> CustomerKeyring::GenerateDeks(
    const std::vector<DekToMake>& deks) {
  return WithoutCustomers<NewDek>(deks, [this](const auto& plain) { return keyring_->GenerateDeks(plain); });
}

std::vector<std::optional<Dek>> CustomerKeyring::OpenDeks(const std::vector<DekToOpen>& deks) {
  return WithoutCustomers<Dek>(deks, [this](const auto& plain) { return keyring_->OpenDeks(plain); });
}

std::vector<std::optional<SealedDek>> CustomerKeyring::ResealDeks(const std::vector<DekToReseal>& deks) {
  return WithoutCustomers<SealedDek>(deks, [this](const auto& plain) { return keyring_->ResealDeks(plain); });
}

}  // namespace claviger::crypto
