#pragma once

// Lines of Wireshark's tables of keys, with which a capture of a lab is decrypted and checked.

#include <string>

#include "base/ip_address.h"
#include "esp/child_sa.h"
#include "ike/ike_sa.h"

namespace segw::chassis {

// One direction of a CHILD SA, for `esp_sa`. Empty: Wireshark has no such algorithm.
[[nodiscard]] std::string esp_line(const IpAddress& from, const IpAddress& to, Spi spi,
                                   const esp::Suite& suite, const SecretBytes& key);
// For `ikev2_decryption_table`.
[[nodiscard]] std::string ike_line(const ike::IkeSa& sa);

}  // namespace segw::chassis
