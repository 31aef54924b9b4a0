// One core's ESP: inner packets of some sizes, sealed, and sealed and opened again.
#include <benchmark/benchmark.h>

#include "esp/tunnel.h"
#include "platform/testing/fake_platform.h"

namespace segw::esp {
namespace {

constexpr Suite kGcm{};
constexpr Suite kCbc{
    .encryption = Encryption::AesCbc, .key_bits = 256, .integrity = Integrity::HmacSha256_128};

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

BENCHMARK_CAPTURE(seal, gcm_256, kGcm)->Arg(64)->Arg(1400);
BENCHMARK_CAPTURE(seal, cbc_256_sha_256, kCbc)->Arg(64)->Arg(1400);
BENCHMARK_CAPTURE(seal_and_open, gcm_256, kGcm)->Arg(64)->Arg(1400);
BENCHMARK_CAPTURE(seal_and_open, cbc_256_sha_256, kCbc)->Arg(64)->Arg(1400);

}  // namespace
}  // namespace segw::esp
