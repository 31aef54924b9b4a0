// What a hello costs who receives it: HMAC and decoding.
#include <benchmark/benchmark.h>

#include "mimp/mimp_wire.h"

namespace segw::mimp {
namespace {

using namespace std::chrono_literals;

Binding binding() {
  return Binding{.source = IpAddress::v4(0xC0000201),
                 .destination = IpAddress::v4(0xC0000202),
                 .source_group = 1,
                 .destination_group = 1};
}

Hello full_hello() {
  Hello hello{.nonce = {1, 2, 3, 4}, .beat = 77, .keep_alive = 500ms, .hold = 1s, .up_for = 90s};
  hello.echo = Echo{.nonce = {9, 8, 7}, .seen = 12, .accepted = 11};
  hello.standing = Standing{.state = MasterState::Master,
                            .eligible = true,
                            .in_sync = true,
                            .held = true,
                            .active_isas = 1,
                            .activation = Activation{9},
                            .acting_under = Activation{9}};
  hello.grant = Grant{.activation = Activation{9}, .version = 4, .member = true, .lease = 1500ms};
  return hello;
}

void receive_hello(benchmark::State& state) {
  const SecretBytes key(32);
  const Binding from_to = binding();
  const Bytes datagram = seal(encode_hello(full_hello()), from_to, key);
  for (auto _ : state) {
    const auto tlvs = open(datagram, from_to, key);
    if (!tlvs || !decode_hello(*tlvs)) state.SkipWithError("refused");
  }
}
BENCHMARK(receive_hello);

}  // namespace
}  // namespace segw::mimp
