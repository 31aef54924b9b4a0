// A CHILD SA's record, and what IKE SAs have in common with it.
#include <algorithm>

#include "esp/algorithm.h"
#include "esp/cipher.h"
#include "mcs/sa_codec.h"

namespace segw::mcs {
namespace {

constexpr int kSelectorsMax = 64;
constexpr int kHoldersMax = 64;

void encode_selectors(const std::vector<esp::TrafficSelector>& selectors,
                      google::protobuf::RepeatedPtrField<pb::Selector>& out) {
  for (const esp::TrafficSelector& selector : selectors) {
    pb::Selector* each = out.Add();
    each->set_protocol(selector.protocol);
    each->set_port_first(selector.port_first);
    each->set_port_last(selector.port_last);
    each->set_first(text(selector.first.bytes()));
    each->set_last(text(selector.last.bytes()));
  }
}

std::vector<esp::TrafficSelector> decode_selectors(
    const google::protobuf::RepeatedPtrField<pb::Selector>& in, Checker& check) {
  std::vector<esp::TrafficSelector> selectors;
  check.at_most(in.size(), kSelectorsMax, "selectors");
  for (const pb::Selector& each : in) {
    if (!check.ok()) break;
    esp::TrafficSelector selector;
    selector.protocol = check.u8(each.protocol(), UINT8_MAX, "selector-protocol");
    selector.port_first = check.u16(each.port_first(), "selector-port-first");
    selector.port_last = check.u16(each.port_last(), "selector-port-last");
    selector.first = check.address(each.first(), "selector-first");
    selector.last = check.address(each.last(), "selector-last");
    selectors.push_back(selector);
  }
  return selectors;
}

}  // namespace

void encode_holders(const std::vector<esp::Holder>& holders, PbHolders& out) {
  for (const esp::Holder& holder : holders) {
    pb::Holder* each = out.Add();
    each->set_slot(holder.slot.value);
    each->set_incarnation(text(holder.incarnation));
  }
}

std::vector<esp::Holder> decode_holders(const PbHolders& in, Checker& check) {
  std::vector<esp::Holder> holders;
  check.at_most(in.size(), kHoldersMax, "holders");
  for (const pb::Holder& each : in) {
    if (!check.ok()) break;
    esp::Holder holder{.slot = Slot{check.u8(each.slot(), esp::kSlotsMax - 1, "holder-slot")}};
    if (each.incarnation().size() != holder.incarnation.size()) check.refuse("incarnation");
    std::copy_n(each.incarnation().begin(),
                std::min(each.incarnation().size(), holder.incarnation.size()),
                holder.incarnation.begin());
    holders.push_back(holder);
  }
  return holders;
}

void encode_grants(const esp::SequenceGrants& grants, pb::Grants& out) {
  out.set_slots(grants.slots);
  out.set_grantee(grants.grantee.value);
  for (const uint64_t bound : grants.bound) out.add_bound(bound);
}

esp::SequenceGrants decode_grants(const pb::Grants& in, Checker& check) {
  esp::SequenceGrants grants;
  grants.slots = check.u8(in.slots(), esp::kSlotsMax, "slots");
  if (grants.slots == 0) check.refuse("slots");
  grants.grantee = Slot{check.u8(in.grantee(), esp::kSlotsMax - 1, "grantee")};
  if (in.bound_size() != static_cast<int>(grants.bound.size())) check.refuse("bound");
  for (int i = 0; check.ok() && i < in.bound_size(); ++i) {
    grants.bound[static_cast<size_t>(i)] = check.position(in.bound(i), "bound");
  }
  return grants;
}

void check_suite(uint32_t encryption, uint32_t key_bits, uint32_t integrity, Checker& check) {
  const std::string_view wrong = esp::misfit(encryption, key_bits, integrity);
  if (!wrong.empty()) check.refuse(wrong);
}

void encode_child(const esp::ChildSa& sa, pb::ChildSa& out) {
  out.set_ike_sa(sa.ike_sa.value);
  out.set_tunnel(sa.tunnel);
  out.set_inbound_spi(sa.inbound_spi.value);
  out.set_outbound_spi(sa.outbound_spi.value);
  out.set_local(text(sa.local.bytes()));
  out.set_remote(text(sa.remote.bytes()));
  out.set_encapsulated(sa.encapsulation.has_value());
  if (sa.encapsulation) {
    out.set_local_port(sa.encapsulation->local_port);
    out.set_remote_port(sa.encapsulation->remote_port);
  }
  out.set_encryption(static_cast<uint32_t>(sa.suite.encryption));
  out.set_key_bits(sa.suite.key_bits);
  out.set_integrity(static_cast<uint32_t>(sa.suite.integrity));
  out.set_extended_sequence_numbers(sa.suite.extended_sequence_numbers);
  out.set_inbound_key(text(sa.inbound_key.view()));
  out.set_outbound_key(text(sa.outbound_key.view()));
  encode_selectors(sa.local_selectors, *out.mutable_local_selectors());
  encode_selectors(sa.remote_selectors, *out.mutable_remote_selectors());
  out.set_replay_window(sa.replay_window);
  out.set_initiator(sa.initiator);
  out.set_rekeyed(sa.rekeyed);
  out.set_lifetime_ns(sa.lifetime.count());
  out.set_age_ns(sa.age.count());
  encode_grants(sa.grants, *out.mutable_grants());
  encode_holders(sa.holders, *out.mutable_holders());
  out.set_reverse_route(static_cast<uint32_t>(sa.reverse_route));
  out.set_replaces(sa.replaces.value);
  out.set_outbound_from_ns(sa.outbound_from.count());
  out.set_rekey_after_ns(sa.rekey_after.count());
  out.set_delete_after_ns(sa.delete_after.count());
  out.set_rekeyed_by_us(sa.rekeyed_by_us);
  out.set_outbound_floor(sa.outbound_floor);
}

esp::ChildSa decode_child(const pb::ChildSa& in, TunnelGroupId group, Checker& check) {
  esp::ChildSa sa;
  sa.group = group;
  sa.ike_sa = IkeSpi{in.ike_sa()};
  sa.tunnel = in.tunnel();
  sa.inbound_spi = Spi{in.inbound_spi()};
  sa.outbound_spi = Spi{in.outbound_spi()};
  sa.local = check.address(in.local(), "local");
  sa.remote = check.address(in.remote(), "remote");
  if (in.encapsulated()) {
    sa.encapsulation =
        esp::UdpEncapsulation{.local_port = check.u16(in.local_port(), "local-port"),
                              .remote_port = check.u16(in.remote_port(), "remote-port")};
  }
  check_suite(in.encryption(), in.key_bits(), in.integrity(), check);
  // Sizes of keys are those of the suite, so there must be one.
  if (!check.ok()) return sa;
  sa.suite = {.encryption = static_cast<esp::Encryption>(in.encryption()),
              .key_bits = static_cast<uint16_t>(in.key_bits()),
              .integrity = static_cast<esp::Integrity>(in.integrity()),
              .extended_sequence_numbers = in.extended_sequence_numbers()};
  sa.inbound_key = check.secret(in.inbound_key(), esp::key_size(sa.suite), "inbound-key");
  sa.outbound_key = check.secret(in.outbound_key(), esp::key_size(sa.suite), "outbound-key");
  sa.local_selectors = decode_selectors(in.local_selectors(), check);
  sa.remote_selectors = decode_selectors(in.remote_selectors(), check);
  sa.replay_window = check.u16(in.replay_window(), "replay-window");
  sa.initiator = in.initiator();
  sa.rekeyed = in.rekeyed();
  sa.lifetime = check.span(in.lifetime_ns(), "lifetime");
  sa.age = check.span(in.age_ns(), "age");
  sa.grants = decode_grants(in.grants(), check);
  sa.holders = decode_holders(in.holders(), check);
  sa.reverse_route = static_cast<esp::ReverseRoute>(
      check.u8(in.reverse_route(), static_cast<uint32_t>(esp::ReverseRoute::All), "reverse-route"));
  sa.replaces = Spi{in.replaces()};
  sa.outbound_from = check.span(in.outbound_from_ns(), "outbound-from");
  sa.rekey_after = check.span(in.rekey_after_ns(), "rekey-after");
  sa.delete_after = check.span(in.delete_after_ns(), "delete-after");
  sa.rekeyed_by_us = in.rekeyed_by_us();
  sa.outbound_floor = check.position(in.outbound_floor(), "outbound-floor");
  return sa;
}

}  // namespace segw::mcs
