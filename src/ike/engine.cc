#include "ike/engine.h"

#include <algorithm>

#include "base/planted.h"
#include "crypto/crypto.h"
#include "ike/engine_impl.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr int64_t kClosedMax = 4;  // of one client

constexpr size_t kLastWordsMax = 256;
constexpr Duration kRepeatedElsewhere = std::chrono::seconds(1);
constexpr uint32_t kVersionAnswersMax = 10;  // a second
// A client that deletes its IKE SA may be about to begin the next one itself.
constexpr Duration kAfterClientsDelete = std::chrono::seconds(2);
constexpr size_t kVersionAt = 17;  // RFC 7296 3.1
constexpr size_t kFlagsAt = 19;
constexpr uint8_t kMajorVersion = 2;
constexpr uint8_t kFlagInitiator = 0x08;
constexpr uint8_t kFlagResponse = 0x20;
constexpr int kSlotShift32 = 30;
constexpr int kSlotShift64 = 62;
constexpr uint32_t kSpiMin = 256;  // RFC 4303 2.1: 1..255 are reserved

}  // namespace

EngineImpl::EngineImpl(platform::Platform& platform, GroupSettings settings, Tables tables,
                       Host& host)
    : platform_(platform),
      configured_(std::make_shared<const Configured>(std::move(settings))),
      settings_(&configured_->settings),
      tables_(tables),
      host_(host),
      counters_(*settings_),
      cookie_keys_(settings_->cookie_keys),
      timer_(platform, [this] { on_timer(); }),
      set_up_timer_(platform, [this] { on_set_up_timer(); }),
      init_timer_(platform, [this] { on_init_turn(); }),
      fragment_timer_(platform, [this] { on_fragments_expired(); }),
      turn_timer_(platform, [this] { on_turn(); }),
      work_(platform) {
  if (cookie_keys_.empty()) {
    constexpr size_t kKeySize = 32;
    platform_.rng.fill(cookie_keys_.emplace_back(kKeySize).writable());
  }
  note_configured_ranges();
}

void EngineImpl::note_ages() {
  const Instant now = platform_.clock.now();
  for (auto& [spi, sa] : tables_.ike_sas) {
    const auto run = runtimes_.find(spi);
    if (run != runtimes_.end()) sa.age = std::max<Duration>(sa.age, now - run->second.born);
  }
  for (auto& [spi, sa] : tables_.child_sas) {
    const auto born = child_born_.find(spi);
    if (born != child_born_.end()) sa.age = std::max<Duration>(sa.age, now - born->second);
  }
}

void EngineImpl::activate(bool clean) {
  note_ages();
  active_ = true;
  clean_ = clean;
  ++activation_;
  init_working_.clear();
  runtimes_.clear();
  due_.clear();
  child_born_.clear();
  half_open_.clear();
  find_ranges();
  connecting_.clear();
  reserved_.clear();
  init_queue_.clear();
  reassembler_.clear();
  complete_ = false;
  begin_turns();
  std::vector<IkeSpi> doubtful;
  for (const auto& [spi, sa] : tables_.ike_sas) {
    if (sa.state == IkeState::HalfOpen) half_open_[{sa.initiator_spi, sa.remote}] = spi;
    const bool begun = sa.state == IkeState::Connecting || sa.state == IkeState::Authenticating;
    if (begun) (clean ? (void)connecting_.insert(spi) : doubtful.push_back(spi));
    if (sa.pending) reserved_.insert(sa.pending->new_child);
    for (const Spi child : sa.children) child_born(child);
    schedule(sa);
    if (clean) want_taken_over(sa);
  }
  remove_now();
  // A renewed activation starts from these tables.
  const std::set<Spi> awaiting = std::exchange(awaiting_outbound_, {});
  for (const Spi spi : awaiting) host_.use_outbound(spi);
  drop_orphans();
  // The client may have gone further with the other chassis than we know; it is begun anew.
  Changes changes;
  for (const IkeSpi spi : doubtful) remove_ike(spi, false, changes);
  if (!doubtful.empty()) commit(changes, [] {});
  find_wanted_tunnels();
}

void EngineImpl::use_outbound(Spi spi) {
  if (awaiting_outbound_.erase(spi) != 0) host_.use_outbound(spi);
}

void EngineImpl::deactivate() {
  note_ages();
  remove_now();
  active_ = false;
  timer_.cancel();
  runtimes_.clear();
  due_.clear();
  child_born_.clear();
  awaiting_outbound_.clear();
  half_open_.clear();
  last_words_.clear();
  set_up_timer_.cancel();
  set_ups_.clear();
  wanted_.clear();
  connecting_.clear();
  reserved_.clear();
  init_timer_.cancel();
  init_queue_.clear();
  fragment_timer_.cancel();
  reassembler_.clear();
  begin_turns();
  ended_.clear();
}

void EngineImpl::pause() {
  active_ = false;
  timer_.cancel();
  set_up_timer_.cancel();
  init_timer_.cancel();
  turn_timer_.cancel();
}

void EngineImpl::resume() {
  active_ = true;
  if (!due_.empty()) timer_.arm_at(due_.begin()->first);
  if (!wanted_.empty()) set_up_timer_.arm_at(wanted_.begin()->first);
  if (!init_queue_.empty()) init_timer_.arm_at(platform_.clock.now());
  arm_turns();
}

void EngineImpl::heard(IkeSpi ike_sa) {
  const auto at = tables_.ike_sas.find(ike_sa);
  if (!active_ || at == tables_.ike_sas.end()) return;
  Runtime& run = runtime(at->second);
  run.last_heard = platform_.clock.now();
  if (!std::exchange(run.heard, true)) first_heard(at->second);
}

const TunnelSettings* EngineImpl::tunnel(uint32_t index) const {
  const auto at = std::ranges::find_if(settings_->tunnels,
                                       [&](const auto& each) { return each.index == index; });
  return at == settings_->tunnels.end() ? nullptr : &*at;
}

Spi EngineImpl::new_spi() {
  constexpr uint32_t kRandom = (1U << kSlotShift32) - 1;
  while (true) {
    const auto random = static_cast<uint32_t>(platform_.rng.next()) & kRandom;
    const Spi spi{uint32_t{settings_->slot.value} << kSlotShift32 | random};
    const bool taken = tables_.child_sas.contains(spi) || reserved_.contains(spi);
    if (spi.value >= kSpiMin && !taken) return spi;
  }
}

IkeSpi EngineImpl::new_ike_spi() {
  constexpr uint64_t kRandom = (uint64_t{1} << kSlotShift64) - 1;
  while (true) {
    const uint64_t random = platform_.rng.next() & kRandom;
    const IkeSpi spi{uint64_t{settings_->slot.value} << kSlotShift64 | random};
    if (spi.value != 0 && !tables_.ike_sas.contains(spi)) return spi;
  }
}

void EngineImpl::on_datagram(const Datagram& datagram) {
  const PartedCounters::Scope part(
      counters_, counters_.between(datagram.local.address, datagram.remote.address));
  if (!active_) return drop("not-acting");
  const auto header = decode_header(datagram.message);
  if (!header) return on_malformed(datagram, header.error().field);
  const bool init = header->exchange == static_cast<uint8_t>(Exchange::SaInit);
  if (init && header->is_response && !header->from_initiator) {
    return on_init_response(datagram, *header);
  }
  if (init && !header->is_response && header->from_initiator && header->responder.value == 0) {
    return header->message_id == 0 ? on_init(datagram, *header) : drop("init-message-id");
  }
  IkeSa* sa = find(*header);
  if (sa == nullptr) return on_unknown(datagram, *header);
  const PartedCounters::Scope owner(counters_, counters_.of(*sa));
  on_protected(*sa, datagram, *header);
}

// RFC 7296 2.5: "If an endpoint receives a message with a higher major version number, it MUST drop
// the message and SHOULD send an unauthenticated Notify message of type INVALID_MAJOR_VERSION".
void EngineImpl::on_malformed(const Datagram& datagram, const std::string& field) {
  drop("malformed-" + field);
  if (field != "version" || datagram.message.size() < kHeaderSize) return;
  const Bytes& message = datagram.message;
  const uint8_t flags = message[kFlagsAt];
  if (message[kVersionAt] >> 4 <= kMajorVersion || (flags & kFlagResponse) != 0) return;
  const Instant now = platform_.clock.now();
  if (now - version_answers_since_ >= std::chrono::seconds(1)) {
    version_answers_since_ = now;
    version_answers_ = 0;
  }
  if (version_answers_++ >= kVersionAnswersMax) return;
  wire::Reader in(message);
  Header header{.initiator = IkeSpi{in.u64("initiator-spi")},
                .responder = IkeSpi{in.u64("responder-spi")}};
  in.u16("next-payload-and-version");
  header.exchange = in.u8("exchange");
  header.from_initiator = (flags & kFlagInitiator) == 0;
  header.is_response = true;
  in.u8("flags");
  header.message_id = in.u32("message-id");
  host_.send(Datagram{.local = datagram.local,
                      .remote = datagram.remote,
                      .message = encode_message(
                          header, {notify(NotifyType::InvalidMajorVersion,
                                          Bytes{static_cast<uint8_t>(kMajorVersion << 4)})})});
}

// By whichever SPI is ours: the flag I says who began the IKE SA (RFC 7296 3.1).
IkeSa* EngineImpl::find(const Header& header) {
  const IkeSpi ours = header.from_initiator ? header.responder : header.initiator;
  if (SEGW_PLANTED(tunnel_kept) && ours.value >> kSlotShift64 != settings_->slot.value) {
    return nullptr;  // what the other chassis made
  }
  const auto at = tables_.ike_sas.find(ours);
  if (at == tables_.ike_sas.end()) return nullptr;
  IkeSa& sa = at->second;
  const bool fits = sa.we_initiated != header.from_initiator &&
                    sa.initiator_spi == header.initiator && sa.responder_spi == header.responder;
  return fits && sa.state != IkeState::Connecting ? &sa : nullptr;
}

// A retransmission of the request that ended its IKE SA is answered as before (RFC 7296 2.1).
void EngineImpl::on_unknown(const Datagram& datagram, const Header& header) {
  const IkeSpi ours = header.from_initiator ? header.responder : header.initiator;
  const auto word = std::ranges::find(last_words_, ours, &LastWord::spi);
  if (word == last_words_.end() || word->remote != datagram.remote ||
      word->request_digest != crypto::digest(crypto::Hash::Sha256, {datagram.message})) {
    drop("unknown-spi");
    return tell_unknown_ike_spi(datagram, header);
  }
  repeat_answer(word->response, datagram);
}

void EngineImpl::on_protected(IkeSa& sa, const Datagram& datagram, const Header& header) {
  // A request waits until the last answer has left; what a response changes is in order anyhow.
  if (runtime(sa).committing && !header.is_response) return drop("commit-in-progress");
  if (runtime(sa).proving) return drop("auth-in-progress");
  // What was agreed on in IKE_SA_INIT is what the gateway at that address offers.
  if (sa.state == IkeState::HalfOpen && datagram.local.address != sa.local.address) {
    return drop("other-local-address");
  }
  if (header.next_payload == static_cast<uint8_t>(PayloadType::EncryptedFragment)) {
    return on_fragment(sa, datagram, header);
  }
  auto plain = unprotect(datagram.message, header, sa.suite, sa.keys, receiving(sa));
  if (!plain) return drop("protected-" + plain.error().field);
  Bytes digest = crypto::digest(crypto::Hash::Sha256, {datagram.message});
  on_authentic(sa, datagram, header, std::move(*plain), std::move(digest));
}

// RFC 7296 2.4: only a fresh message is evidence that the other endpoint lives, not one that
// somebody recorded: this is for messages with an ID that was not yet seen.
void EngineImpl::note_heard(IkeSa& sa) {
  Runtime& run = runtime(sa);
  run.last_heard = platform_.clock.now();
  if (!std::exchange(run.heard, true)) first_heard(sa);
}

// Redundancy rule 18: from now on this client may be asked.
void EngineImpl::first_heard(const IkeSa& sa) {
  want_taken_over(sa);
  schedule(sa);
}

void EngineImpl::on_authentic(IkeSa& sa, const Datagram& datagram, const Header& header,
                              Plain plain, Bytes digest) {
  if (header.is_response) return on_response(sa, header, plain);
  if (header.message_id == 0 && on_sync_request(sa, datagram, header, plain)) return;
  on_request(sa, datagram, header, std::move(plain), std::move(digest));
}

// RFC 7296 2.1 and 2.3, window of one: the next request, or the last one again.
bool EngineImpl::fresh_request(IkeSa& sa, const Datagram& datagram, const Header& header,
                               const Bytes& digest) {
  if (header.message_id == sa.next_request_in) {
    if (sa.state != IkeState::Closed) return true;
    drop("closed");
    return false;
  }
  const bool again = sa.last_answer && header.message_id == sa.last_answer->message_id;
  if (!again) {
    drop("message-id");
    return false;
  }
  if (SEGW_PLANTED(message_id_once)) return true;
  // RFC 7296 2.1: "the responder MUST remember each response until it receives a request whose
  // sequence number is larger" and retransmits it; another request under an old number is none.
  if (digest != sa.last_answer->request_digest) {
    drop("retransmission-differs");
    return false;
  }
  if (repeats_to(sa, datagram.remote)) repeat_answer(sa.last_answer->response, datagram);
  return false;
}

// RFC 7296 2.11: answers go where the request came from. Anybody who recorded one may say that it
// comes from somebody else, and an answer may be many fragments.
bool EngineImpl::repeats_to(const IkeSa& sa, const Endpoint& remote) {
  if (remote == sa.remote) return true;
  const Instant now = platform_.clock.now();
  auto& last = runtime(sa).repeated_elsewhere;
  if (last && now - *last < kRepeatedElsewhere) {
    drop("answer-repeated-elsewhere");
    return false;
  }
  last = now;
  return true;
}

void EngineImpl::repeat_answer(const std::vector<Bytes>& response, const Datagram& datagram) {
  counters_.add("answers-repeated");
  for (const Bytes& each : response) {
    host_.send(Datagram{.local = datagram.local, .remote = datagram.remote, .message = each});
  }
}

void EngineImpl::on_request(IkeSa& sa, const Datagram& datagram, const Header& header, Plain plain,
                            Bytes digest) {
  // What lies ahead of our numbers, another chassis may have been told (RFC 6311).
  if (header.message_id >= sa.next_request_in) note_heard(sa);
  if (!fresh_request(sa, datagram, header, digest)) return;
  const auto iv = host_.next_iv(sa);
  if (!iv) return drop("must-not-send");
  Request request{.datagram = datagram,
                  .header = header,
                  .payloads = {},
                  .iv = *iv,
                  .digest = std::move(digest)};
  follow(sa, datagram);
  auto payloads = decode_payloads(plain.first, plain.bytes);
  if (!payloads) {
    drop("payload-" + payloads.error().field);
    return refuse(sa, request, NotifyType::InvalidSyntax);
  }
  request.payloads = std::move(*payloads);
  for (const Payload& payload : request.payloads) {
    const auto* other = std::get_if<payload::Other>(&payload);
    if (other == nullptr || !must_be_understood(*other)) continue;
    return refuse(sa, request, NotifyType::UnsupportedCriticalPayload, Bytes{other->type});
  }
  dispatch(sa, request);
}

void EngineImpl::dispatch(IkeSa& sa, Request& request) {
  const bool half_open = sa.state == IkeState::HalfOpen || sa.state == IkeState::Authenticating;
  switch (request.header.exchange) {
    case static_cast<uint8_t>(Exchange::Auth):
      if (sa.state == IkeState::Authenticating) return drop("exchange-too-early");
      return half_open ? on_auth(sa, request) : refuse(sa, request, NotifyType::InvalidSyntax);
    case static_cast<uint8_t>(Exchange::CreateChildSa):
      if (half_open) return drop("exchange-too-early");
      return on_create_child(sa, request);
    case static_cast<uint8_t>(Exchange::Informational):
      if (half_open) return drop("exchange-too-early");
      return on_informational(sa, request);
    default:
      drop("exchange-unknown");
      return refuse(sa, request, NotifyType::InvalidSyntax);
  }
}

void EngineImpl::answer(IkeSa& sa, const Request& request, const std::vector<Payload>& payloads,
                        Changes changes, platform::Callback then) {
  const Header header{.initiator = sa.initiator_spi,
                      .responder = sa.responder_spi,
                      .exchange = request.header.exchange,
                      .from_initiator = sa.we_initiated,
                      .is_response = true,
                      .message_id = request.header.message_id};
  std::vector<Bytes> response = seal(sa, header, payloads, request.iv);
  const Endpoint local = request.datagram.local;
  const Endpoint remote = request.datagram.remote;
  const IkeSpi spi = sa.our_spi();
  const bool stays = tables_.ike_sas.contains(spi) &&
                     std::ranges::none_of(changes.deleted_ike_sas,
                                          [&](const auto& gone) { return gone.spi == spi; });
  if (stays) {
    sa.last_answer = Answer{.message_id = request.header.message_id,
                            .request_digest = request.digest,
                            .response = response};
    sa.next_request_in = request.header.message_id + 1;
    ++sa.authenticated_count;
    if (std::ranges::find(changes.ike_sas, spi) == changes.ike_sas.end()) {
      changes.ike_sas.insert(changes.ike_sas.begin(), spi);
    }
    runtime(sa).committing = true;
  }
  commit(changes, [this, spi, local, remote, stays, response = std::move(response),
                   digest = request.digest, finish = std::move(then)] {
    const auto at = runtimes_.find(spi);
    if (at != runtimes_.end()) at->second.committing = false;
    if (!stays) {
      if (last_words_.size() == kLastWordsMax) last_words_.pop_front();
      last_words_.push_back(
          {.spi = spi, .remote = remote, .request_digest = digest, .response = response});
    }
    for (const Bytes& each : response) {
      host_.send(Datagram{.local = local, .remote = remote, .message = each});
    }
    if (finish) finish();
  });
}

void EngineImpl::refuse(IkeSa& sa, const Request& request, NotifyType type, Bytes data) {
  counters_.add("refused-" + std::to_string(static_cast<uint16_t>(type)));
  answer(sa, request, {notify(type, std::move(data))}, {});
}

void EngineImpl::commit(const Changes& changes, platform::Callback then) {
  // The birth first: one that is only found out now is not after the present.
  for (const Spi spi : changes.child_sas) {
    const auto at = tables_.child_sas.find(spi);
    if (at == tables_.child_sas.end()) continue;
    const Instant born = child_born(spi);
    at->second.age = platform_.clock.now() - born;
  }
  for (const IkeSpi spi : changes.ike_sas) {
    const auto at = tables_.ike_sas.find(spi);
    if (at == tables_.ike_sas.end()) continue;
    const Instant born = runtime(at->second).born;
    at->second.age = platform_.clock.now() - born;
    schedule(at->second);
  }
  // Deleted after the commit: the tables of a record's receiver are changed in the same order.
  std::vector<Spi> gone;
  gone.reserve(changes.deleted_child_sas.size());
  for (const auto& each : changes.deleted_child_sas) gone.push_back(each.spi);
  removing_.insert(gone.begin(), gone.end());
  host_.commit(changes, [this, gone, finish = std::move(then)] {
    for (const Spi spi : gone) {
      if (removing_.erase(spi) != 0 && !tables_.child_sas.contains(spi)) host_.remove(spi);
    }
    finish();
  });
}

// Commits that were under way when a role ended, or was renewed, never come back.
void EngineImpl::remove_now() {
  for (const Spi spi : std::exchange(removing_, {})) {
    if (!tables_.child_sas.contains(spi)) host_.remove(spi);
  }
}

void EngineImpl::remove_child(Spi spi, bool by_client, Changes& changes) {
  const auto at = tables_.child_sas.find(spi);
  if (at == tables_.child_sas.end()) return;
  const auto owner = tables_.ike_sas.find(at->second.ike_sa);
  if (owner != tables_.ike_sas.end()) std::erase(owner->second.children, spi);
  const uint32_t index = at->second.tunnel;
  forget_ranges(at->second);
  tables_.child_sas.erase(at);
  child_born_.erase(spi);
  awaiting_outbound_.erase(spi);
  automatic_.erase(spi);
  note_ended(spi);
  changes.deleted_child_sas.push_back({.spi = spi, .by_client = by_client});
  const bool up = std::ranges::any_of(
      tables_.child_sas, [&](const auto& entry) { return entry.second.tunnel == index; });
  if (!up) host_.on_tunnel_state(index, false);
}

// A deleted IKE SA answers a retransmission of its last request for a while, on whichever chassis:
// the client may not have heard us before a takeover (redundancy rule 15).
void EngineImpl::close_ike(IkeSa& sa, Changes& changes) {
  const auto closed = [&](const auto& entry) {
    return entry.second.state == IkeState::Closed && same_client(sa, entry.second);
  };
  if (std::ranges::count_if(tables_.ike_sas, closed) >= kClosedMax) {
    remove_ike(std::ranges::find_if(tables_.ike_sas, closed)->first, true, changes);
  }
  const std::vector<Spi> children = sa.children;
  for (const Spi child : children) remove_child(child, true, changes);
  sa.state = IkeState::Closed;
  if (sa.pending) reserved_.erase(sa.pending->new_child);
  sa.pending.reset();
  runtime(sa).closed_at = platform_.clock.now();
  changes.ike_sas.push_back(sa.our_spi());
  tunnel_lost(sa.tunnel, kAfterClientsDelete);
}

void EngineImpl::remove_ike(IkeSpi spi, bool by_client, Changes& changes) {
  const auto at = tables_.ike_sas.find(spi);
  if (at == tables_.ike_sas.end()) return;
  const std::vector<Spi> children = at->second.children;
  for (const Spi child : children) remove_child(child, by_client, changes);
  // By value: the client may have changed its port since IKE_SA_INIT.
  std::erase_if(half_open_, [&](const auto& entry) { return entry.second == spi; });
  connecting_.erase(spi);
  reassembler_.forget(spi);
  if (const auto& pending = at->second.pending) reserved_.erase(pending->new_child);
  const auto run = runtimes_.find(spi);
  if (run != runtimes_.end()) {
    due_.erase({run->second.due, spi});
    runtimes_.erase(run);
  }
  const uint32_t index = at->second.tunnel;
  tables_.ike_sas.erase(at);
  changes.deleted_ike_sas.push_back({.spi = spi, .by_client = by_client});
  tunnel_lost(index, Duration{});
}

std::unique_ptr<Engine> make_engine(platform::Platform& platform, GroupSettings settings,
                                    Tables tables, Host& host) {
  return std::make_unique<EngineImpl>(platform, std::move(settings), tables, host);
}

}  // namespace segw::ike
