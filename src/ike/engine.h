#pragma once

// IKEv2 (RFC 7296) over the plain data of a tunnel group. Runs while the group is acting here.
// The engine changes the group's state, commits the changed records, and lets the answer leave only
// when the in-sync set holds them (redundancy rule 15). Contract for the other rooms.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/counters.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "esp/child_sa.h"
#include "ike/auth_settings.h"
#include "ike/identity_match.h"
#include "ike/ike_options.h"
#include "ike/ike_sa.h"
#include "platform/platform.h"

namespace segw::ike {

// ---- What the engine is configured with (made from config::Config by the chassis) ----

struct Proposal {  // one configured ike-transform
  IkeSuite suite;
  Duration lifetime{};  // isakmp-lifetime
};
struct ChildProposal {  // one configured ipsec-transform
  esp::Suite suite;
  std::optional<Group> pfs;
  Duration lifetime{};
};
struct TunnelSettings {
  uint32_t index = 0;  // its number (docs/decisions/0016)
  std::string name;
  bool enabled = true;
  IpAddress local_gateway;
  IpAddress remote_gateway;
  Identity local_id;  // ID_IPV4_ADDR of the gateway where nothing else is configured
  Identity remote_id;
  SecretBytes pre_shared_key;
  AuthSettings auth;
  std::vector<Proposal> proposals;  // in order of preference
  std::vector<ChildProposal> child_proposals;
  bool nat_traversal = true;
  bool force_encapsulation = false;
  // One of each for an entry of the security policy: entry n is local n with remote n.
  std::vector<esp::TrafficSelector> local_selectors;
  std::vector<esp::TrafficSelector> remote_selectors;
  uint16_t replay_window = 128;
  esp::ReverseRoute reverse_route = esp::ReverseRoute::None;
  bool auto_establish = false;  // we begin
  bool dpd = false;             // liveness requests of our own
  Duration dpd_interval{};
  uint8_t dpd_max_retries = 3;
  IkeOptions options;
};
struct ClientSettings {  // of a gateway's client-db
  uint16_t number = 0;
  std::optional<IdentityMatch> identity;  // unset: not compared
  std::optional<IpPrefix> peer;
  TunnelSettings settings;
};
// Serves clients at any address. In its TunnelSettings remote_gateway and remote_id mean nothing
// (auth.any_remote_id: the client-db compares identities), and index is kDynamicTunnel.
struct GatewaySettings {
  std::string name;
  bool enabled = true;
  IpAddress local_gateway;
  TunnelSettings own;         // of every IKE_SA_INIT, and of clients that are not in the client-db
  bool fallback = true;       // those are served
  bool override_any = false;  // a client may take addresses of another one
  std::vector<ClientSettings> clients;  // by number
};
struct GroupSettings {
  TunnelGroupId group;
  Slot slot;
  std::array<uint8_t, 16> incarnation{};
  uint8_t slots = 2;
  uint32_t tunnels_max = 2048;
  bool responder_only = false;      // no set-up and no rekeying of our own
  bool rekey_taken_over = false;    // every CHILD SA after activate() (redundancy rule 21)
  uint32_t rekeys_per_second = 50;  // of those, and of rekey_in_turn(); at least 1
  uint32_t half_open_cookie_threshold = 100;  // above: cookies are demanded
  uint32_t half_open_max = 1000;              // dropped first, oldest first
  // The same on all chassis: cookies are made with the first, and hold by any. None: one is drawn.
  std::vector<SecretBytes> cookie_keys;
  std::vector<TunnelSettings> tunnels;
  std::vector<GatewaySettings> gateways;
};

// The state that the engine works on. The chassis owns it (it is mcs::GroupState; the engine sees
// it through this, so that ike/ does not depend on mcs/).
struct Tables {
  std::map<IkeSpi, IkeSa>& ike_sas;        // by our SPI
  std::map<Spi, esp::ChildSa>& child_sas;  // by inbound SPI
};

// Records of one step, in order: what changed, as whole values.
struct Changes {
  std::vector<IkeSpi> ike_sas;  // upserted: the value is in Tables
  std::vector<Spi> child_sas;
  struct DeletedIke {
    IkeSpi spi;
    bool by_client;
  };
  struct DeletedChild {
    Spi spi;
    bool by_client;
  };
  std::vector<DeletedChild> deleted_child_sas;
  std::vector<DeletedIke> deleted_ike_sas;
};

struct Datagram {  // an IKE message with its addresses; the non-ESP marker is not in `message`
  Endpoint local;
  Endpoint remote;
  Bytes message;
};

// ESP under an SPI that is not there. Ports: as IKE with that client would have them, 4500 where it
// came in UDP.
struct UnknownEsp {
  Endpoint local;
  Endpoint remote;
  Spi spi;
  size_t size = 0;  // bytes, all that was behind the IP header
};

class Host {
 public:
  virtual ~Host() = default;
  // Makes the changes known; `then` runs when all members of the in-sync set hold them, or never
  // (role lost).
  virtual void commit(const Changes& changes, platform::Callback then) = 0;
  virtual void send(const Datagram& datagram) = 0;
  // The ISA: inbound at once when the record is made, outbound when it is committed.
  virtual void install(const esp::ChildSa& sa) = 0;
  virtual void use_outbound(Spi inbound_spi) = 0;
  virtual void remove(Spi inbound_spi) = 0;
  // The next 64-bit IV for an SK payload sent on this IKE SA (rule 12); nothing: must not send.
  virtual std::optional<uint64_t> next_iv(const IkeSa& sa) = 0;
  // Of `holders` those that exist no more, as their chassis has another state folder now: whatever
  // is agreed on from here on, they never hold.
  [[nodiscard]] virtual std::vector<esp::Holder> gone(
      const std::vector<esp::Holder>& holders) const = 0;
  // Keys were made of a request that other chassis may have held in an earlier life (rule 13): of
  // an IKE SA, or, where that is 0, of a CHILD SA.
  virtual void keys_of_request(IkeSpi ike_sa, Spi child_sa) = 0;
  // What is known here of an SA's numbers; what the ISA has not said yet may be 100 ms old.
  struct Position {
    uint64_t outbound_next = 1;
    uint64_t inbound_highest = 0;
  };
  [[nodiscard]] virtual Position position(Spi inbound_spi) const = 0;
  // Nothing at or below `edge` is accepted any more: the client skipped it (RFC 6311).
  virtual void raise_edge(Spi inbound_spi, uint64_t edge) = 0;
  // The children of `sa` are committed with a new address: the ISA sends there from now on.
  virtual void moved(const IkeSa& sa) = 0;
  virtual void on_tunnel_state(uint32_t tunnel, bool up) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual void activate(bool clean) = 0;  // became acting: timers of every SA in the tables start
  virtual void deactivate() = 0;
  // Ages in the tables are as of their last record; this makes them as of now.
  virtual void note_ages() = 0;
  // The tables were merged with those of a chassis that acted beside us (redundancy rule 17): these
  // IKE SAs have changed or are gone. `served`: their clients spoke to the other chassis last.
  virtual void merged(const std::set<IkeSpi>& changed, const std::set<IkeSpi>& served) = 0;
  // Never throws, never aborts, bounded: the bytes are a stranger's.
  virtual void on_datagram(const Datagram& datagram) = 0;
  // ESP of this client was authenticated here: it lives (liveness, redundancy rule 18).
  virtual void heard(IkeSpi ike_sa) = 0;
  // It came from another address or port than is known.
  virtual void client_moved(IkeSpi ike_sa, const Endpoint& remote) = 0;
  // Administrative delete of a tunnel's SAs (`clear`, or removed from the configuration).
  virtual void clear_tunnel(uint32_t tunnel) = 0;
  // Now, whatever its age and the group's ipsec-responder-only say. What cannot be asked at once is
  // asked as soon as it can.
  virtual void rekey_child(Spi inbound_spi) = 0;
  virtual void rekey_ike(IkeSpi our_spi) = 0;
  // The same for many, GroupSettings::rekeys_per_second of them a second: IKE SAs first, then the
  // CHILD SAs with the fewest numbers left.
  virtual void rekey_in_turn(const std::vector<IkeSpi>& ike_sas,
                             const std::vector<Spi>& child_sas) = 0;
  // How many wait for their turn, or to be asked again.
  [[nodiscard]] virtual size_t rekeys_waiting() const = 0;
  virtual void delete_child(Spi inbound_spi) = 0;
  virtual void delete_ike(IkeSpi our_spi) = 0;
  virtual void ask_liveness(IkeSpi our_spi) = 0;
  // Planned handover: no requests of our own, and nothing is answered, until activate().
  virtual void pause() = 0;
  // The handover was given up: goes on as before pause(), with what waits for its commit.
  virtual void resume() = 0;
  // Whether all that clients were told is known here: only then is anybody told that what it names
  // is unknown (redundancy rule 22). False until it is said, and after activate().
  virtual void set_complete(bool complete) = 0;
  virtual void on_unknown_esp(const UnknownEsp& packet) = 0;
  // Certificates, authorities and revocation lists were read anew, or cookie_keys are others.
  // `settings` are those given before in everything else. SAs that stand stay; who authenticates
  // from now on is judged by it.
  virtual void renew_authentication(const GroupSettings& settings) = 0;
  // As of now, unlike those of the tables.
  [[nodiscard]] virtual Duration age(const IkeSa& sa) const = 0;
  [[nodiscard]] virtual Duration age(const esp::ChildSa& sa) const = 0;
  [[nodiscard]] virtual const Counters& counters() const = 0;  // drops by reason, exchanges
  // The part of one configured tunnel, and of a gateway's address; null if there is no such.
  [[nodiscard]] virtual const Counters* tunnel_counters(uint32_t index) const = 0;
  [[nodiscard]] virtual const Counters* gateway_counters(const IpAddress& local) const = 0;
};

std::unique_ptr<Engine> make_engine(platform::Platform& platform, GroupSettings settings,
                                    Tables tables, Host& host);

}  // namespace segw::ike
