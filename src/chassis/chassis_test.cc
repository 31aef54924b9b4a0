// A whole chassis: what comes in from the ISA, what goes out to it, what an operator sees.
#include "chassis/chassis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chassis/credentials.h"
#include "chassis/testing.h"
#include "ike/testing_auth.h"
#include "platform/testing/memory_files.h"

namespace segw::chassis {
namespace {

namespace certificates = crypto::testing;
using ike::testing::Client;
using ike::testing::client_at;
using ike::testing::gateway_at;
using platform::testing::MemoryFiles;
using testing::Bench;
using ::testing::ElementsAre;

IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value_or(IpPrefix{}); }

config::IkePolicy policy() {
  const ike::IkeSuite suite = ike::testing::gcm_suite();
  config::IkePolicy policy;
  policy.transforms = {{.encryption = suite.encryption,
                        .key_bits = suite.key_bits,
                        .integrity = suite.integrity,
                        .prf = suite.prf,
                        .group = suite.group}};
  return policy;
}

// A tunnel group with its interfaces, and nothing in it.
config::Config empty_group() {
  config::Config config;
  config.system_name = "SeGW-A";
  config.tunnel_groups.push_back(config::TunnelGroup{
      .id = {1}, .enabled = true, .responder_only = true, .isas = {IsaId{.slot = 1, .mda = 2}}});
  using Interface = config::Interface;
  config::Service ies{.kind = config::Service::Kind::Ies, .name = "IES-1", .id = 1};
  ies.interfaces.push_back(
      Interface{.name = "outer",
                .address = prefix("10.0.0.254/24"),
                .tunnel_sap = Interface::TunnelSap{.group = {1}, .is_public = true, .tag = 1}});
  config::Service vprn{.kind = config::Service::Kind::Vprn, .name = "VPRN-2", .id = 2};
  vprn.interfaces.push_back(
      Interface{.name = "inner",
                .tunnel_sap = Interface::TunnelSap{.group = {1}, .is_public = false, .tag = 1}});
  config.services = {config::Service{.kind = config::Service::Kind::Base, .name = "Base"}, ies,
                     vprn};
  return config;
}

config::Config with_tunnel() {
  config::Config config = empty_group();
  config.tunnels.push_back(config::IpsecTunnel{
      .name = "site",
      .enabled = true,
      .group = {1},
      .private_service = "VPRN-2",
      .delivery_service = "IES-1",
      .local_gateway = gateway_at().address,
      .remote_gateway = client_at().address,
      .pre_shared_key = ike::testing::secret("open sesame"),
      .ike_policy = policy(),
      .transforms = {{.suite = ike::testing::esp_gcm()}},
      .security_policy = {
          {.id = 10, .local = prefix("10.2.2.0/24"), .remote = prefix("192.168.1.0/24")}}});
  return config;
}

// A gateway whose client 10 has a template of its own.
config::Config with_gateway() {
  config::Config config = empty_group();
  const auto made = [](uint16_t id, esp::Suite suite, uint16_t window, uint16_t mtu) {
    config::TunnelTemplate result{.id = id, .transforms = {{.suite = suite}}};
    result.replay_window = window;
    result.packets.ip_mtu = mtu;
    return std::make_shared<const config::TunnelTemplate>(result);
  };
  esp::Suite wide = ike::testing::esp_gcm();
  wide.extended_sequence_numbers = true;
  config.gateways.push_back(config::IpsecGateway{
      .name = "gw-1",
      .enabled = true,
      .group = {1},
      .private_service = "VPRN-2",
      .local_gateway = gateway_at().address,
      .pre_shared_key = ike::testing::secret("open sesame"),
      .ike_policy = policy(),
      .tunnel_template = made(1, ike::testing::esp_gcm(), 64, 1400),
      .client_db = "clients",
      .clients = {{.number = 10,
                   .name = "enb10",
                   .identity = ike::IdentityMatch{.kind = ike::IdentityMatch::Kind::Prefix,
                                                  .type = ike::kIdIpv4,
                                                  .prefix = prefix("10.0.0.2/32")},
                   .pre_shared_key = ike::testing::secret("open sesame"),
                   .tunnel_template = made(2, wide, 512, 1300)}}});
  return config;
}

Bytes ask(Bench& bench, const Bytes& message) {
  const auto sent = bench.give(message, gateway_at(), client_at());
  return sent.size() == 1 ? sent.front().message : Bytes{};
}

bool connect(Bench& bench, Client& client) {
  if (!client.take_init(ask(bench, client.init_request()))) return false;
  const auto answer = client.open(ask(bench, client.auth_request()));
  return answer && Client::find<ike::payload::Auth>(*answer) != nullptr;
}

// Redundancy rule 2: "max(own disk, all heard) + 1"; nobody else is heard here.
TEST(Chassis, ReadsItsActivationAgainAfterARestart) {
  Bench bench(with_tunnel());
  const auto stored = [&bench] {
    const auto at = bench.fake.store.files.find("activation-1");
    return at == bench.fake.store.files.end() || at->second.empty() ? 0 : at->second.back();
  };
  const int first = stored();
  ASSERT_GT(first, 0);
  int last = first;
  for (int start = 0; start < 3; ++start) {
    bench.restart();
    EXPECT_GT(stored(), last);
    last = stored();
  }
  bench.fake.store.files.erase("activation-1");
  bench.restart();
  EXPECT_EQ(stored(), first) << "from nowhere else";
}

// A takeover does not wait for the disk, and whom no peer outranks needs no number
// (docs/decisions/0105).
TEST(Chassis, AsksADiskThatRefusesTheActivationAgain) {
  Bench bench(with_tunnel());
  bench.fake.store.files.erase("activation-1");
  bench.fake.store.failing = true;
  bench.isas.silent = true;  // the role is lost, and taken again
  bench.fake.scheduler.run_for(std::chrono::milliseconds(1100));
  bench.isas.silent = false;
  bench.isas.take<isa::SetRole>();
  bench.fake.scheduler.run_for(std::chrono::seconds(20));
  const auto roles = bench.isas.take<isa::SetRole>();
  ASSERT_FALSE(roles.empty());
  EXPECT_EQ(roles.back().role, isa::Role::Acting);
  EXPECT_FALSE(bench.fake.store.files.contains("activation-1"));
  bench.fake.store.failing = false;
  bench.fake.scheduler.run_for(std::chrono::milliseconds(1100));
  EXPECT_TRUE(bench.fake.store.files.contains("activation-1"));
}

TEST(Chassis, AnswersAClientAndInstallsItsSa) {
  Bench bench(with_tunnel());
  ASSERT_TRUE(bench.started && *bench.started);
  Client client;
  ASSERT_TRUE(connect(bench, client));
  const auto installed = bench.isas.take<isa::InstallSa>();
  ASSERT_EQ(installed.size(), 1U);
  EXPECT_EQ(installed[0].sa.outbound_spi.value, client.child_spi);
  const auto used = bench.isas.take<isa::UseOutbound>();
  ASSERT_EQ(used.size(), 1U);
  EXPECT_EQ(used[0].inbound_spi, installed[0].sa.inbound_spi);
}

TEST(Chassis, DropsAStrangersBytesAndCountsThem) {
  Bench bench(with_tunnel());
  for (const Bytes& bytes : {Bytes{}, Bytes(27, 0xFF), Bytes(100, 0)}) {
    EXPECT_TRUE(bench.give(bytes, gateway_at(), client_at()).empty());
  }
  uint64_t count = 0;
  const Status status = bench.chassis->status();
  for (const auto& [name, value] : status.counters.at("ike tunnel-group 1")) count += value;
  EXPECT_EQ(count, 3U);
}

TEST(Chassis, ShowsAgesNamesOfAlgorithmsAndTheCountersOfATunnel) {
  Bench bench(with_tunnel());
  Client client;
  ASSERT_TRUE(connect(bench, client));
  bench.fake.scheduler.run_for(std::chrono::seconds(61));
  const Status status = bench.chassis->status();
  ASSERT_EQ(status.tunnels.size(), 1U);
  const TunnelStatus& tunnel = status.tunnels[0];
  EXPECT_GE(tunnel.ike.age, std::chrono::seconds(61));
  EXPECT_LT(tunnel.ike.age, std::chrono::seconds(62));
  EXPECT_EQ(tunnel.ike.encryption, "aes256-gcm16");
  EXPECT_EQ(tunnel.ike.integrity, "auth-encryption");
  EXPECT_EQ(tunnel.ike.prf, "sha-256");
  EXPECT_EQ(tunnel.ike.group, "group-31");
  ASSERT_EQ(tunnel.sas.size(), 1U);
  EXPECT_GE(tunnel.sas[0].age, std::chrono::seconds(61));
  EXPECT_THAT(tunnel.sas[0].local_selectors, ElementsAre("10.2.2.0-10.2.2.255"));
  EXPECT_EQ(tunnel.counters.at("established"), 1U);
}

TEST(Chassis, TellsThatAGroupIsFull) {
  config::Config config = with_tunnel();
  config.tunnel_groups.front().tunnels_max = 1;
  Bench bench(config);
  const auto told = [&] {
    const auto& events = bench.fake.log.events;
    return std::ranges::count(events, "tmnxIPsecIsaGrpTnlMax",
                              [](const auto& e) { return e.first; });
  };
  bench.fake.scheduler.run_for(std::chrono::seconds(2));
  EXPECT_EQ(told(), 0);
  Client client;
  ASSERT_TRUE(connect(bench, client));
  bench.fake.scheduler.run_for(std::chrono::seconds(10));
  EXPECT_EQ(told(), 1);
}

TEST(Chassis, AClientsOwnTemplateReachesTheIsa) {
  Bench bench(with_gateway());
  esp::Suite wide = ike::testing::esp_gcm();
  wide.extended_sequence_numbers = true;
  Client known(ike::testing::gcm_suite(), wide);
  ASSERT_TRUE(connect(bench, known));
  auto installed = bench.isas.take<isa::InstallSa>();
  ASSERT_EQ(installed.size(), 1U);
  EXPECT_EQ(installed[0].options.ip_mtu, 1300);
  EXPECT_EQ(installed[0].sa.replay_window, 512);
  EXPECT_TRUE(installed[0].sa.suite.extended_sequence_numbers);

  Client other;
  other.spi = IkeSpi{0x99};
  other.identity = {.type = ike::kIdFqdn, .data = {'x'}};
  other.own_selectors = {ike::testing::range("192.168.2.0", "192.168.2.255")};
  ASSERT_TRUE(connect(bench, other));
  installed = bench.isas.take<isa::InstallSa>();
  ASSERT_EQ(installed.size(), 1U);
  EXPECT_EQ(installed[0].options.ip_mtu, 1400);
  EXPECT_EQ(installed[0].sa.replay_window, 64);
  EXPECT_FALSE(installed[0].sa.suite.extended_sequence_numbers);
}

TEST(Chassis, CountsByGatewayAndClearsOneClient) {
  Bench bench(with_gateway());
  Client wrong;
  wrong.spi = IkeSpi{0x77};
  wrong.pre_shared_key = ike::testing::secret("guessed");
  EXPECT_FALSE(connect(bench, wrong));
  Client begun;
  begun.spi = IkeSpi{0x78};
  ASSERT_TRUE(begun.take_init(ask(bench, begun.init_request())));
  esp::Suite wide = ike::testing::esp_gcm();
  wide.extended_sequence_numbers = true;
  Client client(ike::testing::gcm_suite(), wide);
  ASSERT_TRUE(connect(bench, client));
  GatewayStatus gateway = bench.chassis->status().gateways.at(0);
  EXPECT_EQ(gateway.half_open, 1U);
  EXPECT_EQ(gateway.counters.at("authentication-failed"), 1U);
  EXPECT_EQ(gateway.counters.at("established"), 1U);
  ASSERT_EQ(gateway.tunnels.size(), 1U);
  EXPECT_EQ(gateway.tunnels[0].client_name, "enb10");
  EXPECT_EQ(gateway.tunnels[0].tunnel_template, 2);

  EXPECT_FALSE(bench.chassis->clear_client("gw-1", "enb11"));
  bench.isas.take<isa::SendIke>();
  ASSERT_TRUE(bench.chassis->clear_client("gw-1", "enb10"));
  bench.fake.scheduler.run_for(std::chrono::milliseconds(10));
  const auto asked = bench.isas.take<isa::SendIke>();
  ASSERT_EQ(asked.size(), 1U);
  const auto told = client.open(asked[0].datagram.message);
  ASSERT_TRUE(told);
  EXPECT_NE(Client::find<ike::payload::Delete>(*told), nullptr);
}

// Redundancy rule 11: "Without ESN: rekey at 2^31".
TEST(Chassis, AsksForARekeyOfAnSaThatIsWorn) {
  Bench bench(with_tunnel());
  Client client;
  ASSERT_TRUE(connect(bench, client));
  const Spi spi = bench.isas.take<isa::InstallSa>().at(0).sa.inbound_spi;
  const auto report = [&](uint64_t next) {
    bench.isas.take<isa::SendIke>();
    bench.isas.say(isa::Activity{
        .sas = {isa::SaActivity{.window = {.inbound_spi = spi, .outbound_next = next, .seen = {}},
                                .packets_out = 1}}});
    bench.fake.scheduler.run_for(std::chrono::milliseconds(10));
    return bench.isas.take<isa::SendIke>();
  };
  EXPECT_TRUE(report((uint64_t{1} << 31) - 1).empty());
  const auto asked = report(uint64_t{1} << 31);
  ASSERT_EQ(asked.size(), 1U);
  const auto payloads = client.open(asked[0].datagram.message);
  ASSERT_TRUE(payloads);
  const auto* rekeys = Client::find_notify(*payloads, ike::NotifyType::RekeySa);
  ASSERT_NE(rekeys, nullptr);
  EXPECT_EQ(rekeys->spi, Client::spi_bytes(spi.value));
  EXPECT_TRUE(report((uint64_t{1} << 31) + 1).empty()) << "once";
}

// Redundancy rule 22.
TEST(Chassis, TellsOfUnknownSpisWhenItHasKnownAllForAMinute) {
  Bench bench(with_tunnel());
  const auto hints = [&] {
    bench.isas.take<isa::SendIke>();
    bench.isas.say(isa::UnknownEsp{.local = gateway_at().address,
                                   .remote = {.address = client_at().address, .port = 0},
                                   .spi = {0x1234},
                                   .size = 100});
    return bench.isas.take<isa::SendIke>();
  };
  bench.fake.scheduler.run_for(std::chrono::seconds(55));
  EXPECT_TRUE(hints().empty());
  bench.fake.scheduler.run_for(std::chrono::seconds(10));
  const auto sent = hints();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].datagram.remote, client_at());
  EXPECT_EQ(sent[0].datagram.local, gateway_at());
}

// ---- certificates, read anew ----

// The client proves itself by certificate, we by pre-shared key.
class Reloading : public ::testing::Test {
 protected:
  Reloading() : config_(with_tunnel()) {
    config_.ca_profiles = {{.name = "root",
                            .path = "/ca-root",
                            .enabled = true,
                            .cert_file = "root.crt",
                            .crl_file = "root.crl"}};
    config_.trust_anchor_profiles = {{.name = "clients", .ca_profiles = {"root"}}};
    config::IpsecTunnel& tunnel = config_.tunnels[0];
    tunnel.auth.trust_anchor_profile = "clients";
    tunnel.ike_policy.auth_method = ike::AuthMethod::Certificate;
    files_.files["root.crt"] = root_.certificate.der();
    files_.files["root.crl"] = certificates::revoke(root_, {});
  }

  static std::string refusals(const Bench& bench) {
    std::string names;
    const Status status = bench.chassis->status();
    for (const auto& [name, count] : status.counters.at("ike tunnel-group 1")) names += name + " ";
    return names;
  }

  // IKE_SA_INIT and IKE_AUTH with the client's certificate.
  bool connects(Bench& bench) {
    bench.fake.clock.wall_ = certificates::kNow;
    ike::TunnelSettings mirrored = ike::testing::group_settings().tunnels[0];
    std::swap(mirrored.local_id, mirrored.remote_id);
    mirrored.auth.own = ike::AuthMethod::Certificate;
    mirrored.auth.certificates = ike::testing::shared(ike::testing::own(client_, &root_));
    Client client;
    client.spi = IkeSpi{++spis_};
    ike::IkeSa sa;
    sa.we_initiated = true;
    client.init_more = ike::init_payloads(mirrored.auth, sa);
    if (!client.take_init(ask(bench, client.init_request()))) return false;
    sa.initiator_spi = client.spi;
    sa.responder_spi = client.gateway_spi;
    sa.suite = client.suite;
    sa.keys = client.keys;
    sa.initiator_nonce = client.nonce;
    sa.responder_nonce = client.gateway_nonce;
    sa.init_request = client.init;
    sa.init_response = client.init_response;
    const auto header = ike::decode_header(client.init_response);
    if (!header) return false;
    const auto told = ike::decode_payloads(
        header->next_payload, ByteView(client.init_response).subspan(ike::kHeaderSize));
    if (!told || !ike::take_init(mirrored.auth, *told, sa).empty()) return false;
    const auto proof = ike::prove(mirrored, sa, {}).payloads;
    const auto answer =
        client.open(ask(bench, client.request(ike::Exchange::Auth, client.auth_payloads(proof))));
    return answer && Client::find<ike::payload::Auth>(*answer) != nullptr;
  }

  certificates::Issued root_ = certificates::issue(certificates::authority_spec());
  certificates::Issued client_ = certificates::issue(
      {.subject = "CN=client", .number = 3, .alternative_names = "IP:10.0.0.2"}, &root_);
  MemoryFiles files_;
  config::Config config_;
  uint64_t spis_ = 0x100;
};

TEST_F(Reloading, ARevokedClientIsRefusedFromThenOn) {
  auto credentials = load_credentials(config_, files_);
  ASSERT_TRUE(credentials);
  Bench bench(config_, *credentials);
  ASSERT_TRUE(connects(bench)) << refusals(bench);
  files_.files["root.crl"] = certificates::revoke(root_, {client_.certificate});
  ASSERT_TRUE(connects(bench)) << "nobody has said that the file changed";
  ASSERT_TRUE(bench.chassis->reload_credentials(files_));
  EXPECT_EQ(bench.chassis->status().tunnels[0].ike.state, "established") << "what stands stays";
  EXPECT_FALSE(connects(bench));
  EXPECT_EQ(bench.chassis->status().tunnels[0].counters.at("certificate-revoked"), 1U);
  EXPECT_EQ(bench.fake.log.events.back().first, "CERTIFICATES_RELOADED");
}

TEST_F(Reloading, ABadFileIsRefusedAndChangesNothing) {
  auto credentials = load_credentials(config_, files_);
  ASSERT_TRUE(credentials);
  Bench bench(config_, *credentials);
  files_.files["root.crl"] = Bytes(10, 'x');
  const auto reloaded = bench.chassis->reload_credentials(files_);
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().text,
            "certificates stay as they were:\n"
            "/ca-root/crl-file: root.crl holds no CRL (PEM or DER expected)");
  EXPECT_EQ(bench.fake.log.events.back().first, "CERTIFICATES_NOT_RELOADED");
  EXPECT_TRUE(connects(bench));
  files_.files.clear();
  EXPECT_FALSE(bench.chassis->reload_credentials(files_));
  EXPECT_TRUE(connects(bench));
}

}  // namespace
}  // namespace segw::chassis
