#pragma once

#include <map>
#include <utility>

#include "base/ip_address.h"
#include "base/time.h"

namespace segw::isa {

// RFC 791 lets hosts assume that 576 bytes pass; who claims less wants us to send crumbs.
constexpr size_t kPathMtuMinV4 = 576;
constexpr size_t kPathMtusMax = 65536;

// What routers said of the paths from our addresses to the clients'. Old news is forgotten, so that
// a path that became wider is found out (RFC 1191 6.3, RFC 8201 4).
class PathMtus {
 public:
  // False if it says nothing new: not smaller than what is known or `most`.
  bool learn(const IpAddress& local, const IpAddress& remote, size_t mtu, size_t most,
             Instant until, Instant now);
  // SIZE_MAX where nothing is known.
  [[nodiscard]] size_t get(const IpAddress& local, const IpAddress& remote, Instant now) const;
  void expire(Instant now);
  [[nodiscard]] size_t size() const { return known_.size(); }

 private:
  struct Known {
    size_t mtu = 0;
    Instant until{};
  };
  std::map<std::pair<IpAddress, IpAddress>, Known> known_;
};

}  // namespace segw::isa
