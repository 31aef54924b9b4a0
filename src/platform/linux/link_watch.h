#pragma once

// Tells of changes to the network devices of a namespace. The kernel takes a nexthop object away,
// and every route on it, with a device that goes down or loses its carrier; somebody must see that.

#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <set>

#include "base/result.h"
#include "platform/linux/loop.h"
#include "platform/linux/network_namespace.h"

namespace segw::platform::os {

class LinkWatch {
 public:
  // Interface indices; kAllLinks: events were lost, any device may have changed.
  using Changed = std::function<void(const std::set<unsigned>& devices)>;
  static constexpr unsigned kAllLinks = 0;

  static Result<std::unique_ptr<LinkWatch>> open(Loop& loop, const NetworkNamespace& where,
                                                 Changed changed);
  ~LinkWatch() { *alive_ = false; }
  LinkWatch(const LinkWatch&) = delete;
  LinkWatch& operator=(const LinkWatch&) = delete;

 private:
  LinkWatch(Loop& loop, int fd, Changed changed);
  void wait();
  void receive();

  asio::posix::stream_descriptor socket_;
  Changed changed_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace segw::platform::os
