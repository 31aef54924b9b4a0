#pragma once

// Versions of what MCS peers say (docs/protocols/mcs.md, "How versions grow"). A session has the
// highest version that both speak. In it nothing newer is said, or listened to.

#include <cstdint>

#include "mcs.pb.h"

namespace segw::mcs {

constexpr uint32_t kVersion = 2;     // what this release speaks
constexpr uint32_t kVersionMin = 1;  // what it goes down to: the release before

// Takes out whatever mcs.proto marks as newer than `version`, in messages within it too.
void clear_newer(google::protobuf::Message& message, uint32_t version);

}  // namespace segw::mcs
