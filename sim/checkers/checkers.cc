#include "sim/checkers/checker.h"

namespace segw::sim {

std::vector<std::unique_ptr<Checker>> make_checkers(const CheckerView& view) {
  std::vector<std::unique_ptr<Checker>> all;
  all.push_back(make_one_active(view));
  all.push_back(make_nonce_once(view));
  all.push_back(make_sequence_once(view));
  all.push_back(make_told_means_kept(view));
  all.push_back(make_message_id_once(view));
  all.push_back(make_replay_never(view));
  all.push_back(make_no_clear_text(view));
  all.push_back(make_fenced(view));
  all.push_back(make_no_route_leak(view));
  all.push_back(make_replica_converges(view));
  all.push_back(make_steering_follows_role(view));
  all.push_back(make_tunnel_kept(view));
  all.push_back(make_liveness(view));
  return all;
}

}  // namespace segw::sim
