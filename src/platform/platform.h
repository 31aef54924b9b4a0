#pragma once

// The one seam. A chassis reaches time, randomness, packets, processes, the kernel and files only
// through the classes below. Two implementations: platform/linux (Asio, netlink, TUN) and sim
// (virtual time, faults, checkers).
//
// Rules that both keep:
//  - One thread. Every callback runs from the event loop, never from inside a call that the core
//    made (no re-entry); so a send() cannot deliver before it returns.
//  - Destroying a handle (timer, socket, stream, ISA) cancels all its callbacks.
//  - Time is CoreClock's; events at one instant run in the order in which they were scheduled.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "base/time.h"

namespace segw::platform {

using Callback = std::function<void()>;
using TimerId = uint64_t;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  // For logs and certificates only.
  [[nodiscard]] virtual std::chrono::system_clock::time_point wall() const = 0;
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // `at` in the past means as soon as possible, after what is already due.
  virtual TimerId at(Instant at, Callback callback) = 0;
  virtual void cancel(TimerId id) = 0;  // an id that already ran is ignored
};

// Cryptographically secure for real, seeded in simulation. One draw per statement.
class Rng {
 public:
  virtual ~Rng() = default;
  virtual void fill(MutableBytes out) = 0;
  uint64_t next();                 // uniform 64 bits
  uint64_t below(uint64_t bound);  // uniform in 0..bound-1, bound > 0
  Bytes bytes(size_t size);
};

// ---- Datagrams (MIMP, BFD), base routing instance ------------------------------------------

class DatagramSocket {
 public:
  virtual ~DatagramSocket() = default;
  // Never blocks; what the kernel will not take is dropped and counted by the platform.
  virtual void send(const Endpoint& to, ByteView bytes) = 0;
};

using DatagramHandler = std::function<void(const Endpoint& from, ByteView bytes)>;

class Datagrams {
 public:
  virtual ~Datagrams() = default;
  // Error: one line that names the address and why ("192.0.2.3:11030: address already in use").
  virtual Result<std::unique_ptr<DatagramSocket>> open(const Endpoint& local,
                                                       DatagramHandler handler) = 0;
};

// ---- Streams (MCS): TLS 1.3 over TCP, external PSK, psk_dhe_ke, no tickets, no 0-RTT --------

struct TlsPsk {
  std::string identity;
  SecretBytes
      key;  // 32 bytes, TLS_AES_128_GCM_SHA256 or TLS_AES_256_GCM_SHA384 context is the platform's
};

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void on_open() = 0;  // handshake complete, both sides proved the key
  virtual void on_bytes(ByteView bytes) = 0;
  virtual void on_closed(std::string_view why) = 0;  // last callback; also for a failed connect
};

class Stream {
 public:
  virtual ~Stream() = default;  // closes
  virtual void send(Bytes bytes) = 0;
  // Bytes accepted by send() and not yet taken by the transport: for back-pressure.
  [[nodiscard]] virtual size_t unsent() const = 0;
  [[nodiscard]] virtual Endpoint remote() const = 0;
  // Of the key that was proven: as connect() was given it, or as FindPsk returned it. Empty before
  // on_open.
  [[nodiscard]] virtual std::string psk_identity() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;
};

class Streams {
 public:
  virtual ~Streams() = default;
  // The stream is handed over before its handshake; it must be kept by `accept`, which returns its
  // handler (or nullptr to refuse that remote address). `psk` finds a key by the identity offered
  // (several identities are valid during a key change); the identity that it returns may be
  // another.
  using Accept = std::function<StreamHandler*(std::unique_ptr<Stream> stream)>;
  using FindPsk = std::function<std::optional<TlsPsk>(std::string_view identity)>;
  virtual Result<std::unique_ptr<Listener>> listen(const Endpoint& local, FindPsk psk,
                                                   Accept accept) = 0;
  // The outcome comes by on_open or on_closed.
  virtual std::unique_ptr<Stream> connect(const IpAddress& local, const Endpoint& remote,
                                          TlsPsk psk, StreamHandler& handler) = 0;
};

// ---- Services: the interfaces and routes that an IES or VPRN needs --------------------------

struct ServiceInterface {
  std::string name;                 // as in the configuration ("int-SeGW-3-S-2")
  std::string device;               // network device, by the ports file; empty: loopback
  std::vector<IpPrefix> addresses;  // at most one of each family
  bool shunt = false;  // packets arriving here are looked up in the shunt table (rule 24)
};

struct StaticRoute {
  IpPrefix prefix;
  IpAddress next_hop;
};

struct ServiceSpec {
  std::string name;  // "Base" for the base router; an IES is part of it; a VPRN is a namespace
  std::vector<ServiceInterface> interfaces;
  std::vector<StaticRoute> routes;
};

class Services {
 public:
  virtual ~Services() = default;
  // Makes the kernel as described: namespaces, devices moved and addressed, routes, policy rules,
  // forwarding on, rp_filter and redirects off on shunts. Error: the first thing that is missing
  // ("port 1/1/2 (eth1): no such device"); then nothing half done is left.
  virtual Result<void> apply(const std::vector<ServiceSpec>& services) = 0;
  // The largest packet that every device of the service carries, at most 9000.
  [[nodiscard]] virtual uint16_t mtu(const std::string& /*service*/) { return 1500; }
};

// ---- ISAs -----------------------------------------------------------------------------------

struct IsaSpec {
  IsaId id;
  TunnelGroupId group;
  std::string device;          // names its two TUN devices: isa1-2
  std::string public_service;  // "Base", or a VPRN's name
  std::string private_service;
  // Addresses of the tunnel interfaces (the ISA answers ping there), at most one of each family.
  std::vector<IpPrefix> public_interfaces;
  std::vector<IpPrefix> private_interfaces;
  uint16_t mtu = 1500;  // of the private TUN device
};

class IsaHandler {
 public:
  virtual ~IsaHandler() = default;
  virtual void on_isa_message(ByteView message) = 0;   // isa/isa_wire.h
  virtual void on_isa_gone(std::string_view why) = 0;  // death, known at once; last callback
};

class Isa {
 public:
  virtual ~Isa() = default;  // stops it
  // isa/isa_wire.h. Bounded: if the ISA does not take messages, it is declared hung and gone.
  virtual void send(Bytes message) = 0;
};

class Isas {
 public:
  virtual ~Isas() = default;
  // Opens the two TUN devices, leaves detached queues with the keeper, starts the process.
  virtual Result<std::unique_ptr<Isa>> start(const IsaSpec& spec, IsaHandler& handler) = 0;
};

// ---- Steering: kernel nexthop objects, group routes, virtual next hops ------------------------

enum class Target : uint8_t { Blackhole, Tun, Shunt };
enum class Side : uint8_t { Public, Private };

struct VirtualNextHop {
  std::string device;  // network device in the side's service
  IpAddress address;   // `vrrp N backup [address]`
};

// The way to one peer: static-tunnel-redundant-nexthop, or the next hop of a shunt interface.
struct Shunt {
  std::optional<IpAddress> next_hop;
  std::optional<IpAddress> next_hop_v6;
};

struct SteeringSide {
  std::string service;
  std::vector<IpPrefix> prefixes;  // local gateway addresses, or protected prefixes
  std::vector<Shunt> shunts;       // by the peer's place in the group's list
  std::vector<VirtualNextHop> virtual_next_hops;
};

struct SteeringSpec {
  TunnelGroupId group;
  std::string isa_device;  // as in its IsaSpec
  SteeringSide public_side;
  SteeringSide private_side;
};

// Where a group's traffic goes. Costs the same for one route and for a hundred thousand: all routes
// of a side share one nexthop object.
struct SteeringState {
  Target from_service = Target::Blackhole;  // packets that came in by the service's own interfaces
  Target from_shunt = Target::Blackhole;  // packets that came in by a shunt: Tun or Blackhole only
  bool virtual_next_hops = false;         // answer ARP and ND, announce on change to true
  uint8_t shunt_to = 0;                   // which of the side's shunts, where the target is Shunt
  auto operator<=>(const SteeringState&) const = default;
};

class Steering {
 public:
  virtual ~Steering() = default;
  // Declares a group: routes to its nexthop objects, and blackhole routes of worse metric (rule 9).
  // Starts as SteeringState{}. Error: one line.
  virtual Result<void> declare(const SteeringSpec& spec) = 0;
  virtual void set(TunnelGroupId group, const SteeringState& state) = 0;
  // Routes into the group's private side that come and go with CHILD SAs. They are on the same
  // nexthop objects, so that set() never touches them, each with a blackhole route of worse metric.
  // One that is there already, or gone already, is no error. What an earlier run left is gone after
  // declare().
  virtual void add_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) = 0;
  virtual void remove_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) = 0;
};

// ---- Workers: what takes so long that timers and other clients must not wait for it -------------

// Who is served first when workers are few: a client that has gone further before one that begins.
enum class Lane : uint8_t { Standing, Beginning };

class Workers {
 public:
  virtual ~Workers() = default;
  // `job` runs anywhere and anytime, beside others, and touches only what it owns; then `done` runs
  // from the event loop. The caller bounds how many are under way. Use Work, which survives its
  // owner's end.
  virtual void run(Lane lane, Callback job, Callback done) = 0;
};

// ---- Store: the state folder ------------------------------------------------------------------

class Store {
 public:
  virtual ~Store() = default;
  // Nothing if there is no such file.
  virtual Result<std::optional<Bytes>> read(std::string_view name) = 0;
  // Atomic and durable (write, fsync, rename, fsync of the folder) when `done` is called.
  virtual void write(std::string_view name, Bytes contents,
                     std::function<void(Result<void>)> done) = 0;
};

// ---- Events -----------------------------------------------------------------------------------

enum class Severity : uint8_t { Debug, Info, Minor, Warning, Major, Critical };

class Log {
 public:
  virtual ~Log() = default;
  // `name` is an event's name ("MIMP_MASTER_CHANGED"); lines of one name are rate-limited there
  // (10 a second), what was left out is counted.
  virtual void event(Severity severity, std::string_view name, std::string text) = 0;
};

// A running chassis tells the environment that it is alive (Linux: the keeper's heartbeat; rule 9).
class Supervisor {
 public:
  virtual ~Supervisor() = default;
  virtual void ready() = 0;  // configuration applied, serving
};

struct Platform {
  Clock& clock;
  Scheduler& scheduler;
  Rng& rng;
  Datagrams& datagrams;
  Streams& streams;
  Services& services;
  Isas& isas;
  Steering& steering;
  Workers& workers;
  Store& store;
  Log& log;
  Supervisor& supervisor;
};

// A one-shot timer owned by the object that reacts to it: destroying or re-arming it cancels it.
class Timer {
 public:
  Timer(Platform& platform, Callback callback)
      : platform_(platform), callback_(std::move(callback)) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }
  void arm(Duration after) { arm_at(platform_.clock.now() + after); }
  void arm_at(Instant at);
  void cancel();
  [[nodiscard]] bool armed() const { return id_.has_value(); }
  [[nodiscard]] Instant due() const { return due_; }

 private:
  Platform& platform_;
  Callback callback_;
  std::optional<TimerId> id_;
  Instant due_{};
};

// Runs `callback` after the current event, unless the poster is gone by then.
class Post {
 public:
  explicit Post(Platform& platform) : platform_(platform) {}
  Post(const Post&) = delete;
  Post& operator=(const Post&) = delete;
  void operator()(Callback callback);

 private:
  Platform& platform_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Runs a job on the workers; its end is not told if the owner of this is gone by then.
class Work {
 public:
  explicit Work(Platform& platform) : platform_(platform) {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  void operator()(Lane lane, Callback job, Callback done);

 private:
  Platform& platform_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace segw::platform
