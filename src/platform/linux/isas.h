#pragma once

#include "platform/linux/loop.h"
#include "platform/linux/services.h"

namespace segw::platform::os {

std::string public_tun_name(const std::string& device);   // isa1-2pub
std::string private_tun_name(const std::string& device);  // isa1-2prv

// ISAs as processes that the keeper starts for us.
class KeeperIsas final : public Isas {
 public:
  KeeperIsas(Loop& loop, NamespaceServices& services, int keeper_socket)
      : loop_(loop), services_(services), keeper_socket_(keeper_socket) {}
  Result<std::unique_ptr<Isa>> start(const IsaSpec& spec, IsaHandler& handler) override;

 private:
  Loop& loop_;
  NamespaceServices& services_;
  int keeper_socket_;
};

}  // namespace segw::platform::os
