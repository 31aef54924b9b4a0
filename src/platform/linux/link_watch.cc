#include "platform/linux/link_watch.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace segw::platform::os {
namespace {

constexpr int kReceivesPerWakeup = 32;

void take_devices(const char* bytes, size_t size, std::set<unsigned>& devices) {
  auto left = static_cast<unsigned>(size);
  const auto* header = reinterpret_cast<const nlmsghdr*>(bytes);
  for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
    const bool link = header->nlmsg_type == RTM_NEWLINK || header->nlmsg_type == RTM_DELLINK;
    if (!link || header->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) continue;
    const auto* body = static_cast<const ifinfomsg*>(NLMSG_DATA(header));
    devices.insert(static_cast<unsigned>(body->ifi_index));
  }
}

}  // namespace

Result<std::unique_ptr<LinkWatch>> LinkWatch::open(Loop& loop, const NetworkNamespace& where,
                                                   Changed changed) {
  int fd = -1;
  int error = 0;
  where.inside([&] {
    fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) error = errno;
  });
  FileDescriptor owned(fd);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (error == 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    error = errno;
  }
  if (error != 0) return failure(fmt::format("watching devices: {}", std::strerror(error)));
  return std::unique_ptr<LinkWatch>(new LinkWatch(loop, owned.release(), std::move(changed)));
}

LinkWatch::LinkWatch(Loop& loop, int fd, Changed changed)
    : socket_(loop.io(), fd), changed_(std::move(changed)) {
  wait();
}

void LinkWatch::wait() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [this, alive = alive_](const std::error_code& error) {
                       if (!*alive || error) return;
                       receive();
                       wait();
                     });
}

void LinkWatch::receive() {
  std::set<unsigned> devices;
  alignas(nlmsghdr) std::array<char, 16384> buffer{};
  for (int i = 0; i < kReceivesPerWakeup; ++i) {
    const ssize_t size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == ENOBUFS) devices.insert(kAllLinks);
    if (size <= 0) break;
    take_devices(buffer.data(), static_cast<size_t>(size), devices);
  }
  if (!devices.empty()) changed_(devices);
}

}  // namespace segw::platform::os
