#include "mimp/in_sync_set.h"

#include <algorithm>

#include "base/planted.h"

namespace segw::mimp {

void InSyncSet::begin(Activation activation) {
  acting_ = true;
  activation_ = activation;
  version_ = 1;
  if (member_ == Member::Granted) member_ = Member::Leaving;
  if (!surely_out_) member_ = Member::Out;
}

void InSyncSet::inherit(Instant surely_out) {
  if (!acting_ || member_ == Member::Granted) return;
  member_ = Member::Leaving;
  surely_out_ = std::max(surely_out_.value_or(surely_out), surely_out);
}

void InSyncSet::admit() {
  if (!acting_ || member_ == Member::Granted) return;
  ++version_;
  member_ = Member::Granted;
}

void InSyncSet::remove() {
  if (!acting_ || member_ != Member::Granted) return;
  ++version_;
  // Never told that it is one: nothing to wait for.
  member_ = surely_out_ ? Member::Leaving : Member::Out;
  if (SEGW_PLANTED(standby_dropped)) member_ = Member::Out;
}

void InSyncSet::on_peer_restarted() {
  if (member_ != Member::Out) ++version_;
  member_ = Member::Out;
  surely_out_.reset();
}

void InSyncSet::on_ack(const GrantAck& ack) {
  if (member_ != Member::Leaving || ack.activation != activation_ || ack.version < version_) return;
  member_ = Member::Out;
  surely_out_.reset();
}

void InSyncSet::expire(Instant now) {
  if (member_ != Member::Leaving || !surely_out_ || now < *surely_out_) return;
  member_ = Member::Out;
  surely_out_.reset();
}

std::optional<Grant> InSyncSet::sent(Instant heard, Duration lease, Duration peer_hold) {
  if (!acting_) return std::nullopt;
  const bool member = member_ == Member::Granted;
  if (member) {
    const Duration longest = peer_hold + lease;
    const Instant out = heard + longest + longest / 10;
    surely_out_ = std::max(surely_out_.value_or(out), out);
  }
  return Grant{.activation = activation_, .version = version_, .member = member, .lease = lease};
}

std::optional<Instant> InSyncSet::surely_out_at() const {
  if (!acting_ || member_ != Member::Leaving) return std::nullopt;
  return surely_out_;
}

void MemberGrant::on_grant(const Grant& grant, Instant now) {
  if (grant_ && grant.activation < grant_->activation) return;
  if (grant_ && grant.activation == grant_->activation && grant.version < grant_->version) return;
  grant_ = grant;
  if (grant.member) until_ = now + grant.lease;
}

bool MemberGrant::valid(Instant now, Activation highest) const {
  return grant_ && grant_->member && grant_->activation == highest && now < until_;
}

std::optional<GrantAck> MemberGrant::ack() const {
  if (!grant_) return std::nullopt;
  return GrantAck{.activation = grant_->activation, .version = grant_->version};
}

}  // namespace segw::mimp
