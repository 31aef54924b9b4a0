#pragma once

// IKE messages in words, for an operator who looks into one client's exchanges. No key, and nothing
// that a pre-shared key could be guessed from (AUTH), is ever printed here.

#include <string>

#include "base/bytes.h"
#include "ike/ike_sa.h"

namespace segw::ike {

enum class Wording : uint8_t {
  Brief,   // one line: the payloads by name
  Detail,  // and a line for each proposal, selector, notification
};

// `sa`: the IKE SA that the message is of, if it is known; without it what is encrypted stays so.
std::string describe(ByteView message, const IkeSa* sa, Wording wording);

// `10.2.2.0-10.2.2.255 protocol 6 ports 80-80`
std::string text(const esp::TrafficSelector& selector);

// The keys of an IKE SA, a line for each. Only for an operator who asked for them.
std::string describe_keys(const IkeSa& sa);

}  // namespace segw::ike
