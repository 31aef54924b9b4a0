// IKE_AUTH as responder (RFC 7296 1.2); who is who: ike/authentication.h.
#include <algorithm>

#include "ike/authentication.h"
#include "ike/engine_child.h"
#include "ike/engine_impl.h"

namespace segw::ike {
void forget_proof(IkeSa& sa) {
  sa.init_request.clear();
  sa.init_response.clear();
  sa.initiator_nonce.clear();
  sa.responder_nonce.clear();
  sa.peer_offer = {};
}

// An IKE_AUTH request as the workers see it: copies, and what never changes.
struct EngineImpl::AuthWork {
  std::shared_ptr<const Configured> configured;
  uint64_t activation = 0;
  IkeSa sa;
  Datagram datagram;
  Header header;
  std::vector<Payload> payloads;
  uint64_t iv = 0;
  Bytes digest;
  crypto::WallTime now{};
  Authenticated client;
  Proof proof;

  void compute() {
    client = authenticate(*configured, sa, payloads, now);
    if (client.settings == nullptr) return;
    sa.keys = client.verdict.keys;
    sa.ppk_used = client.verdict.ppk_used;
    sa.remote_id = client.verdict.identity;
    proof = prove(*client.settings, sa, payloads);
    sa.local_id = proof.identity;
  }
};

EngineImpl::Authenticated EngineImpl::authenticate(const Configured& configured, const IkeSa& sa,
                                                   const std::vector<Payload>& payloads,
                                                   crypto::WallTime now) {
  const auto* ours = find_id(payloads, false);
  Authenticated result{.settings = nullptr, .verdict = {.refused = "auth-no-tunnel"}};
  for (const TunnelSettings& each : configured.settings.tunnels) {
    if (!each.enabled || each.local_gateway != sa.local.address ||
        each.remote_gateway != sa.remote.address) {
      continue;
    }
    if (ours != nullptr && !is_local_id(each, ours->identity)) {
      result.verdict.refused = "auth-local-identity";
      continue;
    }
    result.verdict = verify(each, sa, payloads, now);
    if (!result.verdict.refused.empty()) continue;
    result.settings = &each;
    return result;
  }
  authenticate_at_gateway(configured, sa, payloads, now, result);
  return result;
}

// Workers go on with what they began with.
void EngineImpl::renew_authentication(const GroupSettings& settings) {
  configured_ = std::make_shared<const Configured>(settings);
  settings_ = &configured_->settings;
  // Chassis that have no key in common keep the one that they drew.
  if (!settings_->cookie_keys.empty()) cookie_keys_ = settings_->cookie_keys;
}

void EngineImpl::on_auth(IkeSa& sa, Request& request) {
  auto work = std::make_shared<AuthWork>(AuthWork{.configured = configured_,
                                                  .activation = activation_,
                                                  .sa = sa,
                                                  .datagram = request.datagram,
                                                  .header = request.header,
                                                  .payloads = std::move(request.payloads),
                                                  .iv = request.iv,
                                                  .digest = std::move(request.digest),
                                                  .now = platform_.clock.wall(),
                                                  .client = {},
                                                  .proof = {}});
  runtime(sa).proving = true;
  work_(
      platform::Lane::Standing, [work] { work->compute(); },
      [this, work] {
        if (work->activation == activation_) finish_on_auth(*work);
      });
}

void EngineImpl::finish_on_auth(AuthWork& work) {
  const auto at = tables_.ike_sas.find(work.sa.our_spi());
  if (at == tables_.ike_sas.end() || at->second.state != IkeState::HalfOpen) return;
  IkeSa& sa = at->second;
  const PartedCounters::Scope part(counters_, counters_.of(sa));
  const auto run = runtimes_.find(sa.our_spi());
  if (run != runtimes_.end()) run->second.proving = false;
  if (!active_) return;  // a handover, planned or not: the client asks again
  const Request request{.datagram = work.datagram,
                        .header = work.header,
                        .payloads = std::move(work.payloads),
                        .iv = work.iv,
                        .digest = std::move(work.digest)};
  const Authenticated& client = work.client;
  if (client.settings == nullptr) return fail_authentication(sa, request, client.verdict.refused);
  sa.keys = std::move(work.sa.keys);
  sa.ppk_used = work.sa.ppk_used;
  sa.remote_id = std::move(work.sa.remote_id);
  if (!work.proof.failed.empty()) return fail_authentication(sa, request, work.proof.failed);
  sa.local_id = std::move(work.sa.local_id);
  sa.dynamic = client.dynamic;
  sa.tunnel = sa.dynamic ? new_dynamic_tunnel() : client.settings->index;
  establish(sa, *client.settings, request, std::move(work.proof.payloads));
}

void EngineImpl::fail_authentication(IkeSa& sa, const Request& request, std::string_view why) {
  counters_.add("authentication-failed");
  counters_.add(why);
  note_failed(began_at(sa), sa);
  refuse_for_good(sa, request, NotifyType::AuthenticationFailed, {});
}

void EngineImpl::refuse_for_good(const IkeSa& sa, const Request& request, NotifyType type,
                                 Changes changes) {
  IkeSa copy = sa;  // what the answer is protected with, after the SA is removed
  remove_ike(copy.our_spi(), false, changes);
  answer(copy, request, {notify(type)}, std::move(changes));
}

// RFC 7296 2.4: the client has no other IKE SAs with us, so what we hold of it is stale.
void EngineImpl::forget_other_sas(const IkeSa& sa, Changes& changes) {
  std::vector<IkeSpi> old;
  for (const auto& [spi, other] : tables_.ike_sas) {
    // Not what is being made at the same time: that is no older than what the client says.
    const bool stood = other.state == IkeState::Established || other.state == IkeState::Rekeyed ||
                       other.state == IkeState::Candidate;
    if (spi != sa.our_spi() && same_client(sa, other) && stood) old.push_back(spi);
  }
  for (const IkeSpi spi : old) remove_ike(spi, true, changes);
}

void EngineImpl::establish(IkeSa& sa, const TunnelSettings& settings, const Request& request,
                           std::vector<Payload> answers) {
  Changes changes;
  if (find_notify(request.payloads, NotifyType::InitialContact) != nullptr) {
    forget_other_sas(sa, changes);
  }
  if (sa.dynamic) replace_client(sa, changes);
  const auto used =
      static_cast<uint32_t>(std::ranges::count_if(tables_.ike_sas, [](const auto& entry) {
        const bool ends =
            entry.second.pending && entry.second.pending->kind == PendingRequest::Kind::DeleteIke;
        return entry.second.state == IkeState::Established && !ends;
      }));
  if (used >= settings_->tunnels_max) {
    counters_.add("refused-tunnels-max");
    // Its keys are mixed with the PPK already: IKE_AUTH cannot be tried again on it.
    return refuse_for_good(sa, request, NotifyType::NoAdditionalSas, std::move(changes));
  }
  // The client was faster: what we began goes, unless it may stand already for the client.
  remove_own_attempts(sa.tunnel, IkeState::Connecting, changes);
  sa.peer_supports_message_id_sync =
      find_notify(request.payloads, NotifyType::MessageIdSyncSupported) != nullptr;
  sa.peer_supports_replay_counter_sync =
      find_notify(request.payloads, NotifyType::ReplayCounterSyncSupported) != nullptr;
  ChildOffer offer = child_offer(request);
  offer.exchange = ChildExchange::WithAuth;
  offer.nonces = {.initiator = sa.initiator_nonce, .responder = sa.responder_nonce};
  Bytes refusal_data;
  const auto made = make_child(sa, settings, offer, answers, changes, refusal_data);
  if (const auto* refusal = std::get_if<NotifyType>(&made)) {
    // RFC 7296 1.2: the IKE SA stands even if its first CHILD SA could not be made.
    counters_.add("refused-" + std::to_string(static_cast<uint16_t>(*refusal)));
    answers.emplace_back(notify(*refusal, refusal_data));
  }
  // RFC 6311 5: "the responder MUST NOT assert support of a capability unless such support was
  // asserted by the initiator."
  if (sa.peer_supports_message_id_sync) {
    answers.emplace_back(notify(NotifyType::MessageIdSyncSupported));
  }
  if (sa.peer_supports_replay_counter_sync) {
    answers.emplace_back(notify(NotifyType::ReplayCounterSyncSupported));
  }
  sa.mobike = find_notify(request.payloads, NotifyType::MobikeSupported) != nullptr;
  if (sa.mobike) answers.emplace_back(notify(NotifyType::MobikeSupported));
  lockout_.succeeded(began_at(sa));
  std::erase_if(half_open_, [&](const auto& entry) { return entry.second == sa.our_spi(); });
  sa.state = IkeState::Established;
  sa.rekey_after = soft(sa.lifetime);
  forget_proof(sa);
  counters_.add("established");
  answer(sa, request, answers, std::move(changes), [this, made, index = sa.tunnel] {
    const auto* spi = std::get_if<Spi>(&made);
    if (spi == nullptr) return;
    use_outbound(*spi);
    host_.on_tunnel_state(index, true);
  });
}

}  // namespace segw::ike
