#pragma once

// A chassis of the release before, as far as MCS can tell: it has our code, and whatever it says
// and hears passes through the schema that it was built with. What that does not know is lost on
// the way, and it says that it speaks version 1 only.

#include "base/bytes.h"
#include "mcs/frame.h"

namespace segw::older {

// What is left of a frame.
::opensegw::mcs::Frame through_schema_1(const ::opensegw::mcs::Frame& frame);

// Of whole frames on a stream, each as it is left. Bytes that are none pass as they are.
Bytes through_schema_1(ByteView bytes);

}  // namespace segw::older
