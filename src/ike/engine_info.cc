// INFORMATIONAL as responder (RFC 7296 1.4): liveness and deletes.
#include "ike/engine_impl.h"
#include "wire/reader.h"

namespace segw::ike {

void EngineImpl::on_informational(IkeSa& sa, Request& request) {
  Changes changes;
  std::vector<Bytes> ours;
  bool delete_ike = false;
  for (const Payload& payload : request.payloads) {
    const auto* gone = std::get_if<payload::Delete>(&payload);
    if (gone == nullptr) continue;
    if (gone->protocol == kProtocolIke) {
      delete_ike = true;
    } else {
      on_delete(sa, *gone, ours, changes);
    }
  }
  // RFC 7296 2.21.2: an initiator that could not authenticate us says so in an exchange of its own,
  // and "the IKE SA ... MUST be deleted".
  if (find_notify(request.payloads, NotifyType::AuthenticationFailed) != nullptr) {
    counters_.add("client-refused-us");
    delete_ike = true;
  }
  if (delete_ike) {
    counters_.add("deleted-by-client");
    // RFC 7296 2.8.2: a client that deletes what we are rekeying did not see that we are; the
    // successor that it made stays.
    if (IkeSa* rival = sa.pending ? rival_of(sa, *sa.pending) : nullptr) {
      inherit(sa, *rival, Duration{}, changes);
    }
    close_ike(sa, changes);
    return answer(sa, request, {}, std::move(changes));
  }
  std::vector<Payload> answers;
  on_addresses(sa, request, answers);
  on_replay_sync(sa, request.payloads, changes);
  if (!ours.empty()) {
    answers.emplace_back(payload::Delete{.protocol = kProtocolEspSa, .spis = std::move(ours)});
  }
  counters_.add("informational");
  answer(sa, request, answers, std::move(changes));
}

// RFC 7296 1.4.1: the client names its inbound SAs; we answer with the ones of the other direction.
void EngineImpl::on_delete(IkeSa& sa, const payload::Delete& gone, std::vector<Bytes>& ours,
                           Changes& changes) {
  for (const Bytes& theirs : gone.spis) {
    const std::vector<Spi> children = sa.children;
    bool known = false;
    for (const Spi spi : children) {
      const auto at = tables_.child_sas.find(spi);
      if (at == tables_.child_sas.end()) continue;
      if (spi_bytes(at->second.outbound_spi) != theirs) continue;
      known = true;
      // RFC 7296 1.4.1: where both ends close it at once, "the responses ... MUST NOT include
      // delete payloads for those SAs".
      const bool crossed =
          sa.pending && sa.pending->kind == Kind::DeleteChild && sa.pending->child == spi;
      if (!crossed) ours.push_back(spi_bytes(spi));
      remove_child(spi, true, changes);
    }
    if (!known) note_gone(sa, theirs);
  }
}

// RFC 7296 2.25: requests and answers may overtake each other.
void EngineImpl::note_gone(IkeSa& sa, const Bytes& theirs) {
  if (!sa.pending || theirs.size() != sizeof(uint32_t)) return;
  const bool makes = sa.pending->kind == Kind::CreateChild || sa.pending->kind == Kind::RekeyChild;
  if (!makes || sa.pending->gone.size() >= kGoneMax) return;
  wire::Reader in(theirs);
  sa.pending->gone.push_back(Spi{in.u32("spi")});
}

}  // namespace segw::ike
