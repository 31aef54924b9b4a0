// Certificates, authorities, identities and PPKs in the configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/load.h"
#include "crypto/certificate.h"

namespace segw::config {
namespace {

using testing::HasSubstr;

constexpr const char* kProfiles = R"(
configure system security pki {
    ca-profile "root" {
        admin-state enable
        cert-file "root.crt"
        crl-file "root.crl"
    }
    ca-profile "off" { }
    ca-profile "optional" {
        admin-state enable
        cert-file "optional.crt"
        revocation-check crl-optional
    }
}
configure ipsec {
    cert-profile "own" {
        admin-state enable
        entry 2 { cert "gw2.crt"
                  key "gw2.key"
                  rsa-signature pss }
        entry 1 { cert "gw1.crt"
                  key "gw1.key"
                  send-chain { ca-profile ["root" "optional"] } }
    }
    cert-profile "off" { entry 1 { } }
    trust-anchor-profile "trusted" {
        trust-anchor "root" { }
        trust-anchor "optional" { }
    }
    trust-anchor-profile "empty" { }
    trust-anchor-profile "down" { trust-anchor "off" { } }
    ppk-list "ppks" {
        ppk "first" { secret "a text" }
        ppk "second" { format hexadecimal
                       secret "00ff10" }
    }
    ike-policy 1 { match-peer-id-to-cert true
                   ike-version-2 { auth-method cert } }
}
)";
constexpr const char* kDynamic =
    "configure service vprn \"VPRN-2\" interface \"int-IPsec-Private-1\" sap tunnel-1.private:1 "
    "ipsec-tunnel \"tunnel-1\" key-exchange dynamic ";

std::string lab_file(const std::string& name) {
  const std::ifstream in(std::string(SEGW_SOURCE_DIR) + "/labs/pair/" + name);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

// The pair lab's tunnel by certificate, and more lines below its `dynamic`.
std::string text_with(const std::vector<std::string>& lines) {
  std::string text = lab_file("a.cfg") + kProfiles;
  for (const std::string& line : lines) text += kDynamic + line + "\n";
  return text;
}
const std::vector<std::string> kByCertificate = {"cert cert-profile \"own\"",
                                                 "cert trust-anchor-profile \"trusted\""};

std::string errors_of(const std::string& text) {
  static const auto schema = make_schema();
  const auto loaded = load(schema, text, parse_ports(lab_file("a.ports")).value_or(PortsMap{}));
  std::string all;
  if (loaded) return all;
  for (const ConfigError& error : loaded.error()) all += config::text(error) + "\n";
  return all;
}

std::shared_ptr<const Config> config_of(const std::string& text) {
  const auto loaded = load(text, parse_ports(lab_file("a.ports")).value_or(PortsMap{}));
  EXPECT_TRUE(loaded) << errors_of(text);
  return loaded ? loaded->config : nullptr;
}

std::vector<std::string> and_more(const std::vector<std::string>& more) {
  std::vector<std::string> lines = kByCertificate;
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

TEST(PkiConfig, GivesProfiles) {
  const auto config = config_of(text_with(kByCertificate));
  ASSERT_NE(config, nullptr);
  ASSERT_EQ(config->ca_profiles.size(), 3U);
  EXPECT_EQ(config->ca_profiles[0].cert_file, "root.crt");
  EXPECT_EQ(config->ca_profiles[0].crl_file, "root.crl");
  EXPECT_TRUE(config->ca_profiles[2].crl_optional);
  ASSERT_EQ(config->cert_profiles.size(), 2U);
  const auto& entries = config->cert_profiles[0].entries;
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].cert, "gw1.crt") << "by number";
  EXPECT_EQ(entries[0].send_chain, (std::vector<std::string>{"root", "optional"}));
  EXPECT_TRUE(entries[1].rsa_pss);
  EXPECT_EQ(config->trust_anchor_profiles[0].ca_profiles,
            (std::vector<std::string>{"root", "optional"}));
}

TEST(PkiConfig, GivesTheAuthenticationOfATunnel) {
  const auto config = config_of(text_with(
      and_more({"cert status-verify default-result good", "id fqdn \"gw.example\"",
                "remote-id dn \"O=Example, CN=site\"", "ppk list \"ppks\"", "ppk id \"second\""})));
  ASSERT_NE(config, nullptr);
  const IpsecTunnel& tunnel = config->tunnels.at(0);
  EXPECT_EQ(tunnel.ike_policy.auth_method, ike::AuthMethod::Certificate);
  EXPECT_EQ(tunnel.ike_policy.own_auth_method, ike::AuthMethod::Certificate) << "symmetric";
  EXPECT_TRUE(tunnel.ike_policy.match_peer_id_to_cert);
  EXPECT_EQ(tunnel.auth.cert_profile, "own");
  EXPECT_EQ(tunnel.auth.trust_anchor_profile, "trusted");
  EXPECT_TRUE(tunnel.auth.unknown_status_is_good);
  EXPECT_EQ(tunnel.auth.local_id,
            (ike::Identity{.type = ike::kIdFqdn, .data = to_bytes(as_bytes("gw.example"))}));
  EXPECT_EQ(tunnel.auth.remote_id->type, ike::kIdDn);
  EXPECT_EQ(crypto::name_text(tunnel.auth.remote_id->data), "O=Example, CN=site");
  EXPECT_EQ(tunnel.auth.ppks->size(), 2U);
  EXPECT_EQ(tunnel.auth.ppks->back().key, SecretBytes(Bytes{0x00, 0xFF, 0x10}));
  EXPECT_EQ(tunnel.auth.ppk_id, to_bytes(as_bytes("second")));
}

TEST(PkiConfig, TakesEveryKindOfIdentity) {
  const std::vector<std::pair<std::string, ike::Identity>> kinds = {
      {"ipv4 192.0.2.1", {.type = 1, .data = {192, 0, 2, 1}}},
      {"fqdn \"a.b\"", {.type = 2, .data = {'a', '.', 'b'}}},
      {"email \"a@b\"", {.type = 3, .data = {'a', '@', 'b'}}},
      {"ipv6 ::1", {.type = 5, .data = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}},
      {"key-id \"ab\"", {.type = 11, .data = {'a', 'b'}}},
      {"key-id \"0x00ff\"", {.type = 11, .data = {0, 255}}}};
  for (const auto& [line, identity] : kinds) {
    const auto config = config_of(text_with(and_more({"id " + line})));
    ASSERT_NE(config, nullptr);
    EXPECT_EQ(config->tunnels.at(0).auth.local_id, identity) << line;
  }
}

TEST(PkiConfig, TheTwoSidesMayDiffer) {
  const auto config = config_of(text_with(kByCertificate) +
                                "configure ipsec ike-policy 1 ike-version-2 "
                                "own-auth-method psk\n");
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->tunnels.at(0).ike_policy.own_auth_method, ike::AuthMethod::PreSharedKey);
}

struct Refused {
  std::vector<std::string> lines;
  const char* error;
};

class PkiRefusal : public ::testing::TestWithParam<Refused> {};

TEST_P(PkiRefusal, NamesWhatDoesNotFit) {
  EXPECT_THAT(errors_of(text_with(GetParam().lines)), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    Load, PkiRefusal,
    ::testing::Values(
        Refused{{"cert trust-anchor-profile \"trusted\""},
                "cert/cert-profile: is missing and must be set"},
        Refused{{"cert cert-profile \"own\""},
                "cert/trust-anchor-profile: is missing and must be set"},
        Refused{{"cert cert-profile \"off\"", "cert trust-anchor-profile \"trusted\""},
                "cert-profile \"off\" is disabled"},
        Refused{{"cert cert-profile \"own\"", "cert trust-anchor-profile \"empty\""},
                "trust-anchor-profile \"empty\" has no trust-anchor"},
        Refused{{"cert cert-profile \"own\"", "cert trust-anchor-profile \"down\""},
                "ca-profile \"off\" of trust-anchor-profile \"down\" is disabled"},
        Refused{{"cert cert-profile \"none\""}, "none"},
        Refused{and_more({"id dn \"nonsense\""}), "id/dn: a name like C=DE"},
        Refused{and_more({"id key-id \"0x0\""}), "an even number of hexadecimal digits"},
        Refused{and_more({"ppk list \"ppks\"", "ppk id \"third\""}),
                "ppk-list \"ppks\" has no such ppk"}));

TEST(PkiConfig, RefusesFilesOutsideTheFolder) {
  for (const auto* name : {"../key", "/etc/passwd", ".hidden", "a/b"}) {
    EXPECT_THAT(
        errors_of(text_with(kByCertificate) +
                  "configure system security pki ca-profile \"off\" cert-file \"" + name + "\"\n"),
        HasSubstr("the name of a file in the PKI folder"))
        << name;
  }
}

TEST(PkiConfig, AnEnabledAuthorityNeedsItsFiles) {
  const std::string errors =
      errors_of(text_with(kByCertificate) +
                "configure system security pki ca-profile \"off\" admin-state "
                "enable\n");
  EXPECT_THAT(errors, HasSubstr("cert-file: is missing and must be set"));
  EXPECT_THAT(errors, HasSubstr("crl-file: is missing and must be set"));
}

TEST(PkiConfig, APpkThatIsRequiredNeedsAList) {
  EXPECT_THAT(errors_of(text_with(kByCertificate) +
                        "configure ipsec ike-policy 1 ike-version-2 ppk-required true\n"),
              HasSubstr("ppk/list: is missing and must be set"));
}

TEST(PkiConfig, APpkIsASecret) {
  const auto loaded =
      load(text_with(kByCertificate), parse_ports(lab_file("a.ports")).value_or(PortsMap{}));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(info(*loaded->tree).find("a text"), std::string::npos);
}

}  // namespace
}  // namespace segw::config
