#pragma once

// An IPsec client as strict as strongSwan: IKEv2 initiator with real cryptography, raw or
// UDP-encapsulated ESP, retransmissions with back-off, rekeys of CHILD and IKE SAs, liveness,
// deletes and new tunnels at random. It authenticates again only if its IKE SA failed, and counts
// that. Its probes go to a core host, which sends them back.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/checkers/checker.h"
#include "sim/client_crypto.h"
#include "sim/ike_header.h"
#include "sim/packet_world.h"

namespace segw::sim {

struct ClientSpec {
  uint8_t index = 0;
  std::string name;
  IpAddress outer;                      // as the gateway sees it
  std::optional<IpAddress> behind_nat;  // its own address there
  IpAddress gateway;
  IpPrefix inner_network;
  IpAddress inner_host;
  IpPrefix core_network;
  IpAddress core_host;
  std::string identity;  // a domain name; empty: its address as the gateway sees it
  SecretBytes pre_shared_key;
  ike::IkeSuite ike_suite;
  esp::Suite esp_suite;
  std::optional<ike::Group> pfs;
  uint32_t window = 64;
  Duration probe_interval = std::chrono::milliseconds(50);
  // Between chores (rekeys, liveness, deletes); zero: none.
  Duration chore_min{};
  Duration chore_max{};
  bool waits = false;  // the gateway begins the tunnel; not behind a NAT
};

struct ClientCounts {
  uint64_t probes = 0;
  uint64_t echoes = 0;
  uint64_t authentications = 0;
  uint64_t reauthentications = 0;  // because an established IKE SA failed
  uint64_t rekeys = 0;
  uint64_t answered_set_ups = 0;  // tunnels that the gateway began
  uint64_t answered_rekeys = 0;
  uint64_t replays_refused = 0;
  uint64_t integrity_failures = 0;
};

enum class Chore : uint8_t { RekeyChild, RekeyIke, Liveness, NewTunnel };

class Client {
 public:
  Client(World& world, PacketWorld& packets, Observer& observer, ClientSpec spec);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start();
  // False if an exchange is under way or there is no tunnel.
  bool do_chore(Chore chore);
  void set_chores(bool on) { chores_ = on; }
  void set_probes(bool on) { probes_ = on; }
  void rebind_nat();

  [[nodiscard]] bool has_tunnel() const { return ike_ && ike_->established && !children_.empty(); }
  [[nodiscard]] bool idle() const { return has_tunnel() && !pending_; }
  [[nodiscard]] Instant last_echo() const { return last_echo_; }
  [[nodiscard]] const ClientCounts& counts() const { return counts_; }
  [[nodiscard]] const ClientSpec& spec() const { return spec_; }
  [[nodiscard]] std::vector<uint32_t> outbound_spis() const;
  [[nodiscard]] uint64_t ike_spi() const { return ike_ ? ike_->initiator_spi : 0; }

 private:
  struct IkeSa {
    uint64_t initiator_spi = 0;
    uint64_t responder_spi = 0;
    ClientIkeKeys keys;
    uint32_t next_request = 0;
    uint32_t expected_request = 0;
    Bytes last_answer;
    bool established = false;
    bool told = false;  // that it stands: as responder by the first that comes under it
    Instant made_at{};
    bool began = true;  // we did, or our rekey; else the gateway
  };
  // A tunnel that the gateway begins, between IKE_SA_INIT and IKE_AUTH.
  struct Incoming {
    IkeSa sa;
    Instant at{};
    Bytes request;
    Bytes answer;
    Bytes gateway_nonce;
    Bytes own_nonce;
  };
  enum class Exchange : uint8_t {
    Init,
    Auth,
    RekeyChild,
    RekeyIke,
    Liveness,
    DeleteChild,
    DeleteOldIke,
    DeleteIke,
  };
  struct Pending {
    Exchange exchange = Exchange::Init;
    bool on_old = false;
    uint32_t message_id = 0;
    Bytes message;
    int tries = 0;
    Instant asked_at{};
    Duration wait{};
    crypto::DhKeyPair key;
    bool has_key = false;
    Bytes nonce;
    uint32_t child_spi = 0;
    uint64_t ike_spi = 0;
    Bytes id_body;
    uint32_t old_spi = 0;  // of the CHILD SA that is rekeyed or deleted, at our side
  };

  // client.cc
  void receive(Bytes packet);
  void on_esp(uint32_t spi, ByteView esp);
  void probe();
  void chore();
  void send(ByteView payload, bool esp);
  void note(std::string_view what);
  [[nodiscard]] uint16_t mapped(uint16_t port) const;
  // `loss`: what was established failed.
  void start_over(std::string_view why, const std::optional<ClientLoss>& loss = {});
  void told(IkeSa& sa);
  void lost(const IkeSa& sa, const ClientLoss& loss);
  [[nodiscard]] ClientIke named(const IkeSa& sa) const;
  [[nodiscard]] Duration age_of_child(uint32_t inbound_spi) const;

  // client_ike.cc
  void begin_init(const Payloads& before = {});
  void begin_auth();
  void begin_rekey_child();
  void begin_rekey_ike();
  void begin_informational(Exchange exchange, const Payloads& payloads, uint32_t deleted_child = 0);
  void request(Pending pending, uint8_t exchange, const Payloads& payloads);
  void transmit();
  void on_ike(ByteView message);
  void on_response(const IkeHeader& header, ByteView message);
  void on_request(const IkeHeader& header, ByteView message);
  void finish_init(ByteView message);
  void finish_auth(const Pending& done, const Payloads& payloads);
  void finish_rekey_child(const Pending& done, const Payloads& payloads);
  void finish_rekey_ike(const Pending& done, const Payloads& payloads);
  void after_response(const Pending& done, const Payloads& payloads);
  void add_child(const Pending& done, const Payloads& payloads, ByteView shared, ByteView nonces);
  IkeSa* sa_of(const IkeHeader& header);

  // client_responder.cc
  void answer_init(const IkeHeader& header, ByteView message);
  void answer_auth(const IkeHeader& header, ByteView message);
  void answer_create_child(IkeSa& sa, const IkeHeader& header, const Payloads& payloads);
  Payloads answer_child(const Payloads& payloads, const Payload& offer);
  Payloads answer_rekey_ike(const Payloads& payloads, const Payload& offer);
  void answer(IkeSa& sa, const IkeHeader& header, const Payloads& payloads);
  void use_fresh(uint32_t spi);

  World& world_;
  PacketWorld& packets_;
  Observer& observer_;
  ClientSpec spec_;
  Rng rng_;
  std::optional<IkeSa> ike_;
  std::optional<IkeSa> old_ike_;
  std::optional<Incoming> incoming_;
  std::vector<ClientSa> children_;          // the last one is used to send
  std::set<uint32_t> fresh_;                // rekeyed by the gateway: used to send once it does
  std::map<uint32_t, Instant> child_made_;  // by inbound SPI
  std::optional<Pending> pending_;
  uint64_t pending_serial_ = 0;
  Bytes init_request_;
  Bytes init_response_;
  Bytes responder_nonce_;
  bool encapsulated_ = false;
  uint16_t nat_port_ = 0;
  bool chores_ = true;
  bool probes_ = true;
  uint64_t next_probe_ = 1;
  Instant last_echo_{};
  ClientCounts counts_;
};

}  // namespace segw::sim
