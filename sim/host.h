#pragma once

// One chassis host: what survives the death of its processes (the disk; the kernel's forwarding;
// the ISA while segwd is only stopped) and what does not.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "chassis/chassis.h"
#include "sim/isa_process.h"
#include "sim/network.h"
#include "sim/observer.h"
#include "sim/packet_world.h"
#include "sim/streams.h"

namespace segw::sim {

class SimHost;
class SimPlatform;

// Everything around a host.
struct Surroundings {
  World& world;
  Network& network;
  StreamNet& streams;
  PacketWorld& packets;
  Observer& observer;
  std::vector<SimHost*>& hosts;  // by HostId
};

class SimHost final : public NextHop {
 public:
  SimHost(Surroundings around, std::string name, IpAddress address,
          std::shared_ptr<const config::Config> config);
  ~SimHost() override;
  SimHost(const SimHost&) = delete;
  SimHost& operator=(const SimHost&) = delete;

  void boot();
  void crash();       // power off: everything of it ends now
  void lose_disk();   // while it is off
  void kill_segwd();  // the keeper makes the forwarding safe and stops the ISA
  void pause();       // SIGSTOP of segwd alone
  void go_on();
  void crash_isa();
  void hang_isa();     // SIGSTOP of the ISA alone
  void isa_goes_on();  // if it still hangs
  // No ISA can start any more (no /dev/net/tun, say) until it is `false` again.
  void refuse_isas(bool refuse) { isas_refused_ = refuse; }
  // What a write takes on top of the usual; it survives a crash as the disk does.
  void set_disk_delay(Duration delay) { disk_delay_ = delay; }
  // The disk is full, until it is `false` again.
  void refuse_writes(bool refuse) { writes_refused_ = refuse; }
  void step_wall_clock(Duration by);
  // It has the release before: while it is off.
  void set_older(bool older) { older_ = older; }
  // Other keys in the configuration, for all peers: the first, and one that is accepted as well.
  // Error: a segwd that runs does not take them; then the configuration stays as it was, too.
  Result<std::string> change_keys(const std::vector<std::string>& keys);

  [[nodiscard]] bool powered() const { return powered_; }
  [[nodiscard]] bool older() const { return older_; }
  [[nodiscard]] bool running() const;  // segwd lives
  [[nodiscard]] bool paused() const;
  [[nodiscard]] bool started() const { return running() && started_; }
  [[nodiscard]] bool isa_runs() const { return isa_ != nullptr; }
  [[nodiscard]] bool isa_hangs() const;
  [[nodiscard]] chassis::Chassis* chassis() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] HostId id() const { return id_; }
  [[nodiscard]] Instant booted_at() const { return booted_at_; }
  [[nodiscard]] const IpAddress& address() const { return address_; }

  // ---- for SimPlatform ----
  Surroundings& around() { return around_; }
  std::map<std::string, Bytes>& disk() { return disk_; }
  [[nodiscard]] Duration disk_delay() const { return disk_delay_; }
  [[nodiscard]] bool writes_refused() const { return writes_refused_; }
  [[nodiscard]] Duration wall_offset() const { return wall_offset_; }
  Result<std::unique_ptr<platform::Isa>> start_isa(const platform::IsaSpec& spec, ProcessId segwd,
                                                   platform::IsaHandler& handler);
  Result<void> declare(const platform::SteeringSpec& spec);
  void steer(TunnelGroupId group, const platform::SteeringState& state);
  void add_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes);
  void remove_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes);
  void deliver_datagram(const Endpoint& to, const Endpoint& from, const Bytes& bytes);
  Rng& rng() { return rng_; }
  void set_started(const Result<void>& result);

  // ---- the forwarding plane ----
  [[nodiscard]] bool answers_arp() const override;
  [[nodiscard]] bool receives() const override { return powered_; }
  void receive(platform::Side side, Bytes packet) override { forward(side, false, packet); }
  void receive_shunted(platform::Side side, const Bytes& packet) { forward(side, true, packet); }
  // As if a wrong route led it to the ISA's public TUN.
  void receive_clear_text(const Bytes& packet);
  void isa_sends(platform::Side side, Bytes packet);
  [[nodiscard]] const platform::SteeringState* steering() const;
  // Whom it hands the group's traffic, on both sides; nothing: nobody.
  [[nodiscard]] std::optional<HostId> shunts_to() const;
  [[nodiscard]] std::set<IpPrefix> added_routes() const;

 private:
  struct Boot;  // one segwd's parts, as long as it lives
  class IsaHandle;
  struct Steered {
    platform::SteeringSpec spec;
    platform::SteeringState state;
    bool routed = true;
    std::set<IpPrefix> added;  // routes that come and go, of the private side
  };
  void forward(platform::Side side, bool from_shunt, Bytes packet);
  void shunt(platform::Side side, const Steered& steered, const Bytes& packet);
  [[nodiscard]] std::optional<HostId> shunt_of(platform::Side side, const Steered& steered) const;
  void stop_isa();
  void make_forwarding_safe();
  void end_segwd();
  void isa_tells(uint64_t serial, Bytes message);

  Surroundings around_;
  std::string name_;
  IpAddress address_;
  std::shared_ptr<const config::Config> config_;
  HostId id_;
  Rng rng_;
  bool powered_ = false;
  bool started_ = false;
  bool isas_refused_ = false;
  bool older_ = false;
  Instant booted_at_{};
  std::map<std::string, Bytes> disk_;
  Duration disk_delay_{};
  bool writes_refused_ = false;
  Duration wall_offset_{};
  std::map<TunnelGroupId, Steered> steering_;
  std::unique_ptr<IsaProcess> isa_;
  platform::IsaHandler* isa_handler_ = nullptr;
  ProcessId isa_owner_ = kNature;
  uint64_t isa_serial_ = 0;
  std::unique_ptr<Boot> boot_;
  // What died while it was, perhaps, on the stack.
  std::vector<std::unique_ptr<Boot>> dead_boots_;
  std::vector<std::unique_ptr<IsaProcess>> dead_isas_;
};

}  // namespace segw::sim
