#pragma once

// The part of the configuration that must be equal on all chassis of a tunnel group (sros-facts §1:
// it "must be provisioned identically by the operator"), in parts and settings whose digests MCS
// compares. Pure.
//
// Left out is what each chassis has of its own: addresses, ports and services around the tunnel
// interfaces, priorities and designated roles, ISAs and their pools, spi-range-index, admin-state
// of the group, and the files that certificates are in.
//
// A setting that has its default is not in the list. So a release that adds one still compares
// equal to the release before it, as long as the operator leaves it alone (docs/protocols/mcs.md).

#include <memory>

#include "config/model.h"
#include "mcs/shared_config.h"

namespace segw::chassis {

// Digests of all that concerns `group`, which is one of `config`'s. The result keeps `config`.
mcs::SharedConfig shared_config(const std::shared_ptr<const config::Config>& config,
                                const config::TunnelGroup& group);

}  // namespace segw::chassis
