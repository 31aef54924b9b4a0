#pragma once

// The engine behind engine.h. One class, one file for each exchange:
//   engine.cc            lookup, message IDs, answers, commits, ends
//   engine_requests.cc   own requests: sending, repeating, what a response finishes
//   engine_timers.cc     what is due for an IKE SA, and when
//   engine_tunnels.cc    auto-establish: which tunnels are set up, and how fast
//   engine_init.cc       IKE_SA_INIT as responder
//   engine_initiate.cc   IKE_SA_INIT and IKE_AUTH as initiator
//   engine_auth.cc       IKE_AUTH as responder
//   engine_gateway.cc    tunnels on demand: whose settings, which addresses, who is replaced
//   engine_child.cc      CREATE_CHILD_SA as responder; what both roles make of it
//   engine_rekey.cc      CREATE_CHILD_SA as initiator: new and rekeyed CHILD SAs
//   engine_turns.cc      rekeys of many SAs, a few a second
//   engine_rekey_ike.cc  rekeying the IKE SA, both roles
//   engine_info.cc       INFORMATIONAL, deletes
//   engine_admission.cc  who may begin: cookies, limits, lock-out, the queue of beginners
//   engine_fragments.cc  messages in parts (RFC 7383)
//   engine_sync.cc       message IDs after a takeover (RFC 6311), both roles
//   engine_mobike.cc     clients that move (RFC 4555)
//   engine_merge.cc      what another chassis did meanwhile
//   engine_unknown.cc    who names an SA that is not there
//
// Every step: change the tables, commit the changes, and in `then` let the message leave and the
// outbound SA be used. What a step needs beyond the tables is in Runtime, and can be made anew.

#include <deque>
#include <functional>
#include <queue>
#include <set>
#include <string_view>
#include <variant>

#include "ike/answer_limit.h"
#include "ike/authentication.h"
#include "ike/client_db.h"
#include "ike/engine.h"
#include "ike/fragment.h"
#include "ike/key_derivation.h"
#include "ike/lockout.h"
#include "ike/message.h"
#include "ike/negotiation.h"
#include "ike/parted_counters.h"
#include "ike/protection.h"
#include "ike/remote_ranges.h"

namespace segw::ike {

class EngineImpl final : public Engine {
 public:
  EngineImpl(platform::Platform& platform, GroupSettings settings, Tables tables, Host& host);

  void activate(bool clean) override;
  void deactivate() override;
  void note_ages() override;
  void merged(const std::set<IkeSpi>& changed, const std::set<IkeSpi>& served) override;
  void on_datagram(const Datagram& datagram) override;
  void heard(IkeSpi ike_sa) override;
  void client_moved(IkeSpi ike_sa, const Endpoint& remote) override;
  void clear_tunnel(uint32_t tunnel) override;
  void rekey_child(Spi inbound_spi) override;
  void rekey_ike(IkeSpi our_spi) override;
  void rekey_in_turn(const std::vector<IkeSpi>& ike_sas,
                     const std::vector<Spi>& child_sas) override;
  [[nodiscard]] bool does_not_answer(IkeSpi our_spi) const override;
  [[nodiscard]] size_t rekeys_waiting() const override { return turns_.size() + automatic_.size(); }
  void delete_child(Spi inbound_spi) override;
  void delete_ike(IkeSpi our_spi) override;
  void ask_liveness(IkeSpi our_spi) override;
  void pause() override;
  void resume() override;
  void set_complete(bool complete) override { complete_ = complete; }
  void on_unknown_esp(const UnknownEsp& packet) override;
  void renew_authentication(const GroupSettings& settings) override;
  [[nodiscard]] Duration age(const IkeSa& sa) const override;
  [[nodiscard]] Duration age(const esp::ChildSa& sa) const override;
  [[nodiscard]] const Counters& counters() const override { return counters_.all(); }
  [[nodiscard]] const Counters* tunnel_counters(uint32_t index) const override {
    return counters_.of_tunnel(index);
  }
  [[nodiscard]] const Counters* gateway_counters(const IpAddress& local) const override {
    return counters_.of_gateway(local);
  }

 private:
  // Not before `until` again; `failures` in a row make it longer.
  struct BackOff {
    Instant until{};
    uint32_t failures = 0;
  };
  struct Runtime {
    bool committing = false;          // an answer waits for the in-sync set
    bool request_committing = false;  // a request of ours does
    bool proving = false;             // its IKE_AUTH is with the workers
    bool heard = false;               // we may ask this client (redundancy rule 18)
    bool moving = false;              // its new address is being committed
    bool liveness_wanted = false;     // whatever the time
    Instant born{};                   // when age was zero
    Instant due{};                    // next thing to do for this SA
    Instant last_heard{};             // authenticated, from the client
    Instant closed_at{};              // since when a Closed one only repeats its last answer
    Instant
        asked_at{};  // when the pending request left first, or the one of another chassis came here
    Instant resend_at{};
    uint32_t resends = 0;
    bool sync_wanted = false;    // the client may have gone further than we know (RFC 6311)
    uint32_t sync_attempts = 0;  // unanswered
    bool synced = false;         // since the last response to another request
    bool replay_wanted = false;  // its numbers may have gone further than we know
    bool replay_asked = false;   // by the pending request
    // What may be refused when the client has skipped numbers. A chassis that takes over meanwhile
    // knows less, and asks itself.
    std::map<Spi, uint64_t> edges_asked;
    std::optional<Instant> repeated_elsewhere;  // the last answer, to where the client is not
    BackOff ike_rekey;
    std::map<Spi, BackOff> child_rekeys;
    std::map<uint32_t, BackOff> entries;  // of the security policy that lack a CHILD SA
  };
  // What is to be done next for an IKE SA.
  struct Task {
    enum class Kind : uint8_t {
      Nothing,
      Forget,
      Resend,
      EndIke,
      EndChild,
      RekeyIke,
      RekeyChild,
      CreateChild,
      Liveness,
      SyncMessageIds,
      SyncReplayCounters,
      CheckAddress
    };
    Kind kind = Kind::Nothing;
    Instant at = Instant::max();
    Spi child;
    uint32_t entry = 0;
  };
  // A request as it is being worked on.
  struct Request {
    const Datagram& datagram;
    const Header& header;
    std::vector<Payload> payloads;
    uint64_t iv = 0;
    Bytes digest;  // of the datagram, or of the first of several
  };
  // The answer to the request that ended an IKE SA, for its retransmissions; not replicated.
  struct LastWord {
    IkeSpi spi;
    Endpoint remote;  // nobody else gets it
    Bytes request_digest;
    std::vector<Bytes> response;
  };
  // A CHILD SA as both sides agreed on it.
  struct ChildParts {
    Spi inbound_spi;
    Spi outbound_spi;
    esp::Suite suite;
    ChildKeys keys;
    Duration lifetime{};
    std::vector<esp::TrafficSelector> local;
    std::vector<esp::TrafficSelector> remote;
    bool initiator = false;  // of the exchange that made it
    Spi replaces;
    Duration outbound_from{};
  };
  // An IKE SA as rekeying agreed on it.
  struct SuccessorParts {
    IkeSpi initiator_spi;
    IkeSpi responder_spi;
    bool we_initiated = false;
    IkeSuite suite;
    Duration lifetime{};
    SecretBytes shared;
    Nonces nonces;
  };
  // A rekey that waits for its turn; of the IKE SA if there is no `child`.
  struct Turn {
    uint64_t left = 0;  // numbers, of a CHILD SA: who has the fewest comes first
    IkeSpi ike;
    Spi child;
    bool lasting = false;  // wished for until it is done; else until it is refused
    auto operator<=>(const Turn&) const = default;
  };
  struct Ended {
    Instant at;
    Spi spi;
  };
  struct SetUp {  // of a tunnel that we begin
    std::optional<Instant> wanted_at;
    BackOff back_off;
  };
  using InitKey = std::pair<IkeSpi, Endpoint>;
  using Kind = PendingRequest::Kind;

  // engine.cc
  IkeSa* find(const Header& header);
  void on_unknown(const Datagram& datagram, const Header& header);
  void on_malformed(const Datagram& datagram, const std::string& field);
  void on_protected(IkeSa& sa, const Datagram& datagram, const Header& header);
  void on_authentic(IkeSa& sa, const Datagram& datagram, const Header& header, Plain plain,
                    Bytes digest);
  void note_heard(IkeSa& sa);
  void first_heard(const IkeSa& sa);
  void on_request(IkeSa& sa, const Datagram& datagram, const Header& header, Plain plain,
                  Bytes digest);
  [[nodiscard]] bool repeats_to(const IkeSa& sa, const Endpoint& remote);
  bool fresh_request(IkeSa& sa, const Datagram& datagram, const Header& header,
                     const Bytes& digest);
  void repeat_answer(const std::vector<Bytes>& response, const Datagram& datagram);
  void dispatch(IkeSa& sa, Request& request);
  void follow(IkeSa& sa, const Datagram& datagram);
  [[nodiscard]] static bool is_followed(const IkeSa& sa);
  void children_follow(IkeSa& sa);
  void answer(IkeSa& sa, const Request& request, const std::vector<Payload>& payloads,
              Changes changes, platform::Callback then = {});
  void refuse(IkeSa& sa, const Request& request, NotifyType type, Bytes data = {});
  void commit(const Changes& changes, platform::Callback then);
  void remove_now();
  void use_outbound(Spi spi);
  void remove_ike(IkeSpi spi, bool by_client, Changes& changes);
  void close_ike(IkeSa& sa, Changes& changes);
  void remove_child(Spi spi, bool by_client, Changes& changes);
  [[nodiscard]] const TunnelSettings* tunnel(uint32_t index) const;  // a configured one
  [[nodiscard]] Spi new_spi();
  [[nodiscard]] IkeSpi new_ike_spi();
  void drop(std::string_view reason) { counters_.add(reason); }

  // engine_requests.cc
  bool send_request(IkeSa& sa, PendingRequest pending, const std::vector<Payload>& payloads);
  void transmit(const IkeSa& sa);
  void repeat_request(IkeSa& sa, Instant now);
  void give_up(IkeSa& sa);
  void on_response(IkeSa& sa, const Header& header, const Plain& plain);
  void answered_another(IkeSa& sa);
  void finish(IkeSa& sa, const PendingRequest& done, const std::vector<Payload>& payloads);
  [[nodiscard]] bool deletes_another(const PendingRequest& done,
                                     const std::vector<Payload>& payloads) const;
  void finish_delete_child(IkeSa& sa, const PendingRequest& done,
                           const std::vector<Payload>& payloads);
  bool ask_delete_child(IkeSa& sa, Spi child);
  void ask_delete_ike(IkeSa& sa);
  void end(IkeSa& sa);
  void end_for_good(IkeSa& sa);
  void end_child(IkeSa& sa, Spi child);
  void proceed(IkeSpi spi);

  // engine_timers.cc
  Runtime& runtime(const IkeSa& sa);
  Instant child_born(Spi spi);
  Duration age_of(const IkeSa& sa);
  Duration age_of(const esp::ChildSa& sa);
  Task next_task(const IkeSa& sa, Instant now);
  void add_ends(const IkeSa& sa, const Runtime& run, Instant now, Task& next);
  void add_rekeys(const IkeSa& sa, const Runtime& run, Instant now, Task& next);
  void add_entries(const IkeSa& sa, const Runtime& run, const TunnelSettings& settings, Instant now,
                   Task& next);
  void schedule(const IkeSa& sa);
  void on_timer();
  void on_due(IkeSa& sa, Instant now);
  void perform(IkeSa& sa, const Task& task, Instant now);
  Duration soft(Duration lifetime);
  Duration jittered(Duration base);
  void back_off(BackOff& again, Duration first, Duration most);

  // engine_tunnels.cc
  void find_wanted_tunnels();
  void want_tunnel(uint32_t index, Duration in);
  void tunnel_lost(uint32_t index, Duration in);
  void set_up_failed(uint32_t index);
  void set_up_done(const IkeSa& sa);
  void on_set_up_timer();
  [[nodiscard]] bool has_ike_sa(uint32_t tunnel) const;
  void remove_own_attempts(uint32_t tunnel, IkeState in, Changes& changes);

  // engine_init.cc
  void on_init(const Datagram& datagram, const Header& header);
  struct InitOffer;
  struct InitWork;
  void begin_half_open(const Datagram& datagram, const Header& header, InitOffer offer,
                       const ChosenIke& chosen);
  void make_half_open(InitWork& work);
  void send_unprotected(const Datagram& datagram, const Header& header, IkeSpi responder,
                        const std::vector<Payload>& payloads);
  [[nodiscard]] std::vector<Payload> init_answer(const Datagram& datagram, const InitOffer& offer,
                                                 const ChosenIke& chosen, const IkeSa& sa,
                                                 const Bytes& public_key) const;
  void drop_oldest_half_open(Changes& changes);

  // engine_gateway.cc
  struct Gateway {
    const GatewaySettings* settings = nullptr;
    ClientDb clients;
  };
  // What is configured. Workers read it, so it never changes and outlives an engine that they work
  // for.
  struct Configured {
    explicit Configured(GroupSettings made);
    Configured(const Configured&) = delete;
    Configured& operator=(const Configured&) = delete;
    ~Configured() = default;
    [[nodiscard]] const Gateway* gateway(const IpAddress& local) const;
    const GroupSettings settings;
    std::vector<Gateway> gateways;  // refer to settings
  };
  [[nodiscard]] const Gateway* gateway(const IpAddress& local) const {
    return configured_->gateway(local);
  }
  // The settings of an IKE SA's tunnel; nothing if it is not configured (any more).
  [[nodiscard]] const TunnelSettings* tunnel(const IkeSa& sa) const;
  [[nodiscard]] const TunnelSettings* settings_for_init(const Datagram& datagram) const;
  struct Authenticated;
  static void authenticate_at_gateway(const Configured& configured, const IkeSa& sa,
                                      const std::vector<Payload>& payloads, crypto::WallTime now,
                                      Authenticated& result);
  [[nodiscard]] uint32_t new_dynamic_tunnel();
  [[nodiscard]] static bool same_client(const IkeSa& a, const IkeSa& b);
  void replace_client(const IkeSa& sa, Changes& changes);
  bool claim(const IkeSa& sa, const std::vector<esp::TrafficSelector>& remote, Changes& changes);
  void end_tunnel(uint32_t number, bool by_client, Changes& changes);
  void note_ranges(const esp::ChildSa& child);
  void forget_ranges(const esp::ChildSa& child);
  void find_ranges();
  void drop_orphans();
  void note_configured_ranges();
  // engine_initiate.cc
  void begin_tunnel(const TunnelSettings& settings);
  void send_init(IkeSa& sa, const std::vector<Payload>& payloads);
  void on_init_response(const Datagram& datagram, const Header& header);
  bool ask_init_again(IkeSa& sa, const TunnelSettings& settings,
                      const std::vector<Payload>& payloads);
  void take_init_answer(IkeSa& sa, const TunnelSettings& settings, const Datagram& datagram,
                        const Header& header, const std::vector<Payload>& payloads);
  void begin_auth(IkeSa& sa, const TunnelSettings& settings);
  [[nodiscard]] bool may_be_same_peer(const IkeSa& sa, const TunnelSettings& settings,
                                      const IkeSa& other) const;
  void finish_auth(IkeSa& sa, const PendingRequest& done, const std::vector<Payload>& payloads);
  void fail_set_up(IkeSa& sa, std::string_view reason);

  // engine_auth.cc
  void on_auth(IkeSa& sa, Request& request);
  struct Authenticated {
    const TunnelSettings* settings = nullptr;  // nothing: refused
    Verdict verdict;
    std::optional<DynamicTunnel> dynamic;
  };
  struct AuthWork;
  static Authenticated authenticate(const Configured& configured, const IkeSa& sa,
                                    const std::vector<Payload>& payloads, crypto::WallTime now);
  void finish_on_auth(AuthWork& work);
  void fail_authentication(IkeSa& sa, const Request& request, std::string_view why);
  void refuse_for_good(const IkeSa& sa, const Request& request, NotifyType type, Changes changes);
  void establish(IkeSa& sa, const TunnelSettings& settings, const Request& request,
                 std::vector<Payload> answers);
  void forget_other_sas(const IkeSa& sa, Changes& changes);

  // engine_child.cc
  struct ChildOffer;
  void on_create_child(IkeSa& sa, Request& request);
  void on_new_child(IkeSa& sa, Request& request, const payload::Nonce& nonce);
  std::variant<Spi, NotifyType> make_child(IkeSa& sa, const TunnelSettings& settings,
                                           const ChildOffer& offer, std::vector<Payload>& answers,
                                           Changes& changes, Bytes& refusal_data);
  esp::ChildSa& keep_child(IkeSa& sa, const TunnelSettings& settings, ChildParts parts,
                           Changes& changes);
  static ChildOffer child_offer(const Request& request);
  void drop_earlier_successors(const IkeSa& sa, Spi old, Spi latest, Changes& changes);
  [[nodiscard]] const esp::ChildSa* proven_address(const IkeSa& sa) const;
  [[nodiscard]] static std::optional<esp::UdpEncapsulation> encapsulation(const IkeSa& sa,
                                                                          bool force);
  bool take_over_from(IkeSa& sa, Request& request, const payload::Notify& rekeys, Spi& old);

  // engine_rekey.cc
  void begin_child(IkeSa& sa, uint32_t entry);
  void begin_rekey_child(IkeSa& sa, Spi old, std::optional<Group> group = std::nullopt,
                         uint8_t retold = 0);
  bool ask_child(IkeSa& sa, PendingRequest pending, const TunnelSettings& settings,
                 std::optional<Group> group, const payload::Selectors& local,
                 const payload::Selectors& remote);
  void finish_child(IkeSa& sa, const PendingRequest& done, const std::vector<Payload>& payloads);
  std::optional<Spi> take_child(IkeSa& sa, const PendingRequest& done,
                                const std::vector<Payload>& payloads, const Nonces& nonces,
                                Changes& changes);
  void forget_unmade(const PendingRequest& done, Changes& changes);
  void settle_child_rekey(const PendingRequest& done, Spi made, const Bytes& lowest,
                          Changes& changes);
  [[nodiscard]] bool may_be_on_its_way(Spi spi);
  void child_refused(IkeSa& sa, const PendingRequest& done, const payload::Notify* refusal);

  // engine_turns.cc
  void begin_turns();
  void want_taken_over(const IkeSa& sa);
  void arm_turns();
  void on_turn();
  bool take_turn(const Turn& turn);
  [[nodiscard]] uint64_t numbers_left(const esp::ChildSa& child) const;
  [[nodiscard]] bool held_in_another_life(const std::vector<esp::Holder>& holders) const;
  void automatic_is_done(Spi old, std::string_view how);

  // engine_rekey_ike.cc
  void on_rekey_ike(IkeSa& sa, Request& request, const payload::Sa& offered);
  void begin_rekey_ike(IkeSa& sa, std::optional<Group> group = std::nullopt, uint8_t retold = 0);
  void finish_rekey_ike(IkeSa& sa, const PendingRequest& done,
                        const std::vector<Payload>& payloads);
  void ike_rekey_refused(IkeSa& sa, const PendingRequest& done, const payload::Notify* refusal);
  IkeSa& keep_successor(const IkeSa& sa, const SuccessorParts& parts, Changes& changes);
  void inherit(IkeSa& from, IkeSa& to, Duration delete_old_in, Changes& changes);
  IkeSa* rival_of(const IkeSa& sa, const PendingRequest& pending);
  bool settle_for_rival(IkeSa& sa, Changes& changes);

  // engine_admission.cc
  [[nodiscard]] bool under_attack() const;
  bool admit(const Datagram& datagram, const Header& header);
  void answer_init(const Datagram& datagram, const Header& header);
  void on_init_turn();
  [[nodiscard]] const TunnelSettings* options_of(const IkeSa& sa) const;
  [[nodiscard]] size_t half_open_of(const IpAddress& remote) const;
  void begin_working(const InitKey& key);
  [[nodiscard]] Duration half_open_limit(const IkeSa& sa) const;
  [[nodiscard]] Endpoint began_at(const IkeSa& sa) const;
  void note_failed(const Endpoint& remote, const IkeSa& sa);

  // engine_fragments.cc
  std::vector<Bytes> seal(const IkeSa& sa, const Header& header,
                          const std::vector<Payload>& payloads, uint64_t iv);
  void on_fragment(IkeSa& sa, const Datagram& datagram, const Header& header);
  bool wanted_fragment(IkeSa& sa, const Datagram& datagram, const Header& header, const Part& part);
  void on_fragments_expired();

  // engine_sync.cc
  bool on_sync_request(IkeSa& sa, const Datagram& datagram, const Header& header,
                       const Plain& plain);
  void begin_sync(IkeSa& sa);
  void want_numbers(const IkeSa& sa, Runtime& run);
  [[nodiscard]] bool sync_turn_is_over();
  [[nodiscard]] bool syncs_instead(const IkeSa& sa, const Runtime& run) const;
  void on_sync_answer(IkeSa& sa, const std::vector<Payload>& payloads);
  void abandon_request(IkeSa& sa, Changes& changes);
  std::vector<Payload> replay_request(const IkeSa& sa);
  void begin_replay_sync(IkeSa& sa);
  void raise_edges(const IkeSa& sa);
  void on_replay_sync(IkeSa& sa, const std::vector<Payload>& payloads, Changes& changes);

  // engine_merge.cc
  void forget_what_is_gone();
  void begin_anew(IkeSa& sa, bool served);

  // engine_mobike.cc
  void on_addresses(IkeSa& sa, const Request& request, std::vector<Payload>& answers);
  void check_address(IkeSa& sa);
  void finish_check(IkeSa& sa, const PendingRequest& done, const std::vector<Payload>& payloads);

  // engine_info.cc
  void on_informational(IkeSa& sa, Request& request);
  void on_delete(IkeSa& sa, const payload::Delete& gone, std::vector<Bytes>& ours,
                 Changes& changes);
  static void note_gone(IkeSa& sa, const Bytes& theirs);

  // engine_unknown.cc
  void tell_unknown_ike_spi(const Datagram& datagram, const Header& header);
  IkeSa* standing_with(const UnknownEsp& packet);
  void tell_in_ike_sa(IkeSa& sa, Spi spi);
  void note_ended(Spi spi);
  [[nodiscard]] bool ended_lately(Spi spi) const;

  platform::Platform& platform_;
  std::shared_ptr<const Configured> configured_;  // another one after renew_authentication
  const GroupSettings* settings_;                 // of configured_
  Tables tables_;
  Host& host_;
  PartedCounters counters_;
  bool active_ = false;
  bool clean_ = true;        // how we came to act
  uint64_t activation_ = 0;  // counts them: what workers bring of an earlier one is void
  std::vector<SecretBytes> cookie_keys_;  // never empty
  Lockout lockout_;
  struct QueuedInit {
    Datagram datagram;
    Header header;
  };
  std::deque<QueuedInit> init_queue_;  // of those who proved by a cookie that they hear us
  Instant init_turn_since_{};
  size_t init_turn_used_ = 0;
  Reassembler reassembler_;
  Instant sync_turn_since_{};
  size_t sync_turn_used_ = 0;
  std::map<IkeSpi, Runtime> runtimes_;
  std::map<Spi, Instant> child_born_;  // when a CHILD SA's age was zero
  std::set<Spi> awaiting_outbound_;    // made here, their commit under way
  std::set<Spi> removing_;             // out of the tables, their commit under way
  std::deque<LastWord> last_words_;
  std::set<std::pair<Instant, IkeSpi>> due_;
  std::map<InitKey, IkeSpi> half_open_;
  std::set<InitKey> init_working_;                 // their Diffie-Hellman is with the workers
  RemoteRanges ranges_;                            // of dynamic tunnels
  RemoteRanges configured_ranges_;                 // of configured tunnels that name addresses
  std::map<uint32_t, SetUp> set_ups_;              // of tunnels that we begin
  std::set<std::pair<Instant, uint32_t>> wanted_;  // tunnels to be begun, by time
  std::set<IkeSpi> connecting_;                    // Connecting or Authenticating
  std::set<Spi> reserved_;                         // inbound SPIs in requests of ours
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;
  Instant next_turn_{};
  std::set<Spi> automatic_;  // CHILD SAs whose turn has come, and that are not yet rekeyed
  bool complete_ = false;    // redundancy rule 22
  AnswerLimit answer_limit_;
  std::deque<Ended> ended_;  // CHILD SAs, lately: packets of theirs may still be under way
  Instant version_answers_since_{};
  uint32_t version_answers_ = 0;
  platform::Timer timer_;
  platform::Timer set_up_timer_;
  platform::Timer init_timer_;
  platform::Timer fragment_timer_;
  platform::Timer turn_timer_;
  platform::Work work_;
};

inline const payload::Id* find_id(const std::vector<Payload>& payloads, bool of_initiator) {
  for (const Payload& payload : payloads) {
    const auto* id = std::get_if<payload::Id>(&payload);
    if (id != nullptr && id->of_initiator == of_initiator) return id;
  }
  return nullptr;
}

constexpr uint16_t kNatPort = 4500;  // RFC 7296 2.23

// What we say of our own address. Where encapsulation is forced the other side must come to see a
// NAT, so that it goes to the port where encapsulated packets are expected.
[[nodiscard]] inline Bytes own_nat_detection(const Spis& spis, Endpoint source, bool force) {
  if (force) source.port = 0;
  return nat_detection(spis, source);
}

// rekey_after and delete_after: 0 is never, so this stands for an age of 0.
constexpr Duration kAtOnce{1};

// The direction of what we send on this SA, and of what we receive (RFC 7296 2.2, 3.1: the flag I
// follows the original initiator).
[[nodiscard]] inline Direction sending(const IkeSa& sa) {
  return sa.we_initiated ? Direction::FromInitiator : Direction::FromResponder;
}
[[nodiscard]] inline Direction receiving(const IkeSa& sa) {
  return sa.we_initiated ? Direction::FromResponder : Direction::FromInitiator;
}

// CHILD SAs of one IKE SA, with those that wait for their end after a rekey. Fewer than a record
// takes.
constexpr size_t kChildrenHeldMax = 48;

[[nodiscard]] Exchange exchange_of(PendingRequest::Kind kind);
// Of a refusal, in the name of a counter: it is of the other party's choice.
[[nodiscard]] std::string number_of(const payload::Notify* refusal);
[[nodiscard]] Bytes spi_bytes(Spi spi);
// What only AUTH is computed over goes.
void forget_proof(IkeSa& sa);

}  // namespace segw::ike
