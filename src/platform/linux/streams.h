#pragma once

#include "platform/linux/loop.h"

namespace segw::platform::os {

// TCP with TLS 1.3 by external PSK (RFC 8446 4.2.11): psk_dhe_ke only, no tickets, no early data.
class TlsStreams final : public Streams {
 public:
  explicit TlsStreams(Loop& loop) : loop_(loop) {}
  Result<std::unique_ptr<Listener>> listen(const Endpoint& local, FindPsk psk,
                                           Accept accept) override;
  std::unique_ptr<Stream> connect(const IpAddress& local, const Endpoint& remote, TlsPsk psk,
                                  StreamHandler& handler) override;

 private:
  Loop& loop_;
};

}  // namespace segw::platform::os
