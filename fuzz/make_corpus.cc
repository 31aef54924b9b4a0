// Writes the seeds of the fuzzers, from our own encoders: make_corpus FOLDER.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "bfd/bfd_wire.h"
#include "crypto/signature.h"
#include "crypto/testing_certificates.h"
#include "ike/testing.h"
#include "isa/isa_wire.h"
#include "isa/testing.h"
#include "mcs/frame.h"
#include "mcs/mcs_codec.h"
#include "mimp/mimp_wire.h"

namespace {

using namespace segw;

class Corpus {
 public:
  explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void add(const std::string& fuzzer, const std::string& name, ByteView bytes) {
    std::filesystem::create_directories(folder_ / fuzzer);
    std::ofstream out(folder_ / fuzzer / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }

 private:
  std::filesystem::path folder_;
};

// One step of fuzz_ike_engine: the plaintext of a request or a response.
Bytes engine_step(uint8_t kind, ike::Exchange exchange, const std::vector<ike::Payload>& payloads) {
  const ike::Chain chain = ike::encode_payloads(payloads);
  wire::Writer out;
  out.u8(kind).u8(static_cast<uint8_t>(exchange));
  out.u16(static_cast<uint16_t>(chain.bytes.size() + 1)).u8(chain.first).bytes(chain.bytes);
  return out.take();
}

void ike_seeds(Corpus& corpus) {
  ike::testing::Gateway gateway;
  ike::testing::Client client;
  const Bytes init = client.init_request();
  corpus.add("ike_message", "init", init);
  client.take_init(gateway.ask(init));
  corpus.add("ike_message", "init_answer", client.init_response);
  const ike::Chain auth = ike::encode_payloads(client.auth_payloads());
  Bytes chain{auth.first};
  append(chain, auth.bytes);
  corpus.add("ike_message", "auth", chain);
  wire::Writer datagram;
  datagram.u8(0).u8(0).u16(static_cast<uint16_t>(init.size())).bytes(init);
  corpus.add("ike_engine", "init", datagram.view());
  using ike::Exchange;
  corpus.add("ike_engine", "liveness", engine_step(1, Exchange::Informational, {}));
  const std::vector<ike::Payload> gone{
      ike::payload::Delete{.protocol = ike::kProtocolIke, .spis = {}}};
  corpus.add("ike_engine", "delete_ike", engine_step(1, Exchange::Informational, gone));
  const std::vector<ike::Payload> child{
      ike::payload::Delete{.protocol = ike::kProtocolEspSa,
                           .spis = {ike::testing::Client::spi_bytes(client.child_spi)}}};
  corpus.add("ike_engine", "delete_child", engine_step(1, Exchange::Informational, child));
  auto rekey = client.child_payloads(ike::Group::Curve25519);
  auto which = ike::notify(ike::NotifyType::RekeySa);
  which.protocol = ike::kProtocolEspSa;
  which.spi = ike::testing::Client::spi_bytes(client.child_spi);
  rekey.emplace_back(which);
  corpus.add("ike_engine", "rekey_child", engine_step(1, Exchange::CreateChildSa, rekey));
  const std::vector<ike::Payload> successor{
      ike::payload::Sa{
          .proposals = {ike::testing::Client::ike_proposal(client.suite, Bytes(8, 7))}},
      ike::payload::Nonce{.data = client.nonce},
      ike::payload::Ke{.group = 31, .data = client.pair.public_key}};
  corpus.add("ike_engine", "rekey_ike", engine_step(1, Exchange::CreateChildSa, successor));
  // A liveness request in two parts, moves, and a cluster's question.
  Bytes parts = engine_step(9, static_cast<ike::Exchange>(2 << 3 | 1), {});
  append(parts, engine_step(9, static_cast<ike::Exchange>(2 << 3 | 2), {}));
  corpus.add("ike_engine", "fragments", parts);
  corpus.add("ike_engine", "moves",
             engine_step(1, Exchange::Informational,
                         {ike::notify(ike::NotifyType::UpdateSaAddresses),
                          ike::notify(ike::NotifyType::Cookie2, Bytes(16, 1))}));
  corpus.add("ike_engine", "sync",
             engine_step(11, Exchange::Informational,
                         {ike::notify(ike::NotifyType::MessageIdSync,
                                      Bytes{0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 9})}));
  Bytes day{3, 255, 0, 0, 4, 0, 0, 0, 2, 37, 0, 1, 0, 3, 255, 0, 0};
  corpus.add("ike_engine", "clear_and_wait", day);
}

Bytes isa_step(uint8_t kind, ByteView bytes) {
  wire::Writer out;
  out.u8(kind).u16(static_cast<uint16_t>(bytes.size())).bytes(bytes);
  return out.take();
}

void isa_seeds(Corpus& corpus) {
  const isa::testing::Ends ends = isa::testing::make_ends();
  corpus.add("isa_wire", "install", isa::encode(isa::ToIsa(isa::InstallSa{.sa = ends.gateway})));
  corpus.add(
      "isa_wire", "role",
      isa::encode(isa::ToIsa(isa::SetRole{
          .role = isa::Role::Acting, .iv_epoch = 7, .position = esp::Position::LastReport})));
  const isa::SaActivity activity{.window = {.inbound_spi = {7}, .outbound_next = 9, .seen = {1, 2}},
                                 .packets_in = 1};
  corpus.add("isa_wire", "activity",
             isa::encode(isa::FromIsa(isa::Activity{.sas = {activity, activity}})));
  const Bytes in = isa::testing::inner_packet("192.168.1.1", "10.2.2.10", 40);
  const Bytes in6 = isa::testing::inner_packet("2001:db8:1::1", "2001:db8:2::7", 40);
  Bytes plain = in;
  append(plain, Bytes{1, 2, 2, 4});
  Bytes plain6 = in6;
  append(plain6, Bytes{1, 2, 2, 41});
  for (const uint8_t over : std::initializer_list<uint8_t>{0, 1}) {  // IPv4, IPv6 outside
    const std::string name = over == 0 ? "_over_v4" : "_over_v6";
    const auto add = [&](const char* fuzzer, const std::string& what, Bytes steps) {
      steps.insert(steps.begin(), over);
      corpus.add(fuzzer, what + name, steps);
    };
    add("isa_public", "authentic", isa_step(1, plain));
    add("isa_public", "authentic6", isa_step(1, plain6));
    add("isa_public", "clear", isa_step(0, in));
    add("isa_public", "ike", isa_step(255 - 128, Bytes(40, 0)));
    add("isa_public", "icmp", isa_step(192 + 7, Bytes{2, 0, 0, 0, 0, 0, 5, 0, 0x60}));
    wire::Writer part;  // the first fragment of an ESP packet
    part.u8(50).u8(0).u16(1).u32(9).u32(ends.gateway.inbound_spi.value).zeros(260);
    add("isa_public", "fragment", isa_step(192 + 11, part.view()));
    add("isa_private", "to_client",
        isa_step(0, isa::testing::inner_packet("10.2.2.10", "192.168.1.1", 40, 17)));
    add("isa_private", "large",
        isa_step(0, isa::testing::inner_packet("10.2.2.10", "192.168.1.1", 1480, 6, true)));
    add("isa_private", "made", isa_step(71, Bytes(64, 1)));
    add("isa_private", "made6", isa_step(128 + 25, Bytes(1400, 1)));
    add("isa_private", "cut", isa_step(69, Bytes(3000, 1)));
  }
}

void peer_seeds(Corpus& corpus) {
  mimp::Hello hello;
  hello.beat = 5;
  hello.echo = mimp::Echo{.nonce = {1}, .seen = 2, .accepted = 1};
  hello.keep_alive = std::chrono::seconds(1);
  hello.hold = std::chrono::seconds(3);
  hello.grant = mimp::Grant{
      .activation = {3}, .version = 1, .member = true, .lease = std::chrono::seconds(4)};
  corpus.add("mimp", "hello", mimp::encode_hello(hello));
  const mimp::Standing active{.state = mimp::MasterState::Master,
                              .eligible = true,
                              .role = mimp::DesignatedRole::Active,
                              .activation = {4},
                              .acting_under = {4}};
  hello.router_id = IpAddress::v4(0xC0000201);
  hello.vouchings = {mimp::Vouching{.router_id = IpAddress::v4(0xC0000202),
                                    .nonce = {7},
                                    .beat = 9,
                                    .age = std::chrono::milliseconds(300),
                                    .standing = active}};
  hello.members = {IpAddress::v4(0xC0000203)};
  hello.switchover =
      mimp::SwitchoverRequest{.number = 1, .target = {5}, .to = IpAddress::v4(0xC0000203)};
  hello.versions = {.lowest = 1, .highest = 2};
  hello.probe = true;
  corpus.add("mimp", "domain", mimp::encode_hello(hello));
  mcs::pb::Record record;
  mcs::encode(mcs::Record(isa::testing::make_ends().gateway), record);
  corpus.add("mcs", "child", to_bytes(as_bytes(record.SerializeAsString())));
  ike::testing::Gateway gateway;
  ike::testing::Client client;
  if (client.connect(gateway)) {
    record.Clear();
    mcs::encode(mcs::Record(gateway.only_ike()), record);
    corpus.add("mcs", "ike", to_bytes(as_bytes(record.SerializeAsString())));
  }
  mcs::pb::Frame frame;
  frame.set_ping(true);
  corpus.add("mcs", "ping", mcs::encode_frame(frame));
}

void certificate_seeds(Corpus& corpus) {
  namespace certificates = crypto::testing;
  const auto add = [&](const std::string& name, uint8_t kind, ByteView bytes) {
    Bytes seed{kind};
    append(seed, bytes);
    corpus.add("certificate", name, seed);
  };
  const auto root = certificates::issue(certificates::authority_spec());
  const auto peer = certificates::issue(
      {.alternative_names = "DNS:site.example,IP:192.0.2.1,email:a@site.example"}, &root);
  add("root", 0, root.certificate.der());
  add("peer", 0, peer.certificate.der());
  const auto pss =
      crypto::algorithm(crypto::SignatureScheme::RsaPss, crypto::SignatureHash::Sha256);
  add("pss", 1, crypto::encode_algorithm(pss));
  const auto ed25519 =
      crypto::algorithm(crypto::SignatureScheme::Ed25519, crypto::SignatureHash::Identity);
  add("ed25519", 1, crypto::encode_algorithm(ed25519));
  Bytes subject{9};
  append(subject, peer.certificate.subject());
  add("subject", 2, subject);
  add("name", 3, as_bytes("C=DE, O=Example, CN=site 1"));
  add("crl", 4, certificates::revoke(root, {peer.certificate}));
  add("pem", 5, as_bytes(certificates::pem_of(peer.certificate)));
  add("key", 6, as_bytes(certificates::pem_of(peer.key)));
  const ike::Chain chain =
      ike::encode_payloads({ike::payload::Cert{.data = peer.certificate.der()},
                            ike::payload::CertReq{.authorities = {root.certificate.key_digest()}}});
  Bytes message{chain.first};
  append(message, chain.bytes);
  corpus.add("ike_message", "certificates", message);
}

void bfd_seeds(Corpus& corpus) {
  bfd::ControlPacket packet{.detect_multiplier = 3,
                            .my_discriminator = 7,
                            .desired_min_tx_us = 1'000'000,
                            .required_min_rx_us = 50'000};
  corpus.add("bfd", "down", bfd::encode(packet));
  packet.state = bfd::State::Up;
  packet.poll = true;
  packet.demand = true;
  packet.your_discriminator = 0x11111111;
  corpus.add("bfd", "poll", bfd::encode(packet));
  corpus.add("bfd", "sealed", bfd::seal(packet, {.secret = SecretBytes(as_bytes("a key"))}, 1));
}

void config_seeds(Corpus& corpus) {
  corpus.add("config", "empty", {});
  corpus.add("config", "braces", as_bytes("configure {\n    system {\n    }\n}\n"));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    static_cast<void>(std::fputs("usage: make_corpus FOLDER\n", stderr));
    return 2;
  }
  Corpus corpus{std::filesystem::path(argv[1])};
  ike_seeds(corpus);
  certificate_seeds(corpus);
  isa_seeds(corpus);
  peer_seeds(corpus);
  bfd_seeds(corpus);
  config_seeds(corpus);
  return 0;
}
