// IKE_SA_INIT and IKE_AUTH as initiator (RFC 7296 1.2, 2.6, 2.21.1, 2.23).
#include <algorithm>

#include "crypto/crypto.h"
#include "ike/authentication.h"
#include "ike/engine_impl.h"
#include "ike/offer.h"
#include "wire/reader.h"

namespace segw::ike {
namespace {

constexpr size_t kNonceSize = 32;
constexpr size_t kCookieMax = 64;
constexpr uint8_t kRetoldMax = 5;  // in one attempt: nobody may keep us busy with it
constexpr uint16_t kIkePort = 500;

std::optional<Group> group_in(const payload::Notify& notify) {
  wire::Reader in(notify.data);
  const uint16_t group = in.u16("group");
  if (!in.finish(true)) return std::nullopt;
  return static_cast<Group>(group);
}

// RFC 7296 2.23: there is a NAT if no hash that the other side saw is the right one.
bool says_nat(const std::vector<Payload>& payloads, NotifyType type, const Bytes& expected) {
  bool any = false;
  for (const Payload& payload : payloads) {
    const auto* notify = std::get_if<payload::Notify>(&payload);
    if (notify == nullptr || notify->type != static_cast<uint16_t>(type)) continue;
    any = true;
    if (notify->data == expected) return false;
  }
  return any;
}

std::vector<Payload> request_payloads(const TunnelSettings& settings, const IkeSa& sa, Group group,
                                      const Bytes& public_key) {
  std::vector<Payload> payloads{
      offer_ike(settings.proposals, std::nullopt),
      payload::Ke{.group = static_cast<uint16_t>(group), .data = public_key},
      payload::Nonce{.data = sa.initiator_nonce}};
  if (settings.options.fragments) {
    payloads.emplace_back(notify(NotifyType::FragmentationSupported));
  }
  std::ranges::move(init_payloads(settings.auth, sa), std::back_inserter(payloads));
  if (!settings.nat_traversal) return payloads;
  const Spis spis{.initiator = sa.initiator_spi, .responder = {}};
  payloads.emplace_back(notify(NotifyType::NatDetectionSourceIp,
                               own_nat_detection(spis, sa.local, settings.force_encapsulation)));
  payloads.emplace_back(
      notify(NotifyType::NatDetectionDestinationIp, nat_detection(spis, sa.remote)));
  return payloads;
}

// RFC 7296 2.6: the initiator repeats the request with the cookie "as the first payload" and "all
// other payloads unchanged".
std::vector<Payload> with_cookie(std::vector<Payload> payloads, const Bytes& cookie) {
  std::erase_if(payloads, [](const Payload& payload) {
    const auto* notify = std::get_if<payload::Notify>(&payload);
    return notify != nullptr && notify->type == static_cast<uint16_t>(NotifyType::Cookie);
  });
  if (!cookie.empty()) payloads.insert(payloads.begin(), notify(NotifyType::Cookie, cookie));
  return payloads;
}

}  // namespace

void EngineImpl::begin_tunnel(const TunnelSettings& settings) {
  const PartedCounters::Scope part(counters_, counters_.of_tunnel(settings.index));
  if (settings.proposals.empty() || settings.child_proposals.empty()) return;
  IkeSa sa;
  sa.group = settings_->group;
  sa.tunnel = settings.index;
  sa.initiator_spi = new_ike_spi();
  sa.we_initiated = true;
  sa.state = IkeState::Connecting;
  sa.local = {.address = settings.local_gateway, .port = kIkePort};
  sa.remote = {.address = settings.remote_gateway, .port = kIkePort};
  sa.initiator_nonce = platform_.rng.bytes(kNonceSize);
  sa.next_request_out = 1;
  sa.holders.push_back({.slot = settings_->slot, .incarnation = settings_->incarnation});
  sa.pending.emplace();
  sa.pending->kind = Kind::IkeSaInit;
  const Group group = settings.proposals.front().suite.group;
  auto pair = crypto::dh_generate(group, platform_.rng);
  sa.pending->group = group;
  sa.pending->private_key = std::move(pair.private_key);
  const IkeSpi spi = sa.initiator_spi;
  counters_.add("set-ups-begun");
  connecting_.insert(spi);
  const auto payloads = request_payloads(settings, sa, group, pair.public_key);
  send_init(tables_.ike_sas.emplace(spi, std::move(sa)).first->second, payloads);
}

// The IKE_SA_INIT with these payloads, committed and sent.
void EngineImpl::send_init(IkeSa& sa, const std::vector<Payload>& payloads) {
  const Header header{.initiator = sa.initiator_spi,
                      .exchange = static_cast<uint8_t>(Exchange::SaInit),
                      .from_initiator = true,
                      .message_id = 0};
  sa.init_request = encode_message(header, payloads);
  if (sa.pending) sa.pending->datagrams = {sa.init_request};
  Runtime& run = runtime(sa);
  run.resends = 0;
  run.resend_at = platform_.clock.now() + std::chrono::seconds(2);
  run.request_committing = true;
  commit(Changes{.ike_sas = {sa.our_spi()}}, [this, spi = sa.our_spi()] {
    const auto at = runtimes_.find(spi);
    if (at != runtimes_.end()) at->second.request_committing = false;
    const auto still = tables_.ike_sas.find(spi);
    if (still != tables_.ike_sas.end() && still->second.state == IkeState::Connecting) {
      transmit(still->second);
    }
  });
}

// Anybody can have sent it. Only what lets us go on changes something.
void EngineImpl::on_init_response(const Datagram& datagram, const Header& header) {
  const auto at = tables_.ike_sas.find(header.initiator);
  if (at == tables_.ike_sas.end() || at->second.state != IkeState::Connecting ||
      header.message_id != 0) {
    return drop("init-response-unasked");
  }
  IkeSa& sa = at->second;
  if (datagram.remote != sa.remote || datagram.local != sa.local ||
      runtime(sa).request_committing) {
    return drop("init-response-unasked");
  }
  const TunnelSettings* settings = tunnel(sa);
  const auto payloads =
      decode_payloads(header.next_payload, ByteView(datagram.message).subspan(kHeaderSize));
  if (!payloads || settings == nullptr) return drop("init-response-malformed");
  if (ask_init_again(sa, *settings, *payloads)) return;
  if (const auto* refusal = first_error(*payloads)) {
    // RFC 7296 2.21.1: it "SHOULD NOT" end the attempt at once: it is not authentic.
    counters_.add("init-refused-" + number_of(refusal));
    return;
  }
  take_init_answer(sa, *settings, datagram, header, *payloads);
}

// RFC 7296 2.6 and 1.2: a cookie, or another group. Both may come, in either order (2.6.1).
bool EngineImpl::ask_init_again(IkeSa& sa, const TunnelSettings& settings,
                                const std::vector<Payload>& payloads) {
  const auto* cookie = find_notify(payloads, NotifyType::Cookie);
  const auto* other = find_notify(payloads, NotifyType::InvalidKePayload);
  if (cookie == nullptr && other == nullptr) return false;
  if (!sa.pending) return true;
  PendingRequest& pending = *sa.pending;
  if (pending.retold >= kRetoldMax) {
    drop("init-retold-too-often");
    return true;
  }
  if (cookie != nullptr) {
    const bool fits = !cookie->data.empty() && cookie->data.size() <= kCookieMax;
    const auto header = decode_header(sa.init_request);
    if (!fits || cookie->data == pending.cookie || !header) {
      drop("init-cookie-unusable");
      return true;
    }
    const auto before =
        decode_payloads(header->next_payload, ByteView(sa.init_request).subspan(kHeaderSize));
    if (!before) return true;
    ++pending.retold;
    counters_.add("cookies-given");
    pending.cookie = cookie->data;
    send_init(sa, with_cookie(*before, pending.cookie));
    return true;
  }
  // RFC 7296 1.2: "the initiator MUST retry the IKE_SA_INIT with the corrected Diffie-Hellman
  // group" and "MUST again propose its full set of acceptable cryptographic suites".
  const auto group = group_in(*other);
  if (!group || group == pending.group || !offers_group(settings.proposals, *group)) {
    drop("init-group-unusable");
    return true;
  }
  ++pending.retold;
  counters_.add("groups-changed");
  auto pair = crypto::dh_generate(*group, platform_.rng);
  pending.group = group;
  pending.private_key = std::move(pair.private_key);
  send_init(sa,
            with_cookie(request_payloads(settings, sa, *group, pair.public_key), pending.cookie));
  return true;
}

void EngineImpl::take_init_answer(IkeSa& sa, const TunnelSettings& settings,
                                  const Datagram& datagram, const Header& header,
                                  const std::vector<Payload>& payloads) {
  const auto* chosen_sa = first_of<payload::Sa>(payloads);
  const auto* ke = first_of<payload::Ke>(payloads);
  const auto* nonce = first_of<payload::Nonce>(payloads);
  if (chosen_sa == nullptr || ke == nullptr || nonce == nullptr || header.responder.value == 0) {
    return drop("init-response-incomplete");
  }
  if (!sa.pending || !sa.pending->group) return drop("init-response-unasked");
  const Group group = *sa.pending->group;
  const auto chosen = accepted_ike(settings.proposals, *chosen_sa, group);
  if (!chosen || ke->group != static_cast<uint16_t>(chosen->suite.group)) {
    return drop("init-response-not-offered");
  }
  if (const auto why = take_init(settings.auth, payloads, sa); !why.empty()) return drop(why);
  const crypto::DhKeyPair pair{
      .group = group, .private_key = sa.pending->private_key, .public_key = {}};
  const auto shared = crypto::dh_shared(pair, ke->data);
  if (!shared) return drop("init-response-bad-public-value");
  sa.responder_spi = header.responder;
  sa.responder_nonce = nonce->data;
  sa.init_response = datagram.message;
  sa.suite = chosen->suite;
  sa.lifetime = chosen->lifetime;
  sa.rekey_after = soft(sa.lifetime);
  sa.fragmentation = settings.options.fragments &&
                     find_notify(payloads, NotifyType::FragmentationSupported) != nullptr;
  const Spis spis{.initiator = sa.initiator_spi, .responder = sa.responder_spi};
  sa.keys = derive_keys(sa.suite, *shared,
                        {.initiator = sa.initiator_nonce, .responder = sa.responder_nonce}, spis);
  if (settings.nat_traversal) {
    sa.remote_behind_nat =
        says_nat(payloads, NotifyType::NatDetectionSourceIp, nat_detection(spis, sa.remote));
    sa.local_behind_nat =
        says_nat(payloads, NotifyType::NatDetectionDestinationIp, nat_detection(spis, sa.local));
    const bool can = find_notify(payloads, NotifyType::NatDetectionSourceIp) != nullptr;
    // RFC 7296 2.23: the initiator "MUST ... tunnel all future IKE and ESP packets ... over UDP
    // port 4500".
    if (sa.remote_behind_nat || sa.local_behind_nat || (can && settings.force_encapsulation)) {
      sa.local.port = kNatPort;
      sa.remote.port = kNatPort;
    }
  }
  begin_auth(sa, settings);
}

// Of another tunnel, by the identities that are known and those that are expected. A certificate
// may serve several tunnels.
bool EngineImpl::may_be_same_peer(const IkeSa& sa, const TunnelSettings& settings,
                                  const IkeSa& other) const {
  if (other.local_id != sa.local_id) return false;
  const auto expected = [](const TunnelSettings* of) {
    return of == nullptr || of->auth.any_remote_id ? Identity{} : of->remote_id;
  };
  const Identity ours = expected(&settings);
  const Identity theirs = other.remote_id.type != 0 ? other.remote_id : expected(tunnel(other));
  return ours.type == 0 || theirs.type == 0 || ours == theirs;
}

void EngineImpl::begin_auth(IkeSa& sa, const TunnelSettings& settings) {
  sa.state = IkeState::Authenticating;
  sa.pending.reset();
  PendingRequest pending;
  pending.kind = Kind::IkeAuth;
  pending.new_child = new_spi();
  Proof proof = prove(settings, sa, {});
  if (!proof.failed.empty()) return fail_set_up(sa, proof.failed);
  sa.local_id = proof.identity;
  std::vector<Payload> payloads = std::move(proof.payloads);
  // RFC 7296 1.2: the optional IDr "enables the initiator to specify to which of the responder's
  // identities it wants to talk".
  if (!settings.auth.any_remote_id && settings.remote_id.type != 0) {
    payloads.emplace_back(payload::Id{.of_initiator = false, .identity = settings.remote_id});
  }
  // RFC 7296 2.4: "it MUST ... only ... if this is the only IKE SA currently active between the
  // authenticated identities".
  const bool only = std::ranges::none_of(tables_.ike_sas, [&](const auto& entry) {
    const IkeSa& other = entry.second;
    const bool stands = other.state == IkeState::Established || other.state == IkeState::Rekeyed ||
                        other.state == IkeState::Candidate;
    if (entry.first == sa.our_spi()) return false;
    if (other.tunnel == sa.tunnel) return stands;
    return (stands || other.state == IkeState::Authenticating) &&
           may_be_same_peer(sa, settings, other);
  });
  if (only) payloads.emplace_back(notify(NotifyType::InitialContact));
  payloads.emplace_back(notify(NotifyType::MessageIdSyncSupported));
  payloads.emplace_back(notify(NotifyType::ReplayCounterSyncSupported));
  payloads.emplace_back(
      offer_child(settings.child_proposals, pending.new_child, ChildExchange::WithAuth));
  if (!settings.local_selectors.empty() && !settings.remote_selectors.empty()) {
    payloads.emplace_back(
        payload::Selectors{.of_initiator = true, .selectors = {settings.local_selectors.front()}});
    payloads.emplace_back(payload::Selectors{.of_initiator = false,
                                             .selectors = {settings.remote_selectors.front()}});
  }
  if (send_request(sa, std::move(pending), payloads)) return;
  fail_set_up(sa, "must-not-send");
}

void EngineImpl::finish_auth(IkeSa& sa, const PendingRequest& done,
                             const std::vector<Payload>& payloads) {
  const TunnelSettings* settings = tunnel(sa);
  const auto* refusal = first_error(payloads);
  if (refusal != nullptr) counters_.add("auth-refused-" + number_of(refusal));
  const bool proof = first_of<payload::Auth>(payloads) != nullptr;
  if (settings == nullptr || !proof) return fail_set_up(sa, "set-up-refused");
  const Verdict verdict = verify(*settings, sa, payloads, platform_.clock.wall());
  if (!verdict.refused.empty()) {
    counters_.add("authentication-failed");
    counters_.add(verdict.refused);
    set_up_failed(sa.tunnel);
    // RFC 7296 2.21.2: the responder believes that the SA stands; it is told in an exchange of its
    // own.
    if (send_request(sa, {.kind = Kind::DeleteIke}, {notify(NotifyType::AuthenticationFailed)})) {
      return;
    }
    Changes changes;
    remove_ike(sa.our_spi(), false, changes);
    return commit(changes, [] {});
  }
  Changes changes{.ike_sas = {sa.our_spi()}};
  if (find_notify(payloads, NotifyType::InitialContact) != nullptr) forget_other_sas(sa, changes);
  sa.keys = verdict.keys;
  sa.ppk_used = verdict.ppk_used;
  sa.remote_id = verdict.identity;
  sa.peer_supports_message_id_sync =
      find_notify(payloads, NotifyType::MessageIdSyncSupported) != nullptr;
  sa.peer_supports_replay_counter_sync =
      find_notify(payloads, NotifyType::ReplayCounterSyncSupported) != nullptr;
  sa.state = IkeState::Established;
  const Nonces nonces{.initiator = sa.initiator_nonce, .responder = sa.responder_nonce};
  const auto made = take_child(sa, done, payloads, nonces, changes);
  // RFC 7296 1.2: the IKE SA stands even if its first CHILD SA could not be made.
  if (!made) child_refused(sa, done, refusal);
  forget_proof(sa);
  set_up_done(sa);
  counters_.add("established");
  if (made) host_.keys_of_request({}, *made);
  commit(changes, [this, made, index = sa.tunnel] {
    if (!made) return;
    use_outbound(*made);
    host_.on_tunnel_state(index, true);
  });
}

void EngineImpl::fail_set_up(IkeSa& sa, std::string_view reason) {
  counters_.add(reason);
  set_up_failed(sa.tunnel);
  Changes changes;
  remove_ike(sa.our_spi(), false, changes);
  commit(changes, [] {});
}

}  // namespace segw::ike
