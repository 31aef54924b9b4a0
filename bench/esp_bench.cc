// One core's ESP: inner packets of some sizes, sealed, and sealed and opened again.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "esp/algorithm.h"
#include "esp/tunnel.h"
#include "platform/testing/fake_platform.h"

namespace segw::esp {
namespace {

// One key for both directions, so that what was sealed can be opened with the same SA.
ChildSa make_sa(const Suite& suite) {
  ChildSa sa{.inbound_spi = {0x1001}, .outbound_spi = {0x1001}};
  sa.local = IpAddress::v4(0x0A0A1401);
  sa.remote = IpAddress::v4(0x0A0A0A01);
  sa.encapsulation = UdpEncapsulation{};
  sa.suite = suite;
  sa.inbound_key = SecretBytes(key_size(suite));
  sa.outbound_key = sa.inbound_key;
  const TrafficSelector all{.first = IpAddress::v4(0), .last = IpAddress::v4(0xFFFFFFFF)};
  sa.local_selectors = {all};
  sa.remote_selectors = {all};
  return sa;
}

Bytes make_inner(size_t size) {
  const IpFields fields{.source = IpAddress::v4(0x0A02020A),
                        .destination = IpAddress::v4(0xC0A80101),
                        .protocol = 99};
  const size_t payload = size - ip_header(fields, 0).size();
  Bytes packet = ip_header(fields, payload);
  packet.resize(size, 0xAB);
  return packet;
}

class Tunnel {
 public:
  Tunnel(const Suite& suite, size_t inner_size)
      : sa_(make_sa(suite)),
        inner_(make_inner(inner_size)),
        sealer_(Sealer::make(sa_, *backend_)),
        opener_(Opener::make(sa_, *backend_)) {}

  Bytes seal() {
    ++sequence_;
    return sealer_->seal(sa_, inner_, {.sequence = sequence_, .iv = sequence_}, rng_, {});
  }
  Opened open(ByteView outer) {
    const auto packet = parse_ip(outer);
    const auto datagram = packet ? parse_udp(packet->payload) : std::nullopt;
    return datagram ? opener_->open(sa_, datagram->payload, 0) : Opened{};
  }
  [[nodiscard]] std::string backend() const { return backend_->name(); }

 private:
  std::unique_ptr<Backend> backend_ = make_backend();
  platform::testing::FakeRng rng_;
  ChildSa sa_;
  Bytes inner_;
  std::unique_ptr<Sealer> sealer_;
  std::unique_ptr<Opener> opener_;
  uint64_t sequence_ = 0;
};

void count(benchmark::State& state, const Tunnel& tunnel) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
  state.SetLabel(tunnel.backend());
}

void seal(benchmark::State& state, const Suite& suite) {
  Tunnel tunnel(suite, static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(tunnel.seal());
  count(state, tunnel);
}

void seal_and_open(benchmark::State& state, const Suite& suite) {
  Tunnel tunnel(suite, static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    const Opened opened = tunnel.open(tunnel.seal());
    if (opened.outcome != Opening::Ok) state.SkipWithError("not opened");
  }
  count(state, tunnel);
}

struct Row {
  Suite suite;
  std::vector<int64_t> sizes;
};

// The usual ones in both sizes, the others where their cost shows.
std::vector<Row> rows() {
  using E = Encryption;
  using I = Integrity;
  const auto suite = [](E encryption, uint16_t bits, I integrity = I::None) {
    return Suite{.encryption = encryption, .key_bits = bits, .integrity = integrity};
  };
  return {
      {suite(E::AesGcm16, 128), {64, 1400}},
      {suite(E::AesGcm16, 256), {64, 1400}},
      {suite(E::AesGcm8, 256), {1400}},
      {suite(E::ChaCha20Poly1305, 256), {64, 1400}},
      {suite(E::AesCbc, 128, I::HmacSha1_96), {64, 1400}},
      {suite(E::AesCbc, 256, I::HmacSha256_128), {64, 1400}},
      {suite(E::AesCbc, 256, I::HmacSha384_192), {1400}},
      {suite(E::AesCbc, 256, I::HmacSha512_256), {1400}},
      {suite(E::AesCbc, 128, I::AesXcbc_96), {1400}},
      {suite(E::Null, 0, I::HmacSha256_128), {1400}},
  };
}

void add(const std::string& what, void (*run)(benchmark::State&, const Suite&)) {
  for (const Row& row : rows()) {
    auto* bench = benchmark::RegisterBenchmark(
        (what + "/" + text(row.suite)).c_str(),
        [run, suite = row.suite](benchmark::State& state) { run(state, suite); });
    for (const int64_t size : row.sizes) bench->Arg(size);
  }
}

const bool kAdded = [] {
  add("seal", seal);
  add("seal_and_open", seal_and_open);
  return true;
}();

}  // namespace
}  // namespace segw::esp
