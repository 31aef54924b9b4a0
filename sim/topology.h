#pragma once

// Addresses and configuration of the simulated pair or domain.

#include <memory>
#include <string_view>

#include "config/model.h"
#include "sim/cluster.h"

namespace segw::sim {

constexpr std::string_view kPeerKey = "0123456789abcdef0123456789abcdef";  // at the start

HostId host_count(const ClusterOptions& options);
std::string host_name(HostId host);
IpAddress system_address(HostId host);
// Where shunted traffic enters a chassis.
IpAddress shunt_address(platform::Side side, HostId host);
ClientSpec client_spec(const ClusterOptions& options, uint8_t index);
std::shared_ptr<const config::Config> chassis_config(const ClusterOptions& options, HostId host);

}  // namespace segw::sim
