#pragma once

// Certificates, keys and revocation lists of the configuration's profiles, read from the PKI
// folder. Like the configuration they are refused as a whole with every error listed, and do not
// change once they are loaded.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/load.h"
#include "ike/auth_settings.h"
#include "ike/engine.h"
#include "platform/files.h"

namespace segw::chassis {

struct Credentials {
  std::map<std::string, std::shared_ptr<const std::vector<ike::OwnCertificate>>> cert_profiles;
  std::map<std::string, crypto::TrustAnchors> trust_anchor_profiles;
};

// Each error names the profile's place in the configuration and the file.
tl::expected<std::shared_ptr<const Credentials>, config::ConfigErrors> load_credentials(
    const config::Config& config, const platform::Files& files);

// Authentication of a tunnel or gateway with `policy`, whose ends have these addresses: sets
// local_id, remote_id and auth. `credentials` may lack what the configuration names (a simulation
// without files): then nobody authenticates by certificate.
void set_authentication(const config::PeerAuth& configured, const config::IkePolicy& policy,
                        const Credentials& credentials, ike::TunnelSettings& settings);

}  // namespace segw::chassis
