#pragma once

// The simulated pair's addresses and configuration.

#include <memory>

#include "config/model.h"
#include "sim/cluster.h"

namespace segw::sim {

IpAddress system_address(HostId host);
ClientSpec client_spec(const ClusterOptions& options, uint8_t index);
std::shared_ptr<const config::Config> chassis_config(const ClusterOptions& options, HostId host);

}  // namespace segw::sim
