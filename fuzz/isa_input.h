#pragma once

// An acting ISA with one SA and a client on the other side of it, for the fuzzers of its packet
// paths.

#include "base/assert.h"
#include "isa/engine.h"
#include "isa/testing.h"
#include "platform/testing/fake_platform.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::isa::testing {

class ActingIsa {
 public:
  explicit ActingIsa(Ends both = make_ends()) : ends(std::move(both)) {
    const auto prefix = IpPrefix::parse("10.10.20.254/24").value_or(IpPrefix{});
    tell(Setup{.slot = {0},
               .public_interfaces = {prefix},
               .private_interfaces = {prefix},
               .gateways = {ends.gateway.local}});
    tell(InstallSa{.sa = ends.gateway, .outbound = true});
    tell(Vouch{.deadline = now + std::chrono::seconds(1)});
    tell(SetRole{.role = Role::Acting, .iv_epoch = 3});
  }
  void tell(const ToIsa& message) {
    Output out;
    engine.on_control(message, now, out);
  }

  // A packet of the client that is authentic, whatever its plaintext is. `plain` includes padding.
  Bytes authentic(uint32_t sequence, ByteView plain) {
    const size_t padded = (plain.size() + 3) / 4 * 4;
    wire::Writer out;
    out.u32(ends.client.outbound_spi.value).u32(sequence).u64(sequence);
    out.bytes(plain).zeros(padded - plain.size() + esp::icv_size(ends.client.suite));
    Bytes packet = out.take();
    cipher->seal(packet, 0);
    return esp::udp_packet({.address = ends.client.local, .port = 4500},
                           {.address = ends.client.remote, .port = 4500}, 1, packet);
  }

  // Nothing in clear: whatever goes to the client is ESP of our SA, an answer to a ping, or IKE.
  void check(const Output& out) const {
    for (const Bytes& packet : out.to_private) {
      const auto inner = esp::parse_ip(packet);
      SEGW_ASSERT(inner.has_value());
    }
    for (const Bytes& packet : out.to_public) {
      const auto outer = esp::parse_ip(packet);
      SEGW_ASSERT(outer.has_value());
      SEGW_ASSERT(outer->protocol == esp::kProtocolUdp || outer->protocol == esp::kProtocolEsp ||
                  outer->protocol == esp::kProtocolIcmp || outer->protocol == esp::kProtocolIcmpv6);
    }
  }

  platform::testing::FakeRng rng;
  Ends ends;
  std::unique_ptr<esp::Backend> backend = esp::make_openssl_backend();
  std::unique_ptr<esp::Cipher> cipher = backend->make(ends.client.suite, ends.client.outbound_key);
  Engine engine{rng, esp::make_openssl_backend()};
  Instant now{std::chrono::seconds(10)};
};

}  // namespace segw::isa::testing
