#pragma once

// What segwd and segw-keeper say to each other (SOCK_SEQPACKET, docs/protocols/keeper.md). The
// first byte is the type; file descriptors go along as SCM_RIGHTS.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "platform/linux/file_descriptor.h"

namespace segw::platform::os {

enum class KeeperMessage : uint8_t {
  Heartbeat = 'H',
  Ready = 'R',
  SpawnIsa = 'I',  // name; fds: control, public, private, public detached, private detached
  StopIsa = 'K',   // name
  Guard = 'G',     // nexthop ids, 4 bytes each; fd: their namespace
};

constexpr size_t kKeeperMessageMax = 4096;
constexpr size_t kKeeperFdsMax = 8;

// False: not sent. Waits while the keeper is behind; a heartbeat never does, and is then lost.
bool send_to_keeper(int socket, KeeperMessage type, ByteView body,
                    const std::vector<int>& fds = {});

struct KeeperPacket {
  Bytes bytes;  // type and body; empty: the other end is gone
  std::vector<FileDescriptor> fds;
};
// Nothing to read now: false. Non-blocking.
bool receive_packet(int socket, KeeperPacket& packet);

}  // namespace segw::platform::os
