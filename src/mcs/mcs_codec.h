#pragma once

// Records between their structs and Protocol Buffers. A peer's record is decoded like a stranger's
// packet: every size and number is checked before it is used.

#include <string>

#include "base/result.h"
#include "mcs.pb.h"
#include "mcs/mcs_service.h"
#include "mcs/records.h"
#include "mcs/version.h"
#include "wire/reader.h"

namespace segw::mcs {

namespace pb = ::opensegw::mcs;

// Larger ones are refused: beside others, and with more holders, one must fit into a frame when it
// is sent on.
constexpr size_t kRecordMax = size_t{512} << 10;
// As in MIMP. One that is higher would make every later writer stale.
constexpr uint64_t kActivationMax = uint64_t{1} << 56;

void encode(const Record& record, pb::Record& out);
// `group`: records do not carry the tunnel group's number, which may differ on the two chassis.
wire::Decoded<Record> decode(const pb::Record& in, TunnelGroupId group);

void encode(const esp::SaWindow& window, pb::Window& out);
wire::Decoded<esp::SaWindow> decode(const pb::Window& in);

void encode(const Handover& message, pb::Handover& out);
wire::Decoded<Handover> decode(const pb::Handover& in);

// What two chassis compare: everything but what may differ on them (age, holders). Grants are in
// it: a standby that lacks one would begin below what was sealed (redundancy rule 11).
// `version`: of the session; what one of the two does not know is not compared.
uint64_t digest(const ike::IkeSa& sa, uint32_t version = kVersion);
uint64_t digest(const esp::ChildSa& sa, uint32_t version = kVersion);

}  // namespace segw::mcs
