// Datagrams in and out.

#include <fmt/format.h>

#include <algorithm>

#include "mimp/service.h"

namespace segw::mimp {
namespace {

using std::chrono::milliseconds;

// Changes are told at once, those of one event together.
constexpr Duration kAnnounceDelay = milliseconds(1);
// Answers to hellos that were not accepted: anyone with a recording can provoke them.
constexpr Duration kAnswerGap = milliseconds(20);

}  // namespace

void MimpService::on_datagram(ByteView bytes) {
  (void)woke_from_pause();
  const auto hello = read(bytes);
  if (!hello) return;
  const Verdict verdict = adjacency_.receive(hello->nonce, hello->beat, hello->echo, now());
  switch (verdict) {
    case Verdict::OldBeat:
      counters_.add("hello-old-beat");
      return;
    case Verdict::Unknown:
      counters_.add("hello-first-contact");
      answer_soon(hello->nonce);
      return;
    case Verdict::StaleEcho:
      counters_.add("hello-stale-echo");
      answer_soon(hello->nonce);
      return;
    case Verdict::Adopted:
      on_adopted(*hello);
      break;
    case Verdict::Accepted:
      break;
  }
  on_hello(*hello);
}

Binding MimpService::from_us() const {
  const PeerSettings& peer = peer_settings();
  if (settings_.domain) {
    return Binding{.source = peer.local,
                   .destination = peer.address,
                   .kind = GroupKind::Domain,
                   .source_group = settings_.domain->value,
                   .destination_group = settings_.domain->value};
  }
  return Binding{.source = peer.local,
                 .destination = peer.address,
                 .kind = GroupKind::Pair,
                 .source_group = settings_.group.value,
                 .destination_group = peer.group.value};
}

// Nothing, and a counter, if it is not a hello of our peer for this group.
std::optional<Hello> MimpService::read(ByteView bytes) {
  const Binding ours = from_us();
  const Binding binding{.source = ours.destination,
                        .destination = ours.source,
                        .kind = ours.kind,
                        .source_group = ours.destination_group,
                        .destination_group = ours.source_group};
  const auto tlvs = open(bytes, binding, peer_settings().key);
  if (!tlvs) {
    counters_.add("hello-bad-" + tlvs.error().field);
    return std::nullopt;
  }
  auto hello = decode_hello(*tlvs);
  if (!hello) {
    counters_.add("hello-malformed-" + hello.error().field);
    return std::nullopt;
  }
  return *hello;
}

// Another boot of the peer than before, if there was one: that one's memory is gone.
void MimpService::on_adopted(const Hello& hello) {
  counters_.add("peer-boots");
  peer_request_ = 0;
  set_.on_peer_restarted();
  // What MCS said before this boot of the peer began was said of an earlier one.
  if (peer_synced_at_ <= now() - hello.up_for) peer_synced_ = false;
  if (peer_up_) set_peer_up(false);
  peer_.reset();
}

void MimpService::on_hello(const Hello& hello) {
  counters_.add("hello-accepted");
  const bool news = !peer_ || peer_->standing != hello.standing;
  peer_ = hello;
  activation_ = std::max(activation_, hello.standing.activation);
  loss_graced_ = false;
  loss_timer_.arm_at(adjacency_.lost_at());
  if (acting(hello.standing.state)) last_wrote_ = {};
  if (hello.grant && hello.grant->activation == hello.standing.acting_under) {
    grant_.on_grant(*hello.grant, now());
    held_ = held_ || hello.grant->member;
  }
  if (hello.grant_ack) set_.on_ack(*hello.grant_ack);
  if (!peer_up_) set_peer_up(true);
  if (request_ && activation_ >= request_->target) request_.reset();
  on_switchover(hello);
  settle();
  // The peer waits for our word on what it announced, and the chassis for its new state.
  if (news) {
    post_keep_alive();
    word_owed_ = true;
    announce();
  }
}

void MimpService::on_switchover(const Hello& hello) {
  const auto& asked = hello.switchover;
  if (!asked || asked->number <= peer_request_) return;
  peer_request_ = asked->number;
  if (asked->target.value != activation_.value + 1) {
    counters_.add("switchover-void");
    return;
  }
  if (!acting(state_)) return;  // it asks all its peers; the active acts upon it
  ask_host(asked->to);
}

void MimpService::ask_host(std::optional<IpAddress> to_router) {
  const auto target = successor(to_router);
  if (!target) {
    counters_.add("switchover-void");
    return;
  }
  counters_.add("switchover-asked");
  post_([this, target = *target] { host_.on_switchover_request(target); });
}

void MimpService::send_hello(const std::optional<Nonce>& answer) {
  const Instant at = now();
  const bool to_peer = !answer || answer == adjacency_.peer();
  const Announced announcing = to_announce();
  Hello hello{.nonce = adjacency_.own(),
              .beat = adjacency_.next_beat(at, answer),
              .echo = adjacency_.echo(answer),
              .standing = announcing.standing,
              .keep_alive = peer_settings().keep_alive,
              .hold = peer_settings().hold(),
              .up_for = at - started_at_,
              .router_id = settings_.router_id};
  if (!told_ || *told_ != announcing.standing) standing_beat_ = hello.beat;
  if (!told_ || told_->eligible != announcing.standing.eligible) eligible_beat_ = hello.beat;
  told_ = announcing.standing;
  if (to_peer) {
    const Duration peer_hold = peer_ ? peer_->hold : peer_settings().hold();
    const Duration peer_interval = peer_ ? peer_->keep_alive : peer_settings().keep_alive;
    const Duration lease = std::max(peer_settings().hold(), peer_hold) +
                           std::max(peer_settings().keep_alive, peer_interval);
    hello.grant = set_.sent(adjacency_.heard_at(), std::min(lease, kLeaseMax), peer_hold);
    if (!acting(state_)) hello.grant_ack = grant_.ack();
    hello.switchover = request_;
    announced_ = announcing;
    word_owed_ = false;
  }
  last_sent_ = at;
  counters_.add("hello-sent");
  line_->send(seal(encode_hello(hello), from_us(), peer_settings().key));
}

MimpService::Announced MimpService::to_announce() const {
  return Announced{.standing = standing(),
                   .grant = set_.word(),
                   .grant_ack = grant_.ack().value_or(GrantAck{}),
                   .switchover = request_ ? request_->number : 0};
}

void MimpService::announce() {
  if (!started_ || (!word_owed_ && announced_ == to_announce())) return;
  if (!soon_timer_.armed() || soon_timer_.due() > now() + kAnnounceDelay) {
    soon_timer_.arm(kAnnounceDelay);
  }
}

void MimpService::answer_soon(const Nonce& nonce) {
  answer_to_ = nonce;
  const Instant earliest = std::max(now(), last_answer_ + kAnswerGap);
  if (!soon_timer_.armed()) soon_timer_.arm_at(earliest);
}

void MimpService::send_what_is_due() {
  if (woke_from_pause()) return;
  if (answer_to_) {
    const auto answer = answer_to_;
    answer_to_.reset();
    last_answer_ = now();
    send_hello(answer);
  }
  if (adjacency_.established() && (word_owed_ || announced_ != to_announce())) {
    send_hello(std::nullopt);
  }
}

}  // namespace segw::mimp
