#include "platform/linux/datagrams.h"

#include <fmt/format.h>
#include <netinet/ip.h>
#include <sys/socket.h>

#include <array>
#include <asio/ip/udp.hpp>

#include "platform/linux/addresses.h"

namespace segw::platform::os {
namespace {

using Udp = asio::ip::udp;
constexpr size_t kDatagramMax = 65536;
constexpr int kReceivesPerWakeup = 64;
constexpr int kControlClass = 0xC0;  // DSCP CS6: network control

class Socket final : public DatagramSocket {
 public:
  Socket(asio::io_context& io, DatagramHandler handler)
      : socket_(io), handler_(std::move(handler)), buffer_(kDatagramMax) {}
  ~Socket() override { *alive_ = false; }

  std::error_code bind(const Endpoint& local) {
    std::error_code error;
    const Udp::endpoint endpoint(to_asio(local.address), local.port);
    socket_.open(endpoint.protocol(), error);
    if (!error) socket_.bind(endpoint, error);
    if (!error) socket_.non_blocking(true, error);
    if (error) return error;
    ::setsockopt(socket_.native_handle(), IPPROTO_IP, IP_TOS, &kControlClass,
                 sizeof(kControlClass));
    wait();
    return {};
  }

  void send(const Endpoint& to, ByteView bytes) override {
    std::error_code ignored;
    socket_.send_to(asio::buffer(bytes.data(), bytes.size()),
                    Udp::endpoint(to_asio(to.address), to.port), 0, ignored);
  }

 private:
  void wait() {
    socket_.async_wait(Udp::socket::wait_read,
                       [this, alive = alive_](const std::error_code& error) {
                         if (!*alive || error) return;
                         receive(alive);
                       });
  }

  void receive(const std::shared_ptr<bool>& alive) {
    for (int i = 0; i < kReceivesPerWakeup && *alive; ++i) {
      Udp::endpoint from;
      std::error_code error;
      const size_t size = socket_.receive_from(asio::buffer(buffer_), from, 0, error);
      // An ICMP error of an earlier send shows up here once; it is not the socket's end.
      if (error == asio::error::would_block) break;
      if (error) continue;
      handler_(Endpoint{.address = from_asio(from.address()), .port = from.port()},
               ByteView(buffer_).first(size));
    }
    if (*alive) wait();
  }

  Udp::socket socket_;
  DatagramHandler handler_;
  Bytes buffer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

Result<std::unique_ptr<DatagramSocket>> UdpDatagrams::open(const Endpoint& local,
                                                           DatagramHandler handler) {
  auto socket = std::make_unique<Socket>(loop_.io(), std::move(handler));
  if (const auto error = socket->bind(local)) {
    return failure(fmt::format("UDP {}: {}", local.text(), error.message()));
  }
  return socket;
}

}  // namespace segw::platform::os
