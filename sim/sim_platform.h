#pragma once

// platform::Platform for one segwd on a simulated host.

#include <memory>

#include "platform/platform.h"
#include "platform/prompt.h"
#include "sim/host.h"

namespace segw::sim {

class SimPlatform {
 public:
  SimPlatform(SimHost& host, ProcessId process);
  ~SimPlatform();
  SimPlatform(const SimPlatform&) = delete;
  SimPlatform& operator=(const SimPlatform&) = delete;

  [[nodiscard]] platform::Platform& seam() { return *seam_; }
  [[nodiscard]] platform::PromptLoop& prompt();
  // A datagram for this host has arrived.
  void deliver(const Endpoint& to, const Endpoint& from, const Bytes& bytes);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  std::unique_ptr<platform::Platform> seam_;
};

}  // namespace segw::sim
