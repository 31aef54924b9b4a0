#include "sim/isa_process.h"

#include "isa/engine.h"

namespace segw::sim {
namespace {

constexpr size_t kTunQueue = 2048;  // as on Linux

}  // namespace

struct IsaProcess::Engine {
  // OpenSSL everywhere, so that a history does not depend on the machine's processor.
  explicit Engine(platform::Rng& rng) : engine(rng, esp::make_openssl_backend()) {}
  isa::Engine engine;
};

IsaProcess::IsaProcess(World& world, uint64_t seed, Ports ports)
    : world_(world),
      process_(world.spawn()),
      ports_(std::move(ports)),
      rng_(seed),
      engine_(std::make_unique<Engine>(rng_)) {
  world_.after(process_, isa::kActivityInterval, [this] { tick(); });
}

IsaProcess::~IsaProcess() { world_.kill(process_); }

void IsaProcess::packet(platform::Side side, ByteView packet) {
  if (!world_.alive(process_)) return;
  if (!world_.stopped(process_)) return take(side, packet);
  if (waiting_ >= kTunQueue) return;
  ++waiting_;
  world_.after(process_, Duration{0}, [this, side, kept = to_bytes(packet)] {
    --waiting_;
    take(side, kept);
  });
}

void IsaProcess::take(platform::Side side, ByteView packet) {
  ports_.packet_in(side, packet);
  const std::vector<Bytes> batch{to_bytes(packet)};
  isa::Output out;
  if (side == platform::Side::Public) {
    engine_->engine.on_public(batch, world_.now(), out);
  } else {
    engine_->engine.on_private(batch, world_.now(), out);
  }
  put_out(out);
}

void IsaProcess::told(ByteView message) {
  const auto decoded = isa::decode_to_isa(message);
  if (!decoded) {
    world_.note("isa", "refuses a message: " + decoded.error().field);
    return;
  }
  ports_.told(*decoded);
  isa::Output out;
  engine_->engine.on_control(*decoded, world_.now(), out);
  put_out(out);
}

void IsaProcess::tick() {
  world_.after(process_, isa::kActivityInterval, [this] { tick(); });
  isa::Output out;
  engine_->engine.on_timer(world_.now(), out);
  put_out(out);
}

// An observer may end this process between two packets.
void IsaProcess::put_out(isa::Output& out) {
  for (Bytes& packet : out.to_public) {
    if (world_.alive(process_)) ports_.packet_out(platform::Side::Public, std::move(packet));
  }
  for (Bytes& packet : out.to_private) {
    if (world_.alive(process_)) ports_.packet_out(platform::Side::Private, std::move(packet));
  }
  for (const isa::FromIsa& message : out.to_segwd) {
    if (world_.alive(process_)) ports_.tells(isa::encode(message));
  }
}

}  // namespace segw::sim
