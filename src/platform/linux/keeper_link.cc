#include "platform/linux/keeper_link.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace segw::platform::os {
namespace {

constexpr size_t kControlSize = CMSG_SPACE(sizeof(int) * kKeeperFdsMax);

}  // namespace

bool send_to_keeper(int socket, KeeperMessage type, ByteView body, const std::vector<int>& fds) {
  Bytes bytes{static_cast<uint8_t>(type)};
  append(bytes, body);
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, kControlSize> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
  }
  const int wait = type == KeeperMessage::Heartbeat ? MSG_DONTWAIT : 0;
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | wait) == static_cast<ssize_t>(bytes.size());
}

bool receive_packet(int socket, KeeperPacket& packet) {
  packet.bytes.assign(kKeeperMessageMax, 0);
  packet.fds.clear();
  iovec part{.iov_base = packet.bytes.data(), .iov_len = packet.bytes.size()};
  alignas(cmsghdr) std::array<char, kControlSize> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    packet.bytes.clear();
    return errno != EAGAIN && errno != EINTR;
  }
  packet.bytes.resize(static_cast<size_t>(size));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      packet.fds.emplace_back(fd);
    }
  }
  return true;
}

}  // namespace segw::platform::os
