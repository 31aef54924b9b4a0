#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace segw::esp {

// Lowers the maximum segment size that a TCP SYN in `packet` announces to `mss`; the checksum
// follows. True if it did. Without the option, or with a smaller one, nothing is changed (RFC 9293
// 3.7.1 has a default that is small enough).
bool lower_tcp_mss(Bytes& packet, size_t mss);

}  // namespace segw::esp
