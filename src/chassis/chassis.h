#pragma once

// A chassis: everything of one gateway host, over the seam. No globals, no threads, no system
// calls; a cluster is N of these in one process.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "chassis/peer_trace.h"
#include "chassis/status.h"
#include "config/model.h"
#include "ike/tunnel_action.h"
#include "mcs/records.h"
#include "platform/files.h"
#include "platform/platform.h"
#include "platform/prompt.h"

namespace segw::chassis {

struct Credentials;  // chassis/credentials.h

class Chassis {
 public:
  virtual ~Chassis() = default;
  // Reads the state folder, applies the configuration, starts ISAs and protocols. `started` is told
  // once: success, or the one line that says why not (then nothing half done is left).
  virtual void start(std::function<void(Result<void>)> started) = 0;

  [[nodiscard]] virtual Status status() const = 0;
  // tools perform redundancy multi-chassis mc-ipsec force-switchover tunnel-group N. Moves
  // mastership by planned handover. `done` is told once: where mastership is now, or why it could
  // not be moved.
  virtual void force_switchover(TunnelGroupId group,
                                std::function<void(Result<std::string>)> done) = 0;
  // … force-switchover domain N {auto | to ADDRESS}. `to`: router id; nothing: by usual election,
  // without the node that is active now. From any node of the domain.
  virtual void force_switchover(DomainId domain, std::optional<IpAddress> to,
                                std::function<void(Result<std::string>)> done) = 0;
  // Before an orderly end: each group that is served here goes to a peer by planned handover.
  // `done` is told once: within 3 s, or at once where there is nothing to move or nobody to move
  // it to. What could not be moved is in the log.
  virtual void hand_over_all(platform::Callback done) = 0;
  // clear ipsec tunnel NAME, clear ipsec gateway NAME tunnel CLIENT: its SAs end, and the client is
  // told. A client is named by its endpoint, its identity or the name of its entry.
  virtual Result<std::string> clear_tunnel(std::string_view name) = 0;
  virtual Result<std::string> clear_client(std::string_view gateway, std::string_view client) = 0;
  // tools perform ipsec tunnel NAME …, tools perform ipsec gateway NAME tunnel CLIENT …
  virtual Result<std::string> perform_on_tunnel(std::string_view name,
                                                ike::TunnelAction action) = 0;
  virtual Result<std::string> perform_on_client(std::string_view gateway, std::string_view client,
                                                ike::TunnelAction action) = 0;
  // admin certificate reload, SIGHUP: certificates, keys and revocation lists as they are in the
  // PKI folder now are what new IKE SAs are authenticated by; those that stand stay. Error: what is
  // wrong with the files, a line each, and nothing has changed.
  virtual Result<std::string> reload_credentials(const platform::Files& files) = 0;
  // tools perform redundancy multi-chassis reload-keys, SIGHUP: the keys of the peers, as
  // `configured` and mcs.key have them now, take the place of those in use, which lose nothing by
  // it: sessions and adjacencies stay. Error: what speaks against it, a line for each peer, and
  // nothing has changed.
  virtual Result<std::string> reload_keys(const config::Config& configured) = 0;
  // tools debug ipsec peer ADDRESS
  virtual Result<std::string> trace(const IpAddress& peer, TraceMode mode) = 0;
  // What this chassis holds of a group's surviving state; nothing if there is no such group.
  [[nodiscard]] virtual const mcs::GroupState* group_state(TunnelGroupId group) const = 0;
  // ESP and IKE keys of all SAs as tshark reads them (esp_sa and ikev2_decryption_table lines); for
  // labs only, refused unless the chassis was started with --allow-key-export.
  [[nodiscard]] virtual Result<std::string> export_keys() const = 0;
};

struct Options {
  bool allow_key_export = false;
  std::shared_ptr<const Credentials> credentials;  // null: no certificates
  platform::PromptLoop* prompt = nullptr;          // outlives the chassis; null: no BFD
};

std::unique_ptr<Chassis> make_chassis(platform::Platform& platform,
                                      std::shared_ptr<const config::Config> config,
                                      Options options);

}  // namespace segw::chassis
