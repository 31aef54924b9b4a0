#include "sim/group_view.h"

namespace segw::sim {
namespace {

GroupView of_pair(const chassis::PeerStatus& peer, const chassis::PeerGroupStatus& group,
                  const Network& network) {
  GroupView view{.role = group.mastership,
                 .in_sync = false,
                 .granted_by = {},
                 .members = {},
                 .not_nominal = group.not_nominal_reason,
                 .unclean_takeovers = group.unclean_takeovers};
  if (!mimp::acting(view.role)) {
    view.in_sync = group.in_sync;
  } else if (const auto id = network.find(peer.address); id && group.in_sync) {
    view.members.insert(*id);
  }
  return view;
}

GroupView of_domain(const chassis::DomainStatus& domain, const Network& network) {
  GroupView view{.role = domain.activity,
                 .in_sync = domain.in_sync && !mimp::acting(domain.activity),
                 .granted_by = {},
                 .members = {},
                 .not_nominal = domain.not_nominal_reason,
                 .unclean_takeovers = domain.unclean_takeovers};
  if (domain.granted_by) view.granted_by = network.find(*domain.granted_by);
  if (!mimp::acting(view.role)) return view;
  for (const chassis::DomainAdjacency& adjacency : domain.adjacencies) {
    const auto id = network.find(adjacency.peer);
    if (id && adjacency.in_sync) view.members.insert(*id);
  }
  return view;
}

}  // namespace

GroupView view_group(const SimHost& host, const Network& network) {
  const chassis::Chassis* chassis = host.chassis();
  if (chassis == nullptr) return {};
  const chassis::Status status = chassis->status();
  if (!status.domains.empty()) return of_domain(status.domains.front(), network);
  if (status.peers.empty() || status.peers.front().groups.empty()) return {};
  return of_pair(status.peers.front(), status.peers.front().groups.front(), network);
}

}  // namespace segw::sim
