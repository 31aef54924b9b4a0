#include <fmt/format.h>

#include "config/build.h"

// Algorithms: the schema knows what the operator may write, these tables know what this release
// does. Too weak ones are known by name so that the error can say so.

namespace segw::config {
namespace {

template <typename T>
struct Named {
  std::string_view name;
  T value;
};

struct Cipher {
  esp::Encryption encryption;
  uint16_t key_bits;
};

// NOLINTBEGIN(modernize-use-designated-initializers): tables of a name and its value.
constexpr Named<Cipher> kCiphers[] = {
    {"aes-128", {esp::Encryption::AesCbc, 128}},
    {"aes-192", {esp::Encryption::AesCbc, 192}},
    {"aes-256", {esp::Encryption::AesCbc, 256}},
    {"aes128-gcm16", {esp::Encryption::AesGcm16, 128}},
    {"aes192-gcm16", {esp::Encryption::AesGcm16, 192}},
    {"aes256-gcm16", {esp::Encryption::AesGcm16, 256}},
};
constexpr std::string_view kCipherNames =
    "aes-128, aes-192, aes-256, aes128-gcm16, aes256-gcm16, for ESP also aes192-gcm16";

constexpr Named<ike::Group> kGroups[] = {
    {"group-14", ike::Group::Modp2048},
    {"group-19", ike::Group::Ecp256},
    {"group-31", ike::Group::Curve25519},
};
// NOLINTEND(modernize-use-designated-initializers)
constexpr std::string_view kGroupNames = "group-14, group-19, group-31";

template <typename T, size_t N>
std::optional<T> lookup(const Named<T> (&table)[N], std::string_view name) {
  for (const Named<T>& entry : table) {
    if (entry.name == name) return entry.value;
  }
  return std::nullopt;
}

// A default is an algorithm that nobody wrote, so the error says where it comes from.
void lacks(const View& leaf, std::string_view choices) {
  leaf.refuse(fmt::format("{}{} is not available in this release; available: {}", leaf.value(),
                          leaf.by_default() ? " (the default)" : "", choices));
}

std::optional<ike::Group> group(const View& leaf) {
  const auto found = lookup(kGroups, leaf.value());
  if (!found) lacks(leaf, kGroupNames);
  return found;
}

// Integrity that goes with the cipher; files what does not go together.
std::optional<esp::Integrity> integrity(const View& auth, const View& cipher_leaf,
                                        esp::Encryption encryption) {
  const bool combined = auth.value() == "auth-encryption";
  switch (encryption) {
    case esp::Encryption::AesGcm16:
      if (combined) return esp::Integrity::None;
      auth.refuse(
          fmt::format("{} needs auth-encryption here, not {}", cipher_leaf.value(), auth.value()));
      return std::nullopt;
    case esp::Encryption::AesCbc:
      if (auth.value() == "sha-256") return esp::Integrity::HmacSha256_128;
      if (combined) {
        auth.refuse(fmt::format("{} does not authenticate by itself; sha-256 expected",
                                cipher_leaf.value()));
      } else {
        lacks(auth, "sha-256, with AES-GCM auth-encryption");
      }
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<ike::Prf> prf(const View& leaf, const View& auth) {
  if (leaf.value() == "sha-256") return ike::Prf::HmacSha256;
  if (leaf.value() != "same-as-auth") {
    lacks(leaf, "sha-256, same-as-auth");
    return std::nullopt;
  }
  // Any other integrity algorithm has been refused where it stands.
  if (auth.value() == "auth-encryption") {
    leaf.refuse("must be set where ike-auth-algorithm is auth-encryption; sha-256 expected");
  }
  return ike::Prf::HmacSha256;
}

IkeTransform ike_transform(const View& entry) {
  IkeTransform transform;
  const View cipher = entry.at("ike-encryption-algorithm");
  const View auth = entry.at("ike-auth-algorithm");
  transform.lifetime = std::chrono::seconds(entry.number<uint32_t>("isakmp-lifetime"));
  if (const auto found = lookup(kCiphers, cipher.value())) {
    transform.encryption = found->encryption;
    transform.key_bits = found->key_bits;
    transform.integrity = integrity(auth, cipher, found->encryption).value_or(transform.integrity);
  } else {
    lacks(cipher, kCipherNames);
  }
  transform.prf = prf(entry.at("ike-prf-algorithm"), auth).value_or(transform.prf);
  transform.group = group(entry.at("dh-group")).value_or(transform.group);
  return transform;
}

IpsecTransform ipsec_transform(const View& entry) {
  IpsecTransform transform;
  const View cipher = entry.at("esp-encryption-algorithm");
  if (const auto found = lookup(kCiphers, cipher.value())) {
    transform.suite.encryption = found->encryption;
    transform.suite.key_bits = found->key_bits;
    transform.suite.integrity = integrity(entry.at("esp-auth-algorithm"), cipher, found->encryption)
                                    .value_or(transform.suite.integrity);
  } else {
    lacks(cipher, kCipherNames);
  }
  transform.suite.extended_sequence_numbers = entry.flag("extended-sequence-number");
  if (entry.at("ipsec-lifetime").exists()) {
    transform.lifetime = std::chrono::seconds(entry.number<uint32_t>("ipsec-lifetime"));
  }
  const View pfs = entry.at("pfs-dh-group");
  if (pfs.exists() && pfs.value() != "none") transform.pfs = group(pfs);
  return transform;
}

void check_methods(const View& version) {
  const View client = version.at("auth-method");
  if (client.value() != "psk") lacks(client, "psk");
  const View own = version.at("own-auth-method");
  if (own.value() != "symmetric" && own.value() != "psk") lacks(own, "symmetric, psk");
}

IkePolicy ike_policy(const View& entry, const IkeTransforms& transforms) {
  IkePolicy policy;
  policy.ipsec_lifetime = std::chrono::seconds(entry.number<uint32_t>("ipsec-lifetime"));
  for (const View& id : entry.each("ike-transform")) {
    const auto found = transforms.find(id.value());
    if (found != transforms.end()) policy.transforms.push_back(found->second);
  }
  const View version = entry.at("ike-version-2");
  if (version.exists()) {
    check_methods(version);
  } else {
    entry.refuse("ike-version-2 { } expected: there is no IKE version 1 here");
  }
  const View dpd = entry.at("dpd");
  policy.dpd = dpd.exists();
  if (policy.dpd) {
    policy.dpd_interval = std::chrono::seconds(dpd.number<uint16_t>("interval"));
    policy.dpd_max_retries = dpd.number<uint8_t>("max-retries");
    policy.dpd_reply_only = dpd.flag("reply-only");
  }
  policy.nat_traversal = entry.at("nat-traversal").exists();
  policy.nat_traversal_force = entry.at("nat-traversal").flag("force");
  if (entry.at("pfs").exists()) policy.pfs = group(entry.at("pfs").at("dh-group"));
  return policy;
}

}  // namespace

IpsecParts build_ipsec(const View& ipsec) {
  IkeTransforms transforms;
  for (const View& entry : ipsec.each("ike-transform")) {
    transforms.emplace(entry.text("id"), ike_transform(entry));
  }
  IpsecParts parts;
  for (const View& entry : ipsec.each("ike-policy")) {
    parts.policies.emplace(entry.text("id"), ike_policy(entry, transforms));
  }
  for (const View& entry : ipsec.each("ipsec-transform")) {
    parts.transforms.emplace(entry.text("id"), ipsec_transform(entry));
  }
  parts.templates = build_templates(ipsec, parts.transforms);
  parts.ts_lists = build_ts_lists(ipsec);
  return parts;
}

}  // namespace segw::config
