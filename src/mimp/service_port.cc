// Hellos in, and what is owed for them.

#include <algorithm>
#include <utility>

#include "mimp/service.h"

namespace segw::mimp {
namespace {

using std::chrono::milliseconds;

// Changes are told at once, those of one event together.
constexpr Duration kAnnounceDelay = milliseconds(1);
// Answers to hellos that were not accepted: anyone with a recording can provoke them. Questions on
// behalf of another peer: no faster either.
constexpr Duration kAnswerGap = milliseconds(20);
// How long one that asked whom we hear is told of it at once: as long as it waits at most.
constexpr Duration kNewsFor = milliseconds(100);

}  // namespace

void MimpService::on_datagram(Neighbour& peer, ByteView bytes) {
  (void)woke_from_pause();
  const auto hello = read(peer, bytes);
  if (!hello) return;
  const Verdict verdict = peer.adjacency.receive(hello->nonce, hello->beat, hello->echo, now());
  switch (verdict) {
    case Verdict::OldBeat:
      counters_.add("hello-old-beat");
      return;
    case Verdict::Unknown:
      counters_.add("hello-first-contact");
      answer_soon(peer, hello->nonce);
      return;
    case Verdict::StaleEcho:
      counters_.add("hello-stale-echo");
      answer_soon(peer, hello->nonce);
      return;
    case Verdict::Adopted:
      on_adopted(peer, *hello);
      break;
    case Verdict::Accepted:
      break;
  }
  on_hello(peer, *hello);
}

Binding MimpService::binding_to(const Neighbour& peer) const {
  Binding binding{.source = peer.settings.local,
                  .destination = peer.settings.address,
                  .source_group = settings_.group.value,
                  .destination_group = peer.settings.group.value};
  if (settings_.domain) {
    binding.kind = GroupKind::Domain;
    binding.source_group = settings_.domain->value;
    binding.destination_group = settings_.domain->value;
  }
  return binding;
}

// `fitting`: of our keys, the one by which it is authentic. Which of them it is makes no difference
// to what is new (rule 3): beats count over all keys.
wire::Decoded<ByteView> MimpService::open_with_keys(const Neighbour& peer, ByteView bytes,
                                                    const Binding& binding, size_t& fitting) {
  fitting = 0;
  if (peer.keys.empty()) return open(bytes, binding, SecretBytes{}, settings_.versions);
  auto opened = open(bytes, binding, peer.keys[fitting].secret, settings_.versions);
  while (!opened && opened.error().field == "hmac" && fitting + 1 < peer.keys.size()) {
    ++fitting;
    opened = open(bytes, binding, peer.keys[fitting].secret, settings_.versions);
  }
  return opened;
}

// Nothing, and a counter, if it is not a hello of this peer for this group.
std::optional<Hello> MimpService::read(Neighbour& peer, ByteView bytes) {
  Binding binding = binding_to(peer);
  std::swap(binding.source, binding.destination);
  std::swap(binding.source_group, binding.destination_group);
  size_t fitting = 0;
  const auto tlvs = open_with_keys(peer, bytes, binding, fitting);
  if (!tlvs) {
    counters_.add("hello-bad-" + tlvs.error().field);
    return std::nullopt;
  }
  auto hello = decode_hello(*tlvs);
  if (hello && settings_.domain && !hello->router_id) {
    counters_.add("hello-bad-router-id");
    return std::nullopt;
  }
  if (!hello) {
    counters_.add("hello-malformed-" + hello.error().field);
    return std::nullopt;
  }
  if (fitting > 0) counters_.add("hello-second-key");
  // One of the release before has one key, and does not say which.
  if (hello->keys.empty() && !peer.keys.empty()) hello->keys = {peer.keys[fitting].id};
  peer.versions = hello->versions;
  return *hello;
}

// Another boot of the peer than before, if there was one: that one's memory is gone.
void MimpService::on_adopted(Neighbour& peer, const Hello& hello) {
  counters_.add("peer-boots");
  peer.last_request = 0;
  peer.set.on_peer_restarted();
  peer.bfd.on_adopted();
  // What MCS said before this boot of the peer began was said of an earlier one.
  if (peer.synced_at <= now() - hello.up_for) peer.synced = false;
  if (peer.up) set_up(peer, false, "it has restarted");
  peer.hello.reset();
  peer.last_beat = 0;
}

void MimpService::on_hello(Neighbour& peer, const Hello& hello) {
  counters_.add("hello-accepted");
  if (peer.bfd.on_hello(now())) {
    counters_.add("bfd-overruled");
    history_.add(now(), "peer " + peer.settings.address.text() +
                            ": BFD is down although keep-alives arrive; it does not count");
  }
  if (peer.bfd.lost()) {
    counters_.add("hello-while-bfd-down");
    return;
  }
  const bool news = !peer.up || !peer.hello || peer.hello->standing != hello.standing;
  peer.hello = hello;
  peer.hello_at = now();
  peer.last_beat = hello.beat;
  activation_ = std::max(activation_, hello.standing.activation);
  peer.loss_graced = false;
  peer.loss_timer.arm_at(peer.adjacency.lost_at());
  take_grants(peer, hello);
  if (!peer.up) set_up(peer, true, {});
  if (request_ && activation_ >= request_->target) request_.reset();
  on_switchover(peer, hello);
  if (hello.probe) answer_probe(peer);
  settle();
  // The peer waits for our word on what it announced, and the chassis for its new state.
  if (news) {
    post_keep_alive();
    peer.word_owed = true;
  }
  announce();
}

void MimpService::take_grants(Neighbour& peer, const Hello& hello) {
  if (hello.grant_ack) peer.set.on_ack(*hello.grant_ack);
  if (!acting(hello.standing.state)) return;
  last_wrote_ = {};
  lost_active_ = false;
  for (Neighbour& other : neighbours_) {
    if (now() < other.news_until) other.word_owed = true;
  }
  if (!hello.grant || hello.grant->activation != hello.standing.acting_under) return;
  peer.grant.on_grant(*hello.grant, now());
  held_ = held_ || hello.grant->member;
  if (hello.grant->activation < last_members_of_) return;
  last_members_of_ = hello.grant->activation;
  last_members_ = hello.members;
}

// It has lost the active, or thinks so. What we heard last may be the last that anybody hears: the
// active is asked on its behalf.
void MimpService::answer_probe(Neighbour& peer) {
  counters_.add("probe-answered");
  peer.word_owed = true;
  if (acting(state_)) return;
  peer.news_until = now() + kNewsFor;
  for (Neighbour& other : neighbours_) {
    if (&other == &peer || !other.acts() || now() - other.last_relay < kAnswerGap) continue;
    other.last_relay = now();
    other.probe_owed = true;
  }
}

void MimpService::on_switchover(Neighbour& peer, const Hello& hello) {
  const auto& asked = hello.switchover;
  if (!asked || asked->number <= peer.last_request) return;
  peer.last_request = asked->number;
  if (!acting(state_)) return;  // it asks all its peers; the active acts upon it
  if (asked->target.value != activation_.value + 1) {
    counters_.add("switchover-void");
    return;
  }
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

void MimpService::answer_soon(Neighbour& peer, const Nonce& nonce) {
  peer.answer_to = nonce;
  const Instant earliest = std::max(now(), peer.last_answer + kAnswerGap);
  if (!soon_timer_.armed()) soon_timer_.arm_at(earliest);
}

std::vector<Neighbour*> MimpService::waiting() {
  std::vector<Neighbour*> due;
  for (Neighbour& peer : neighbours_) {
    if (!peer.adjacency.established()) continue;
    if (peer.word_owed || peer.probe_owed || peer.announced != to_announce(peer)) {
      due.push_back(&peer);
    }
  }
  return due;
}

void MimpService::announce() {
  if (!started_ || waiting().empty()) return;
  if (!soon_timer_.armed() || soon_timer_.due() > now() + kAnnounceDelay) {
    soon_timer_.arm(kAnnounceDelay);
  }
}

void MimpService::send_what_is_due() {
  if (woke_from_pause()) return;
  for (Neighbour& peer : neighbours_) {
    if (!peer.answer_to) continue;
    const auto answer = std::exchange(peer.answer_to, std::nullopt);
    peer.last_answer = now();
    send_hello(peer, next_beat(), answer);
  }
  const std::vector<Neighbour*> due = waiting();
  if (due.empty()) return;
  const uint64_t beat = next_beat();
  for (Neighbour* peer : due) send_hello(*peer, beat, std::nullopt);
}

}  // namespace segw::mimp
