#include "esp/tcp_mss.h"

#include "esp/checksum.h"
#include "esp/ip_packet.h"

namespace segw::esp {
namespace {

constexpr size_t kTcpHeaderSize = 20;
constexpr size_t kFlagsAt = 13;
constexpr size_t kChecksumAt = 16;
constexpr uint8_t kSyn = 2;
constexpr uint8_t kOptionEnd = 0;
constexpr uint8_t kOptionNop = 1;
constexpr uint8_t kOptionMss = 2;
constexpr size_t kOptionMssSize = 4;

// Where the value is in the TCP header; 0: nowhere.
size_t find_mss(ByteView header) {
  for (size_t at = kTcpHeaderSize; at < header.size() && header[at] != kOptionEnd;) {
    if (header[at] == kOptionNop) {
      ++at;
      continue;
    }
    const size_t size = at + 1 < header.size() ? header[at + 1] : 0;
    if (size < 2 || at + size > header.size()) return 0;
    if (header[at] == kOptionMss) return size == kOptionMssSize ? at + 2 : 0;
    at += size;
  }
  return 0;
}

}  // namespace

bool lower_tcp_mss(Bytes& packet, size_t mss) {
  const auto parsed = parse_ip(packet);
  if (!parsed || !parsed->protocol_known || parsed->protocol != kProtocolTcp ||
      !parsed->first_fragment() || parsed->payload.size() < kTcpHeaderSize) {
    return false;
  }
  const ByteView tcp = parsed->payload;
  const size_t header_size = size_t{tcp[12]} / 16 * 4;
  if ((tcp[kFlagsAt] & kSyn) == 0 || header_size < kTcpHeaderSize || header_size > tcp.size()) {
    return false;
  }
  const size_t at = find_mss(tcp.first(header_size));
  if (at == 0 || (size_t{tcp[at]} << 8 | tcp[at + 1]) <= mss) return false;
  const auto begin = static_cast<size_t>(tcp.data() - packet.data());
  replace_covered(packet, begin, begin + kChecksumAt, begin + at, static_cast<uint16_t>(mss));
  return true;
}

}  // namespace segw::esp
