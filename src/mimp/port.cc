#include "mimp/port.h"

#include <fmt/format.h>

#include <algorithm>

namespace segw::mimp {

Port::Line::~Line() { port_.close(channel_); }

void Port::Line::send(ByteView datagram) {
  port_.sockets_.at(channel_.local)
      .socket->send(Endpoint{.address = channel_.peer, .port = kPort}, datagram);
}

Result<std::unique_ptr<Port::Line>> Port::open(const Channel& channel, Handler handler) {
  const auto known = sockets_.find(channel.local);
  if (known != sockets_.end() && known->second.handlers.contains(channel)) {
    return failure(fmt::format("{}:{}: group {} has peer {} already", channel.local.text(), kPort,
                               channel.number, channel.peer.text()));
  }
  if (known == sockets_.end()) {
    auto socket = platform_.datagrams.open(
        Endpoint{.address = channel.local, .port = kPort},
        [this, local = channel.local](const Endpoint& from, ByteView bytes) {
          on_datagram(local, from, bytes);
        });
    if (!socket) return tl::unexpected(socket.error());
    sockets_[channel.local].socket = std::move(*socket);
  }
  sockets_.at(channel.local).handlers.emplace(channel, std::move(handler));
  return std::make_unique<Line>(*this, channel);
}

void Port::close(const Channel& channel) {
  const auto at = sockets_.find(channel.local);
  at->second.handlers.erase(channel);
  if (at->second.handlers.empty()) sockets_.erase(at);
}

void Port::on_datagram(const IpAddress& local, const Endpoint& from, ByteView bytes) {
  const auto header = peek(bytes);
  if (!header) {
    counters_.add("hello-bad-size");
    return;
  }
  const auto& handlers = sockets_.at(local).handlers;
  const auto at = handlers.find(Channel{.local = local,
                                        .peer = from.address,
                                        .kind = header->kind,
                                        .number = header->destination_group});
  if (at != handlers.end()) {
    at->second(bytes);
    return;
  }
  const bool known_peer = std::ranges::any_of(
      handlers, [&](const auto& entry) { return entry.first.peer == from.address; });
  counters_.add(known_peer ? "hello-bad-group" : "hello-bad-address");
}

}  // namespace segw::mimp
