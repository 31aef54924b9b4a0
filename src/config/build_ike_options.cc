#include "config/build.h"

namespace segw::config {
namespace {

// Longer than any chassis runs, and far from where a time would overflow.
constexpr Duration kForever = std::chrono::hours(24 * 365 * 50);

ike::LockoutSettings lockout(const View& entry) {
  ike::LockoutSettings settings;
  settings.failed_attempts = entry.number<uint8_t>("failed-attempts");
  settings.duration = std::chrono::minutes(entry.number<uint8_t>("duration"));
  settings.block = entry.text("block") == "infinite"
                       ? kForever
                       : Duration(std::chrono::minutes(entry.number<uint16_t>("block")));
  settings.max_port_per_ip = entry.number<uint16_t>("max-port-per-ip");
  return settings;
}

}  // namespace

ike::IkeOptions build_ike_options(const View& policy) {
  ike::IkeOptions options;
  const View fragment = policy.at("ike-version-2").at("ikev2-fragment");
  if (fragment.exists()) {
    options.fragments = ike::FragmentSettings{
        .mtu = fragment.number<uint16_t>("mtu"),
        .reassembly_timeout = std::chrono::seconds(fragment.number<uint8_t>("reassembly-timeout"))};
  }
  if (policy.at("lockout").exists()) options.lockout = lockout(policy.at("lockout"));
  const View limit = policy.at("limit-init-exchange");
  const std::string timeout = limit.text("reduced-max-exchange-timeout");
  options.reduced_exchange_timeout.reset();
  if (limit.enabled() && timeout != "none" && !timeout.empty()) {
    options.reduced_exchange_timeout =
        std::chrono::seconds(limit.number<uint8_t>("reduced-max-exchange-timeout"));
  }
  return options;
}

}  // namespace segw::config
