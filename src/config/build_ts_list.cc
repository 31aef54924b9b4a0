#include <fmt/format.h>

#include "config/build.h"

// ts-list and tunnel-template: what gateways and clients refer to.

namespace segw::config {
namespace {

constexpr uint8_t kIcmp = 1;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kIcmp6 = 58;
constexpr uint8_t kSctp = 132;

uint8_t protocol_number(const std::string& name) {
  if (name == "icmp") return kIcmp;
  if (name == "tcp") return kTcp;
  if (name == "udp") return kUdp;
  if (name == "icmp6") return kIcmp6;
  if (name == "sctp") return kSctp;
  unsigned number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return static_cast<uint8_t>(number);
}

void read_addresses(const View& address, esp::TrafficSelector& selector) {
  selector.first = IpPrefix{}.first();
  selector.last = IpPrefix{}.last();
  if (const auto prefix = address.prefix("prefix")) {
    selector.first = prefix->first();
    selector.last = prefix->last();
  }
  const View range = address.at("range");
  if (!range.exists()) return;
  for (const auto* end : {"begin", "end"}) {
    const View leaf = range.at(end);
    if (!leaf.exists() && !leaf.was_refused()) leaf.refuse("is missing and must be set");
  }
  const auto first = range.address("begin");
  const auto last = range.address("end");
  if (!first || !last) return;
  if (first->family() != last->family()) {
    range.at("end").refuse("begin is of the other IP version");
  } else if (*last < *first) {
    range.at("end").refuse("is below begin");
  } else {
    selector.first = *first;
    selector.last = *last;
  }
}

void read_protocol(const View& protocol, esp::TrafficSelector& selector) {
  const View id = protocol.at("id");
  if (!id.exists()) return;
  const View number = id.at("protocol-id");
  if (!number.exists() && !number.was_refused()) number.refuse("is missing and must be set");
  selector.protocol = protocol_number(number.value());
  const View ports = id.at("port-range");
  const View begin = ports.at("begin");
  const View end = ports.at("end");
  if (!begin.exists() && !end.exists()) return;
  const bool has_ports =
      selector.protocol == kTcp || selector.protocol == kUdp || selector.protocol == kSctp;
  if (number.exists() && !has_ports) ports.refuse(number.value() + " has no ports");
  for (const View& leaf : {begin, end}) {
    if (!leaf.exists() && !leaf.was_refused()) leaf.refuse("is missing and must be set");
  }
  if (!begin.exists() || !end.exists()) return;
  selector.port_first = ports.number<uint16_t>("begin");
  selector.port_last = ports.number<uint16_t>("end");
  if (selector.port_last < selector.port_first) end.refuse("is below begin");
}

std::vector<esp::TrafficSelector> selectors(const View& side) {
  std::map<uint16_t, esp::TrafficSelector> entries;
  for (const View& entry : side.each("entry")) {
    esp::TrafficSelector& selector = entries[entry.number<uint16_t>("entry-id")];
    read_addresses(entry.at("address"), selector);
    read_protocol(entry.at("protocol"), selector);
  }
  std::vector<esp::TrafficSelector> ordered;
  ordered.reserve(entries.size());
  for (const auto& [id, selector] : entries) ordered.push_back(selector);
  return ordered;
}

IcmpGeneration icmp_generation(const View& view) {
  return IcmpGeneration{.enabled = view.enabled(),
                        .message_count = view.number<uint16_t>("message-count"),
                        .interval = std::chrono::seconds(view.number<uint16_t>("interval"))};
}

}  // namespace

PacketOptions packet_options(const View& entry) {
  PacketOptions options{
      .clear_df_bit = entry.flag("clear-df-bit"),
      .copy_traffic_class_upon_decapsulation = entry.flag("copy-traffic-class-upon-decapsulation"),
      .ip_mtu = std::nullopt,
      .encapsulated_ip_mtu = std::nullopt,
      .propagate_pmtu_v4 = entry.flag("propagate-pmtu-v4"),
      .propagate_pmtu_v6 = entry.flag("propagate-pmtu-v6"),
      .pmtu_discovery_aging = std::chrono::seconds(entry.number<uint16_t>("pmtu-discovery-aging")),
      .icmp_generation = icmp_generation(entry.at("icmp-generation")),
      .icmp6_generation = icmp_generation(entry.at("icmp6-generation"))};
  if (entry.at("ip-mtu").exists()) options.ip_mtu = entry.number<uint16_t>("ip-mtu");
  if (entry.at("encapsulated-ip-mtu").exists()) {
    options.encapsulated_ip_mtu = entry.number<uint16_t>("encapsulated-ip-mtu");
  }
  const View inwards = entry.at("private-tcp-mss-adjust");
  if (inwards.exists()) {
    options.private_tcp_mss_adjust = entry.number<uint16_t>("private-tcp-mss-adjust");
  }
  const View outwards = entry.at("public-tcp-mss-adjust");
  options.public_tcp_mss_auto = outwards.value() == "auto";
  if (outwards.exists() && !options.public_tcp_mss_auto) {
    options.public_tcp_mss_adjust = entry.number<uint16_t>("public-tcp-mss-adjust");
  }
  return options;
}

TsLists build_ts_lists(const View& ipsec) {
  TsLists lists;
  for (const View& entry : ipsec.each("ts-list")) {
    lists.emplace(entry.text("name"),
                  std::make_shared<const TsList>(TsList{.name = entry.text("name"),
                                                        .local = selectors(entry.at("local")),
                                                        .remote = selectors(entry.at("remote"))}));
  }
  return lists;
}

TunnelTemplates build_templates(const View& ipsec, const IpsecTransforms& transforms) {
  TunnelTemplates templates;
  for (const View& entry : ipsec.each("tunnel-template")) {
    auto made = std::make_shared<TunnelTemplate>();
    made->id = entry.number<uint16_t>("id");
    made->replay_window = entry.number<uint16_t>("replay-window");
    made->reverse_route = entry.text("sp-reverse-route") == "use-security-policy";
    made->ignore_default_route = entry.flag("ignore-default-route");
    made->packets = packet_options(entry);
    const std::vector<View> ids = entry.each("ipsec-transform");
    if (ids.empty()) entry.at("ipsec-transform").refuse("is missing and must be set");
    for (const View& id : ids) {
      const auto found = transforms.find(id.value());
      if (found != transforms.end()) made->transforms.push_back(found->second);
    }
    templates.emplace(entry.text("id"), std::move(made));
  }
  return templates;
}

}  // namespace segw::config
