#include "config/algorithms.h"
#include "config/build.h"

namespace segw::config {
namespace {

IkeTransform ike_transform(const View& entry) {
  IkeTransform transform;
  transform.id = entry.number<uint16_t>("id");
  const View auth = entry.at("ike-auth-algorithm");
  transform.lifetime = std::chrono::seconds(entry.number<uint32_t>("isakmp-lifetime"));
  const auto ciphers = read_ciphers(entry.at("ike-encryption-algorithm"), auth);
  transform.encryption = ciphers.encryption;
  transform.key_bits = ciphers.key_bits;
  transform.integrity = ciphers.integrity;
  transform.prf = read_prf(entry.at("ike-prf-algorithm"), auth).value_or(transform.prf);
  transform.group = read_group(entry.at("dh-group")).value_or(transform.group);
  return transform;
}

IpsecTransform ipsec_transform(const View& entry) {
  IpsecTransform transform;
  transform.id = entry.number<uint16_t>("id");
  transform.suite =
      read_ciphers(entry.at("esp-encryption-algorithm"), entry.at("esp-auth-algorithm"));
  transform.suite.extended_sequence_numbers = entry.flag("extended-sequence-number");
  if (entry.at("ipsec-lifetime").exists()) {
    transform.lifetime = std::chrono::seconds(entry.number<uint32_t>("ipsec-lifetime"));
  }
  const View pfs = entry.at("pfs-dh-group");
  if (pfs.exists() && pfs.value() != "none") transform.pfs = read_group(pfs);
  return transform;
}

void read_methods(const View& version, IkePolicy& policy) {
  const View client = version.at("auth-method");
  if (client.value() == "cert") {
    policy.auth_method = ike::AuthMethod::Certificate;
  } else if (client.value() != "psk") {
    lacks(client, "psk, cert");
  }
  const View own = version.at("own-auth-method");
  policy.own_auth_method = policy.auth_method;
  if (own.value() == "psk") {
    policy.own_auth_method = ike::AuthMethod::PreSharedKey;
  } else if (own.value() == "cert") {
    policy.own_auth_method = ike::AuthMethod::Certificate;
  } else if (own.value() != "symmetric") {
    lacks(own, "symmetric, psk, cert");
  }
  policy.ppk_required = version.flag("ppk-required");
}

IkePolicy ike_policy(const View& entry, const IkeTransforms& transforms) {
  IkePolicy policy;
  policy.id = entry.number<uint16_t>("id");
  policy.ipsec_lifetime = std::chrono::seconds(entry.number<uint32_t>("ipsec-lifetime"));
  for (const View& id : entry.each("ike-transform")) {
    const auto found = transforms.find(id.value());
    if (found != transforms.end()) policy.transforms.push_back(found->second);
  }
  const View version = entry.at("ike-version-2");
  if (version.exists()) {
    read_methods(version, policy);
  } else {
    entry.refuse("ike-version-2 { } expected: there is no IKE version 1 here");
  }
  policy.match_peer_id_to_cert = entry.flag("match-peer-id-to-cert");
  const View dpd = entry.at("dpd");
  policy.dpd = dpd.exists();
  if (policy.dpd) {
    policy.dpd_interval = std::chrono::seconds(dpd.number<uint16_t>("interval"));
    policy.dpd_max_retries = dpd.number<uint8_t>("max-retries");
    policy.dpd_reply_only = dpd.flag("reply-only");
  }
  policy.nat_traversal = entry.at("nat-traversal").exists();
  const View nat = entry.at("nat-traversal");
  policy.nat_traversal_force = nat.flag("force");
  if (nat.at("keep-alive-interval").exists()) {
    policy.nat_keep_alive_interval =
        std::chrono::seconds(nat.number<uint16_t>("keep-alive-interval"));
  }
  policy.nat_force_keep_alive = !nat.exists() || nat.flag("force-keep-alive");
  policy.options = build_ike_options(entry);
  if (entry.at("pfs").exists()) policy.pfs = read_group(entry.at("pfs").at("dh-group"));
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
  parts.ppk_lists = build_ppk_lists(ipsec);
  return parts;
}

}  // namespace segw::config
