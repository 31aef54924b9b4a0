#include "chassis/credentials.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "chassis/specs.h"
#include "ike/authentication.h"

namespace segw::chassis {
namespace {

constexpr size_t kPathMax = 8;

class Loader {
 public:
  Loader(const config::Config& config, const platform::Files& files)
      : config_(config), files_(files) {}

  tl::expected<std::shared_ptr<const Credentials>, config::ConfigErrors> load() {
    for (const config::CaProfile& profile : config_.ca_profiles) {
      if (profile.enabled) read_authority(profile);
    }
    for (const config::CertProfile& profile : config_.cert_profiles) {
      if (!profile.enabled) continue;
      std::vector<ike::OwnCertificate> entries;
      for (const auto& entry : profile.entries) read_entry(entry, entries);
      credentials_->cert_profiles.emplace(
          profile.name,
          std::make_shared<const std::vector<ike::OwnCertificate>>(std::move(entries)));
    }
    for (const config::TrustAnchorProfile& profile : config_.trust_anchor_profiles) {
      read_anchors(profile);
    }
    if (!errors_.empty()) return tl::unexpected(std::move(errors_));
    return std::shared_ptr<const Credentials>(std::move(credentials_));
  }

 private:
  void refuse(const std::string& path, std::string text) {
    errors_.push_back(config::ConfigError{.path = path, .text = std::move(text)});
  }

  std::optional<Bytes> read(const std::string& path, const std::string& name, bool optional) {
    auto contents = files_.read(name);
    if (!contents) {
      refuse(path, contents.error().text);
      return std::nullopt;
    }
    if (!*contents && !optional) {
      refuse(path, fmt::format("{} is not in the PKI folder", name));
    }
    return std::move(*contents);
  }

  std::vector<crypto::Certificate> read_certificates(const std::string& path,
                                                     const std::string& name) {
    const auto contents = read(path, name, false);
    if (!contents) return {};
    auto parsed = crypto::parse_certificates(*contents);
    if (parsed) return std::move(*parsed);
    refuse(path, fmt::format("{} {}", name, parsed.error().text));
    return {};
  }

  void read_authority(const config::CaProfile& profile) {
    const auto found = read_certificates(profile.path + "/cert-file", profile.cert_file);
    if (found.size() > 1) {
      refuse(profile.path + "/cert-file",
             fmt::format("{} holds more than one certificate", profile.cert_file));
    }
    if (found.size() == 1) authorities_.emplace(profile.name, found.front());
    if (profile.crl_file.empty()) return;
    const std::string path = profile.path + "/crl-file";
    const auto contents = read(path, profile.crl_file, profile.crl_optional);
    if (!contents) return;
    auto crl = crypto::Crl::parse(*contents);
    if (!crl) return refuse(path, fmt::format("{} {}", profile.crl_file, crl.error().text));
    // Else every certificate below would count as of unknown status, and nobody would know why.
    if (found.size() == 1 && !crl->is_issued_by(found.front())) {
      return refuse(path, fmt::format("{} is not of {}", profile.crl_file, profile.cert_file));
    }
    crls_.push_back(std::move(*crl));
  }

  void read_entry(const config::CertProfile::Entry& entry,
                  std::vector<ike::OwnCertificate>& entries) {
    auto certificates = read_certificates(entry.path + "/cert", entry.cert);
    auto contents = read(entry.path + "/key", entry.key, false);
    if (certificates.empty() || !contents) return;
    auto key = crypto::parse_private_key(*contents);
    OPENSSL_cleanse(contents->data(), contents->size());
    if (!key) {
      return refuse(entry.path + "/key", fmt::format("{} {}", entry.key, key.error().text));
    }
    ike::OwnCertificate own{.certificate = certificates.front(),
                            .chain = {certificates.begin() + 1, certificates.end()},
                            .private_key = std::move(*key),
                            .rsa_pss = entry.rsa_pss,
                            .authorities = {}};
    if (!crypto::belongs_to(own.private_key, own.certificate)) {
      return refuse(entry.path + "/key",
                    fmt::format("{} is not the key of {}", entry.key, entry.cert));
    }
    if (own.certificate.key_kind() == crypto::KeyKind::Rsa &&
        own.certificate.key_bits() < crypto::kRsaBitsMin) {
      return refuse(entry.path + "/cert",
                    fmt::format("{} has an RSA key of {} bits, at least {} "
                                "are needed",
                                entry.cert, own.certificate.key_bits(), crypto::kRsaBitsMin));
    }
    for (const std::string& name : entry.send_chain) {
      const auto authority = authorities_.find(name);
      if (authority != authorities_.end()) own.chain.push_back(authority->second);
    }
    if (own.chain.size() + 1 > ike::kCertPayloadsMax) {
      return refuse(entry.path, fmt::format("at most {} certificates are sent, these are {}",
                                            ike::kCertPayloadsMax, own.chain.size() + 1));
    }
    own.authorities = authorities_above(own.certificate, own.chain);
    entries.push_back(std::move(own));
  }

  // Whom a client may ask for to get this certificate.
  [[nodiscard]] std::vector<Bytes> authorities_above(
      const crypto::Certificate& from, const std::vector<crypto::Certificate>& chain) const {
    std::vector<crypto::Certificate> known = chain;
    for (const auto& [name, authority] : authorities_) known.push_back(authority);
    std::vector<Bytes> digests;
    crypto::Certificate below = from;
    while (digests.size() < kPathMax) {
      const auto above =
          std::ranges::find_if(known, [&](const auto& each) { return below.is_issued_by(each); });
      if (above == known.end() || above->der() == below.der()) break;
      digests.push_back(above->key_digest());
      below = *above;
    }
    return digests;
  }

  void read_anchors(const config::TrustAnchorProfile& profile) {
    std::vector<crypto::Certificate> anchors;
    for (const std::string& name : profile.ca_profiles) {
      const auto authority = authorities_.find(name);
      if (authority != authorities_.end()) anchors.push_back(authority->second);
    }
    // Of every authority: those between a client and its anchor revoke too.
    credentials_->trust_anchor_profiles.emplace(profile.name,
                                                crypto::TrustAnchors::make(anchors, crls_));
  }

  const config::Config& config_;
  const platform::Files& files_;
  config::ConfigErrors errors_;
  std::map<std::string, crypto::Certificate> authorities_;
  std::vector<crypto::Crl> crls_;
  std::shared_ptr<Credentials> credentials_ = std::make_shared<Credentials>();
};

}  // namespace

tl::expected<std::shared_ptr<const Credentials>, config::ConfigErrors> load_credentials(
    const config::Config& config, const platform::Files& files) {
  return Loader(config, files).load();
}

void set_authentication(const config::PeerAuth& configured, const config::IkePolicy& policy,
                        const Credentials& credentials, ike::TunnelSettings& settings) {
  ike::AuthSettings& auth = settings.auth;
  auth.own = policy.own_auth_method;
  auth.peer = policy.auth_method;
  auth.match_peer_id_to_cert = policy.match_peer_id_to_cert;
  auth.ppk_required = policy.ppk_required;
  settings.local_id = configured.local_id.value_or(address_identity(settings.local_gateway));
  settings.remote_id = configured.remote_id.value_or(address_identity(settings.remote_gateway));
  auth.subject_is_local_id = !configured.local_id && auth.own == ike::AuthMethod::Certificate;
  auth.any_remote_id = !configured.remote_id && auth.peer == ike::AuthMethod::Certificate;
  const auto own = credentials.cert_profiles.find(configured.cert_profile);
  if (own != credentials.cert_profiles.end()) auth.certificates = own->second;
  const auto anchors = credentials.trust_anchor_profiles.find(configured.trust_anchor_profile);
  if (anchors != credentials.trust_anchor_profiles.end()) auth.anchors = anchors->second;
  auth.unknown_status = configured.unknown_status_is_good ? crypto::UnknownStatus::IsGood
                                                          : crypto::UnknownStatus::IsRevoked;
  auth.ppks = configured.ppks;
  auth.ppk_id = configured.ppk_id;
}

}  // namespace segw::chassis
