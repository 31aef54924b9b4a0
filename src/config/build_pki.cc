#include <fmt/format.h>

#include <algorithm>

#include "config/build.h"
#include "crypto/certificate.h"

// Who the ends of a tunnel are. The files that profiles name are not read here
// (chassis/credentials.h).

namespace segw::config {
namespace {

constexpr std::string_view kHexMark = "0x";

void must_be_set(const View& leaf) {
  if (!leaf.exists() && !leaf.was_refused()) leaf.refuse("is missing and must be set");
}

ike::Identity text_identity(uint8_t type, const std::string& text) {
  return {.type = type, .data = to_bytes(as_bytes(text))};
}

std::optional<ike::Identity> key_identity(const View& leaf) {
  const std::string text = leaf.value();
  if (!text.starts_with(kHexMark)) return text_identity(ike::kIdKey, text);
  const auto bytes = hex_bytes(std::string_view(text).substr(kHexMark.size()));
  if (!bytes) {
    leaf.refuse("an even number of hexadecimal digits expected behind 0x");
    return std::nullopt;
  }
  return ike::Identity{.type = ike::kIdKey, .data = *bytes};
}

std::optional<ike::Identity> identity(const View& id) {
  for (const auto& [leaf, type] : {std::pair("ipv4", ike::kIdIpv4), {"ipv6", ike::kIdIpv6}}) {
    if (const auto address = id.address(leaf)) {
      return ike::Identity{.type = type, .data = to_bytes(address->bytes())};
    }
  }
  for (const auto& [leaf, type] : {std::pair("fqdn", ike::kIdFqdn), {"email", ike::kIdEmail}}) {
    if (id.at(leaf).exists()) return text_identity(type, id.text(leaf));
  }
  if (id.at("key-id").exists()) return key_identity(id.at("key-id"));
  if (!id.at("dn").exists()) return std::nullopt;
  auto name = crypto::parse_name(id.text("dn"));
  if (!name) {
    id.at("dn").refuse(name.error().text);
    return std::nullopt;
  }
  return ike::Identity{.type = ike::kIdDn, .data = std::move(*name)};
}

CaProfile ca_profile(const View& entry) {
  CaProfile profile{.name = entry.text("name"),
                    .path = entry.path(),
                    .enabled = entry.enabled(),
                    .cert_file = entry.text("cert-file"),
                    .crl_file = entry.text("crl-file"),
                    .crl_optional = entry.text("revocation-check") == "crl-optional"};
  if (!profile.enabled) return profile;
  must_be_set(entry.at("cert-file"));
  if (!profile.crl_optional) must_be_set(entry.at("crl-file"));
  return profile;
}

CertProfile cert_profile(const View& view) {
  CertProfile profile{
      .name = view.text("name"), .path = view.path(), .enabled = view.enabled(), .entries = {}};
  for (const View& entry : view.each("entry")) {
    CertProfile::Entry made{.id = entry.number<uint8_t>("id"),
                            .path = entry.path(),
                            .cert = entry.text("cert"),
                            .key = entry.text("key"),
                            .rsa_pss = entry.text("rsa-signature") == "pss",
                            .send_chain = {}};
    for (const View& ca : entry.at("send-chain").each("ca-profile")) {
      made.send_chain.push_back(ca.value());
    }
    if (profile.enabled) {
      must_be_set(entry.at("cert"));
      must_be_set(entry.at("key"));
    }
    profile.entries.push_back(std::move(made));
  }
  if (profile.enabled && profile.entries.empty()) view.refuse("entry expected");
  std::ranges::sort(profile.entries, {}, &CertProfile::Entry::id);
  return profile;
}

SecretBytes ppk_secret(const View& entry) {
  const View secret = entry.at("secret");
  if (entry.text("format") != "hexadecimal" || !secret.exists()) {
    return SecretBytes(as_bytes(secret.value()));
  }
  const auto bytes = hex_bytes(secret.value());
  if (!bytes) secret.refuse("an even number of hexadecimal digits expected");
  return bytes ? SecretBytes(*bytes) : SecretBytes();
}

// What authentication by certificate needs: a profile that is there and in operation.
void check_profile(const View& leaf, const CertProfile* profile) {
  must_be_set(leaf);
  if (profile != nullptr && !profile->enabled) {
    leaf.refuse(fmt::format("cert-profile \"{}\" is disabled", profile->name));
  }
}

void check_anchors(const View& leaf, const Config& config, const std::string& name) {
  must_be_set(leaf);
  const auto profile =
      std::ranges::find(config.trust_anchor_profiles, name, &TrustAnchorProfile::name);
  if (profile == config.trust_anchor_profiles.end()) return;
  if (profile->ca_profiles.empty()) {
    leaf.refuse(fmt::format("trust-anchor-profile \"{}\" has no trust-anchor", name));
  }
  for (const std::string& each : profile->ca_profiles) {
    const auto ca = std::ranges::find(config.ca_profiles, each, &CaProfile::name);
    if (ca != config.ca_profiles.end() && !ca->enabled) {
      leaf.refuse(
          fmt::format(R"(ca-profile "{}" of trust-anchor-profile "{}" is disabled)", each, name));
    }
  }
}

void read_ppk(const View& ppk, const IkePolicy& policy, const IpsecParts& parts, PeerAuth& auth) {
  const auto list = parts.ppk_lists.find(ppk.text("list"));
  if (list != parts.ppk_lists.end()) auth.ppks = list->second;
  auth.ppk_id = to_bytes(as_bytes(ppk.text("id")));
  if (policy.ppk_required) must_be_set(ppk.at("list"));
  if (auth.ppk_id.empty() || auth.ppks == nullptr) return;
  if (std::ranges::find(*auth.ppks, auth.ppk_id, &ike::Ppk::id) == auth.ppks->end()) {
    ppk.at("id").refuse(fmt::format("ppk-list \"{}\" has no such ppk", ppk.text("list")));
  }
}

}  // namespace

std::optional<Bytes> hex_bytes(std::string_view digits) {
  Bytes bytes;
  if (digits.empty() || digits.size() % 2 != 0) return std::nullopt;
  for (size_t at = 0; at < digits.size(); at += 2) {
    uint8_t byte = 0;
    const char* from = digits.data() + at;
    const auto [end, error] = std::from_chars(from, from + 2, byte, 16);
    if (error != std::errc{} || end != from + 2) return std::nullopt;
    bytes.push_back(byte);
  }
  return bytes;
}

void build_pki(const View& root, Config& config) {
  for (const View& entry : root.at("system").at("security").at("pki").each("ca-profile")) {
    config.ca_profiles.push_back(ca_profile(entry));
  }
  const View ipsec = root.at("ipsec");
  for (const View& entry : ipsec.each("cert-profile")) {
    config.cert_profiles.push_back(cert_profile(entry));
  }
  for (const View& entry : ipsec.each("trust-anchor-profile")) {
    TrustAnchorProfile profile{.name = entry.text("name"), .ca_profiles = {}};
    for (const View& anchor : entry.each("trust-anchor")) {
      profile.ca_profiles.push_back(anchor.text("ca-profile"));
    }
    config.trust_anchor_profiles.push_back(std::move(profile));
  }
}

PpkLists build_ppk_lists(const View& ipsec) {
  PpkLists lists;
  for (const View& list : ipsec.each("ppk-list")) {
    PpkList made;
    for (const View& entry : list.each("ppk")) {
      made.push_back(
          ike::Ppk{.id = to_bytes(as_bytes(entry.text("id"))), .key = ppk_secret(entry)});
    }
    lists.emplace(list.text("name"), std::make_shared<const PpkList>(std::move(made)));
  }
  return lists;
}

PeerAuth build_peer_auth(const View& at, const IkePolicy& policy, const IpsecParts& parts,
                         const Config& config) {
  const View cert = at.at("cert");
  PeerAuth auth;
  auth.cert_profile = cert.text("cert-profile");
  auth.trust_anchor_profile = cert.text("trust-anchor-profile");
  auth.unknown_status_is_good = cert.at("status-verify").text("default-result") == "good";
  auth.local_id = identity(at.at("id"));
  auth.remote_id = identity(at.at("remote-id"));
  if (policy.own_auth_method == ike::AuthMethod::Certificate) {
    const auto profile =
        std::ranges::find(config.cert_profiles, auth.cert_profile, &CertProfile::name);
    check_profile(cert.at("cert-profile"),
                  profile == config.cert_profiles.end() ? nullptr : &*profile);
  }
  if (policy.auth_method == ike::AuthMethod::Certificate) {
    check_anchors(cert.at("trust-anchor-profile"), config, auth.trust_anchor_profile);
  }
  read_ppk(at.at("ppk"), policy, parts, auth);
  return auth;
}

}  // namespace segw::config
