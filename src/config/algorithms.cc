#include "config/algorithms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "config/names.h"
#include "crypto/crypto.h"
#include "esp/algorithm.h"

namespace segw::config {
namespace {

// NOLINTBEGIN(modernize-use-designated-initializers): a table of a name and its value.
struct NamedPrf {
  std::string_view name;
  ike::Prf prf;
};
constexpr NamedPrf kPrfs[] = {
    {"sha-1", ike::Prf::HmacSha1},     {"sha-256", ike::Prf::HmacSha256},
    {"sha-384", ike::Prf::HmacSha384}, {"sha-512", ike::Prf::HmacSha512},
    {"aes-xcbc", ike::Prf::AesXcbc},
};
// NOLINTEND(modernize-use-designated-initializers)

// RFC 8247 2 and RFC 8221 5 and 6 want them gone ("SHOULD NOT", "MUST-"); old clients have nothing
// else. NULL is as strong as its integrity, but hides nothing.
constexpr std::array<std::string_view, 4> kWeak{"sha-1", "group-2", "group-5", "null"};
// "MUST NOT" there, and Triple DES for its blocks of 64 bits; never implemented here.
constexpr std::array<std::string_view, 4> kTooWeak{"des", "des-3", "md-5", "group-1"};

template <size_t N>
bool one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string as_written(const View& leaf) {
  return leaf.value() + (leaf.by_default() ? " (the default)" : "");
}

void warn_if_weak(const View& leaf) {
  if (!one_of(kWeak, leaf.value())) return;
  leaf.warn(kWeakAlgorithm, fmt::format("{} {}", as_written(leaf),
                                        leaf.value() == "null" ? "does not encrypt" : "is weak"));
}

std::string group_names() {
  constexpr uint32_t kNumberMax = 64;
  std::string names;
  for (uint32_t number = 1; number < kNumberMax; ++number) {
    if (!crypto::is_dh_group(number)) continue;
    names += fmt::format("{}group-{}", names.empty() ? "" : ", ", number);
  }
  return names;
}

}  // namespace

// A default is an algorithm that nobody wrote, so the error says where it comes from.
void lacks(const View& leaf, std::string_view choices) {
  leaf.refuse(fmt::format(
      "{} is {} in this release; available: {}", as_written(leaf),
      one_of(kTooWeak, leaf.value()) ? "too weak and not available" : "not available", choices));
}

esp::Suite read_ciphers(const View& encryption, const View& auth) {
  const bool for_esp = encryption.path().ends_with("esp-encryption-algorithm");
  esp::Suite suite{.encryption = esp::Encryption::AesCbc,
                   .key_bits = 128,
                   .integrity = esp::Integrity::HmacSha256_128};
  const auto cipher = esp::encryption_named(encryption.value());
  if (!cipher) {
    lacks(encryption, esp::encryption_names(for_esp));
    return suite;
  }
  const auto integrity = esp::integrity_named(auth.value());
  if (!integrity) {
    // `null` is a name of ESP's alone: no integrity at all.
    lacks(auth, esp::integrity_names() + ", auth-encryption");
    return suite;
  }
  const bool combined = esp::algorithm(cipher->encryption).combined();
  const bool none = *integrity == esp::Integrity::None;
  if (combined && !none) {
    auth.refuse(
        fmt::format("{} needs auth-encryption here, not {}", encryption.value(), as_written(auth)));
    return suite;
  }
  if (!combined && none) {
    auth.refuse(fmt::format("{} does not authenticate by itself; expected: {}", encryption.value(),
                            esp::integrity_names()));
    return suite;
  }
  warn_if_weak(encryption);
  warn_if_weak(auth);
  suite.encryption = cipher->encryption;
  suite.key_bits = cipher->key_bits;
  suite.integrity = *integrity;
  return suite;
}

std::optional<ike::Prf> read_prf(const View& prf, const View& auth) {
  std::string names = "same-as-auth";
  for (const NamedPrf& each : kPrfs) names += fmt::format(", {}", each.name);
  const bool same = prf.value() == "same-as-auth";
  if (same && auth.value() == "auth-encryption") {
    prf.refuse(fmt::format("must be set where ike-auth-algorithm is auth-encryption; one of: {}",
                           names.substr(names.find(' ') + 1)));
    return std::nullopt;
  }
  const std::string name = same ? auth.value() : prf.value();
  const auto at = std::ranges::find(kPrfs, name, &NamedPrf::name);
  if (at == std::end(kPrfs)) {
    // An integrity algorithm that there is not has been refused where it stands.
    if (!same) lacks(prf, names);
    return std::nullopt;
  }
  if (!same) warn_if_weak(prf);
  return at->prf;
}

std::optional<ike::Group> read_group(const View& group) {
  constexpr std::string_view kPrefix = "group-";
  const std::string name = group.value();
  uint32_t number = 0;
  if (name.starts_with(kPrefix)) {
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), number);
  }
  if (!crypto::is_dh_group(number)) {
    lacks(group, group_names());
    return std::nullopt;
  }
  warn_if_weak(group);
  return static_cast<ike::Group>(number);
}

std::string_view name(ike::Prf prf) {
  const auto* at = std::ranges::find(kPrfs, prf, &NamedPrf::prf);
  return at == std::end(kPrfs) ? "unknown" : at->name;
}

std::string name(ike::Group group) { return fmt::format("group-{}", static_cast<unsigned>(group)); }

}  // namespace segw::config
