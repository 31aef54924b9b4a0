#pragma once

// The traffic: numbered packets between a client's inner host and a core host, which sends each one
// back. The marker shows where one of them travels in clear.

#include <optional>

#include "base/bytes.h"
#include "base/ip_address.h"

namespace segw::sim {

struct Probe {
  uint64_t number = 0;  // unique in a run
  bool echo = false;    // the core's answer
};

Bytes encode_probe(const Probe& probe, const IpAddress& from, const IpAddress& to);
// Other traffic, without the marker.
Bytes bulk_packet(const IpAddress& from, const IpAddress& to);
// From a whole inner packet.
std::optional<Probe> decode_probe(ByteView packet);
// Whether the marker is anywhere in these bytes.
bool shows_probe(ByteView bytes);

}  // namespace segw::sim
