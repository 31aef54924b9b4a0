#pragma once

// The structs of esp/child_sa.h as fields on the ISA's socket.

#include "base/ip_address.h"
#include "esp/child_sa.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::isa {

void write(wire::Writer& out, const IpAddress& address);
IpAddress read_address(wire::Reader& in);
void write(wire::Writer& out, const IpPrefix& prefix);
IpPrefix read_prefix(wire::Reader& in);
void write(wire::Writer& out, const Endpoint& endpoint);
Endpoint read_endpoint(wire::Reader& in);
void write(wire::Writer& out, const std::optional<esp::UdpEncapsulation>& encapsulation);
std::optional<esp::UdpEncapsulation> read_encapsulation(wire::Reader& in);
void write(wire::Writer& out, const esp::SequenceGrants& grants);
esp::SequenceGrants read_grants(wire::Reader& in);
void write(wire::Writer& out, const esp::SaWindow& window);
esp::SaWindow read_window(wire::Reader& in);
void write(wire::Writer& out, const esp::ChildSa& sa);
esp::ChildSa read_child_sa(wire::Reader& in);
bool read_bool(wire::Reader& in, std::string_view field);

}  // namespace segw::isa
