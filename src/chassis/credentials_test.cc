#include "chassis/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/testing_certificates.h"
#include "platform/testing/memory_files.h"

namespace segw::chassis {
namespace {

namespace certificates = crypto::testing;
using certificates::issue;
using certificates::KeyType;
using certificates::pem_of;
using testing::HasSubstr;

Bytes file(const std::string& text) { return to_bytes(as_bytes(text)); }

// A root, one between it and our certificate, and profiles that name their files.
struct Folder {
  Folder() {
    files.files["root.crt"] = file(pem_of(root.certificate));
    files.files["root.crl"] = certificates::revoke(root, {});
    files.files["middle.crt"] = middle.certificate.der();
    files.files["middle.crl"] = certificates::revoke(middle, {});
    files.files["gw.crt"] = file(pem_of(gateway.certificate));
    files.files["gw.key"] = file(pem_of(gateway.key));
    config.ca_profiles = {{.name = "root",
                           .path = "/ca-root",
                           .enabled = true,
                           .cert_file = "root.crt",
                           .crl_file = "root.crl"},
                          {.name = "middle",
                           .path = "/ca-middle",
                           .enabled = true,
                           .cert_file = "middle.crt",
                           .crl_file = "middle.crl"}};
    config.cert_profiles = {{.name = "own",
                             .path = "/own",
                             .enabled = true,
                             .entries = {{.id = 1,
                                          .path = "/own/1",
                                          .cert = "gw.crt",
                                          .key = "gw.key",
                                          .send_chain = {"middle"}}}}};
    config.trust_anchor_profiles = {{.name = "trusted", .ca_profiles = {"root"}}};
  }
  // The errors, a line each.
  [[nodiscard]] std::string errors() const {
    const auto loaded = load_credentials(config, files);
    std::string all;
    if (loaded) return all;
    for (const auto& error : loaded.error()) all += config::text(error) + "\n";
    return all;
  }

  certificates::Issued root = issue(certificates::authority_spec());
  certificates::Issued middle = issue(certificates::authority_spec("CN=middle", 102), &root);
  certificates::Issued gateway = issue({.subject = "CN=gw", .number = 2}, &middle);
  platform::testing::MemoryFiles files;
  config::Config config;
};

TEST(Credentials, AreReadAsTheProfilesSay) {
  const Folder folder;
  const auto loaded = load_credentials(folder.config, folder.files);
  ASSERT_TRUE(loaded) << folder.errors();
  const auto& own = *(*loaded)->cert_profiles.at("own");
  ASSERT_EQ(own.size(), 1U);
  EXPECT_EQ(own[0].certificate.der(), folder.gateway.certificate.der());
  ASSERT_EQ(own[0].chain.size(), 1U);
  EXPECT_EQ(own[0].chain[0].der(), folder.middle.certificate.der());
  EXPECT_EQ(own[0].authorities, (std::vector{folder.middle.certificate.key_digest(),
                                             folder.root.certificate.key_digest()}));
  const auto& anchors = (*loaded)->trust_anchor_profiles.at("trusted");
  EXPECT_EQ(anchors.key_digests(), std::vector<Bytes>{folder.root.certificate.key_digest()});
  EXPECT_EQ(anchors.check(own[0].certificate, own[0].chain, certificates::kNow,
                          crypto::UnknownStatus::IsRevoked),
            crypto::Trust::Trusted);
}

TEST(Credentials, OfDisabledProfilesAreNotRead) {
  Folder folder;
  folder.files.files.clear();
  for (auto& ca : folder.config.ca_profiles) ca.enabled = false;
  folder.config.cert_profiles[0].enabled = false;
  EXPECT_EQ(folder.errors(), "");
}

TEST(Credentials, ThatAreMissingAreAllListedWithTheirPlace) {
  Folder folder;
  folder.files.files.clear();
  const std::string errors = folder.errors();
  for (const auto* line : {"/ca-root/cert-file: root.crt is not in the PKI folder",
                           "/ca-root/crl-file: root.crl is not in the PKI folder",
                           "/ca-middle/cert-file: middle.crt is not in the PKI folder",
                           "/own/1/cert: gw.crt is not in the PKI folder",
                           "/own/1/key: gw.key is not in the PKI folder"}) {
    EXPECT_THAT(errors, HasSubstr(line));
  }
}

TEST(Credentials, MayLackAnOptionalRevocationList) {
  Folder folder;
  folder.files.files.erase("root.crl");
  EXPECT_THAT(folder.errors(), HasSubstr("/ca-root/crl-file"));
  folder.config.ca_profiles[0].crl_optional = true;
  EXPECT_EQ(folder.errors(), "");
}

TEST(Credentials, ThatCannotBeReadAreRefused) {
  Folder folder;
  folder.files.unreadable = "gw.key";
  EXPECT_THAT(folder.errors(), HasSubstr("/own/1/key: permission denied"));
}

struct Bad {
  const char* name;
  void (*spoil)(Folder&);
  const char* error;
};

class BadCredentials : public ::testing::TestWithParam<Bad> {};

TEST_P(BadCredentials, AreRefusedByName) {
  Folder folder;
  GetParam().spoil(folder);
  EXPECT_THAT(folder.errors(), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    Chassis, BadCredentials,
    ::testing::Values(
        Bad{"garbage_certificate", [](Folder& f) { f.files.files["gw.crt"] = file("garbage"); },
            "/own/1/cert: gw.crt holds no certificate"},
        Bad{"garbage_key", [](Folder& f) { f.files.files["gw.key"] = file("garbage"); },
            "/own/1/key: gw.key holds no private key"},
        Bad{"garbage_crl", [](Folder& f) { f.files.files["root.crl"] = file("garbage"); },
            "/ca-root/crl-file: root.crl holds no CRL"},
        Bad{"crl_of_another",
            [](Folder& f) { f.files.files["root.crl"] = certificates::revoke(f.middle, {}); },
            "/ca-root/crl-file: root.crl is not of root.crt"},
        Bad{"key_of_another",
            [](Folder& f) { f.files.files["gw.key"] = file(pem_of(issue({.number = 9}).key)); },
            "/own/1/key: gw.key is not the key of gw.crt"},
        Bad{"weak_key",
            [](Folder& f) {
              const auto weak = issue({.key = KeyType::Rsa1024});
              f.files.files["gw.crt"] = weak.certificate.der();
              f.files.files["gw.key"] = file(pem_of(weak.key));
            },
            "/own/1/cert: gw.crt has an RSA key of 1024 bits, at least 2048 are needed"},
        Bad{"two_authorities_in_a_file",
            [](Folder& f) {
              f.files.files["root.crt"] =
                  file(pem_of(f.root.certificate) + pem_of(f.middle.certificate));
            },
            "/ca-root/cert-file: root.crt holds more than one certificate"},
        Bad{"too_long_a_chain",
            [](Folder& f) {
              std::string all = pem_of(f.gateway.certificate);
              for (int i = 0; i < 7; ++i) all += pem_of(f.middle.certificate);
              f.files.files["gw.crt"] = file(all);
            },
            "/own/1: at most 8 certificates are sent, these are 9"}),
    [](const auto& row) { return std::string(row.param.name); });

// ---- what the configuration means ----

ike::TunnelSettings settings_for(const config::PeerAuth& auth, const config::IkePolicy& policy) {
  ike::TunnelSettings settings;
  settings.local_gateway = IpAddress::v4(0x0A000001);
  settings.remote_gateway = IpAddress::v4(0x0A000002);
  set_authentication(auth, policy, {}, settings);
  return settings;
}

TEST(Authentication, WithPreSharedKeysIsByAddress) {
  const auto settings = settings_for({}, {});
  EXPECT_EQ(settings.local_id, (ike::Identity{.type = ike::kIdIpv4, .data = {10, 0, 0, 1}}));
  EXPECT_EQ(settings.remote_id, (ike::Identity{.type = ike::kIdIpv4, .data = {10, 0, 0, 2}}));
  EXPECT_FALSE(settings.auth.any_remote_id);
  EXPECT_FALSE(settings.auth.subject_is_local_id);
}

TEST(Authentication, WithCertificatesIsBySubjectUnlessConfigured) {
  config::IkePolicy policy;
  policy.auth_method = ike::AuthMethod::Certificate;
  policy.own_auth_method = ike::AuthMethod::Certificate;
  config::PeerAuth auth;
  EXPECT_TRUE(settings_for(auth, policy).auth.any_remote_id);
  EXPECT_TRUE(settings_for(auth, policy).auth.subject_is_local_id);
  auth.local_id = ike::Identity{.type = ike::kIdFqdn, .data = {'g'}};
  auth.remote_id = ike::Identity{.type = ike::kIdFqdn, .data = {'c'}};
  const auto settings = settings_for(auth, policy);
  EXPECT_FALSE(settings.auth.any_remote_id);
  EXPECT_FALSE(settings.auth.subject_is_local_id);
  EXPECT_EQ(settings.local_id, *auth.local_id);
  EXPECT_EQ(settings.remote_id, *auth.remote_id);
  EXPECT_EQ(settings.auth.certificates, nullptr);
  EXPECT_TRUE(settings.auth.anchors.empty());
}

}  // namespace
}  // namespace segw::chassis
