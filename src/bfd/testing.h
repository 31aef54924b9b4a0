#pragma once

// Services over one fake world: virtual time and a network that can be cut and looked at. Whole
// chassis belong in sim/.

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "bfd/service.h"
#include "platform/testing/fake_platform.h"

namespace segw::bfd::testing {

struct Packet {
  Endpoint from;
  Endpoint to;
  uint8_t ttl = kTtl;
  Bytes bytes;
};

class World {
 public:
  platform::testing::FakeClock clock;
  platform::testing::FakeScheduler scheduler{clock};
  Duration delay = std::chrono::milliseconds(1);
  std::set<std::pair<IpAddress, IpAddress>> cuts;  // from, to
  std::map<Endpoint, platform::HopDatagrams::Handler> ports;
  std::vector<Packet> recording;

  void send(Packet packet) {
    recording.push_back(packet);
    if (!cuts.contains({packet.from.address, packet.to.address})) inject(std::move(packet));
  }
  // As if it came off the wire.
  void inject(Packet packet) {
    scheduler.at(clock.now() + delay, [this, packet = std::move(packet)] {
      const auto at = ports.find(packet.to);
      if (at == ports.end()) return;
      const auto handler = at->second;
      handler(packet.from, packet.ttl, packet.bytes);
    });
  }
};

// One host with its prompt loop.
class Node final : public platform::HopDatagrams {
 public:
  explicit Node(World& world)
      : prompt{.clock = world.clock, .scheduler = world.scheduler, .rng = rng, .datagrams = *this},
        world_(world) {}

  Result<std::unique_ptr<platform::DatagramSocket>> open(const Endpoint& local,
                                                         Handler handler) override {
    if (!world_.ports.emplace(local, std::move(handler)).second) {
      return failure(local.text() + ": address already in use");
    }
    return std::make_unique<Socket>(world_, local);
  }

  platform::testing::FakeRng rng;
  platform::Prompt prompt;
  std::vector<News> news;
  std::unique_ptr<Service> service =
      std::make_unique<Service>(prompt, [this](const News& each) { news.push_back(each); });
  [[nodiscard]] SessionStatus status(size_t session = 0) const {
    return service->status().at(session);
  }
  [[nodiscard]] State state(size_t session = 0) const { return status(session).state; }

 private:
  class Socket final : public platform::DatagramSocket {
   public:
    Socket(World& world, const Endpoint& local) : world_(world), local_(local) {}
    ~Socket() override { world_.ports.erase(local_); }
    void send(const Endpoint& to, ByteView bytes) override {
      world_.send({.from = local_, .to = to, .bytes = to_bytes(bytes)});
    }

   private:
    World& world_;
    Endpoint local_;
  };

  World& world_;
};

}  // namespace segw::bfd::testing
