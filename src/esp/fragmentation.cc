#include "esp/fragmentation.h"

#include <algorithm>

#include "base/assert.h"
#include "esp/checksum.h"
#include "wire/writer.h"

namespace segw::esp {
namespace {

constexpr uint16_t kMoreFragmentsV4 = 0x2000;
constexpr uint8_t kOptionEnd = 0;
constexpr uint8_t kOptionNop = 1;
constexpr uint8_t kOptionCopied = 0x80;
constexpr size_t kUnit = 8;  // offsets count eights

void put_u16(Bytes& bytes, size_t at, size_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8 & 0xFF);
  bytes[at + 1] = static_cast<uint8_t>(value & 0xFF);
}

// RFC 791 3.1: an option without the copied flag is in the first fragment only.
void blank_uncopied_options(Bytes& header) {
  for (size_t at = kIpv4HeaderSize; at < header.size() && header[at] != kOptionEnd;) {
    if (header[at] == kOptionNop) {
      ++at;
      continue;
    }
    const size_t size = at + 1 < header.size() ? header[at + 1] : 0;
    if (size < 2 || at + size > header.size()) return;  // malformed: left as it is
    if ((header[at] & kOptionCopied) == 0) {
      std::fill_n(header.begin() + static_cast<std::ptrdiff_t>(at), size, kOptionNop);
    }
    at += size;
  }
}

std::vector<Bytes> fragments_of_v4(const Bytes& packet, const IpPacket& parsed, size_t mtu) {
  const size_t header_size = parsed.size - parsed.payload.size();
  if (mtu < header_size + kUnit) return {};
  const size_t step = (mtu - header_size) / kUnit * kUnit;
  std::vector<Bytes> fragments;
  for (size_t at = 0; at < parsed.payload.size(); at += step) {
    const ByteView part = parsed.payload.subspan(at, std::min(step, parsed.payload.size() - at));
    const bool more = at + part.size() < parsed.payload.size() || parsed.more_fragments;
    Bytes fragment = to_bytes(ByteView(packet).first(header_size));
    if (at != 0) blank_uncopied_options(fragment);
    put_u16(fragment, 2, header_size + part.size());
    put_u16(fragment, 6, (parsed.fragment_offset + at) / kUnit | (more ? kMoreFragmentsV4 : 0U));
    put_u16(fragment, 10, 0);
    put_u16(fragment, 10, checksum(ones_sum(fragment)));
    append(fragment, part);
    fragments.push_back(std::move(fragment));
  }
  return fragments;
}

std::vector<Bytes> fragments_of_v6(const Bytes& packet, const IpPacket& parsed, size_t mtu,
                                   uint32_t identification) {
  const size_t header_size = parsed.size - parsed.fragmentable.size();
  if (header_size != kIpv6HeaderSize || mtu < kIpv6HeaderSize + kFragmentHeaderSize + kUnit) {
    return {};
  }
  const size_t step = (mtu - kIpv6HeaderSize - kFragmentHeaderSize) / kUnit * kUnit;
  std::vector<Bytes> fragments;
  for (size_t at = 0; at < parsed.fragmentable.size(); at += step) {
    const ByteView part =
        parsed.fragmentable.subspan(at, std::min(step, parsed.fragmentable.size() - at));
    const bool more = at + part.size() < parsed.fragmentable.size();
    Bytes fragment = to_bytes(ByteView(packet).first(kIpv6HeaderSize));
    put_u16(fragment, 4, kFragmentHeaderSize + part.size());
    const uint8_t next = fragment[6];
    fragment[6] = kProtocolFragment;
    wire::Writer header;
    header.u8(next).u8(0).u16(static_cast<uint16_t>(at | (more ? 1U : 0U))).u32(identification);
    append(fragment, header.view());
    append(fragment, part);
    fragments.push_back(std::move(fragment));
  }
  return fragments;
}

}  // namespace

std::vector<Bytes> fragments_of(const Bytes& packet, size_t mtu, uint32_t identification) {
  if (packet.size() <= mtu) return {packet};
  const auto parsed = parse_ip(packet);
  if (!parsed) return {};
  if (parsed->size <= mtu) return {to_bytes(ByteView(packet).first(parsed->size))};
  return parsed->is_v4() ? fragments_of_v4(packet, *parsed, mtu)
                         : fragments_of_v6(packet, *parsed, mtu, identification);
}

}  // namespace segw::esp
