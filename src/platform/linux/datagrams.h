#pragma once

#include "platform/linux/loop.h"

namespace segw::platform::os {

class UdpDatagrams final : public Datagrams {
 public:
  explicit UdpDatagrams(Loop& loop) : loop_(loop) {}
  Result<std::unique_ptr<DatagramSocket>> open(const Endpoint& local,
                                               DatagramHandler handler) override;

 private:
  Loop& loop_;
};

}  // namespace segw::platform::os
