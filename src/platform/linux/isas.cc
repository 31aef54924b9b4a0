#include "platform/linux/isas.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <deque>

#include "isa/isa_wire.h"
#include "platform/linux/keeper_link.h"
#include "platform/linux/tun.h"

namespace segw::platform::os {
namespace {

constexpr int kSocketBuffer = 4 << 20;
// Bytes that wait for the ISA: room for some hundred thousand SAs that are installed at once. One
// that hangs is known by the time.
constexpr size_t kQueuedMax = size_t{256} << 20;
constexpr Duration kHungAfter = std::chrono::seconds(1);
constexpr int kReceivesPerWakeup = 256;

class IsaProcess final : public Isa {
 public:
  IsaProcess(Loop& loop, FileDescriptor socket, std::string name, int keeper, IsaHandler& handler)
      : loop_(loop),
        socket_(loop.io(), socket.release()),
        name_(std::move(name)),
        keeper_(keeper),
        handler_(handler),
        buffer_(isa::kMessageMax) {
    wait_read();
  }
  ~IsaProcess() override {
    *alive_ = false;
    send_to_keeper(keeper_, KeeperMessage::StopIsa, as_bytes(name_));
  }

  void send(Bytes message) override {
    if (gone_) return;
    if (queued_ + message.size() > kQueuedMax) return post_gone("hung: its queue is full");
    queued_ += message.size();
    queue_.push_back(std::move(message));
    flush();
  }

 private:
  void flush() {
    while (!queue_.empty()) {
      const Bytes& next = queue_.front();
      const ssize_t sent =
          ::send(socket_.native_handle(), next.data(), next.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) return wait_write();
      if (sent < 0) return post_gone(std::strerror(errno));
      queued_ -= next.size();
      queue_.pop_front();
    }
  }

  void wait_write() {
    if (waiting_write_) return;
    waiting_write_ = true;
    loop_.at(loop_.now() + kHungAfter, [this, alive = alive_, turn = ++turn_] {
      if (*alive && waiting_write_ && turn == turn_) gone("hung: it takes no messages");
    });
    socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                       [this, alive = alive_](const std::error_code& error) {
                         if (!*alive || error) return;
                         waiting_write_ = false;
                         flush();
                       });
  }

  void wait_read() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this, alive = alive_](const std::error_code& error) {
                         if (!*alive || error) return;
                         receive(alive);
                       });
  }

  void receive(const std::shared_ptr<bool>& alive) {
    for (int i = 0; i < kReceivesPerWakeup; ++i) {
      const ssize_t size =
          ::recv(socket_.native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (size <= 0) return gone(size == 0 ? "the process ended" : std::strerror(errno));
      handler_.on_isa_message(ByteView(buffer_).first(static_cast<size_t>(size)));
      if (!*alive || gone_) return;
    }
    wait_read();
  }

  // Not from within send(): the caller must not be re-entered.
  void post_gone(std::string why) {
    if (gone_) return;
    loop_.at(loop_.now(), [this, alive = alive_, reason = std::move(why)] {
      if (*alive) gone(reason);
    });
  }

  void gone(const std::string& why) {
    if (gone_) return;
    gone_ = true;
    handler_.on_isa_gone(why);
  }

  Loop& loop_;
  asio::posix::stream_descriptor socket_;
  std::string name_;
  int keeper_;
  IsaHandler& handler_;
  Bytes buffer_;
  std::deque<Bytes> queue_;
  size_t queued_ = 0;  // bytes
  bool waiting_write_ = false;
  bool gone_ = false;
  uint64_t turn_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Packets that wait for an ISA which has no processor for a moment: 40 ms of a flood of 50 000 a
// second. Fewer than a freeze drains.
constexpr uint32_t kTunQueue = 2048;

struct Queues {
  FileDescriptor live;
  FileDescriptor detached;
};

Result<Queues> open_queues(ServicePlace& place, const std::string& name, uint16_t mtu) {
  auto live = open_tun_queue(place.where, name);
  if (!live) return tl::unexpected(live.error());
  auto kept = open_tun_queue(place.where, name);
  if (!kept) return tl::unexpected(kept.error());
  if (auto detached = detach_queue(*kept, name); !detached) return tl::unexpected(detached.error());
  // Nothing but what we route goes there: no addresses, solicitations or listener reports.
  const std::string folder6 = "net/ipv6/conf/" + name + "/";
  set_sysctl(place.where, folder6 + "addr_gen_mode", "1");
  set_sysctl(place.where, folder6 + "accept_ra", "0");
  set_sysctl(place.where, folder6 + "router_solicitations", "0");
  const unsigned device = place.netlink->device_index(name);
  if (auto sized = place.netlink->set_mtu(device, mtu); !sized)
    return tl::unexpected(sized.error());
  if (auto queue = place.netlink->set_queue_length(device, kTunQueue); !queue)
    return tl::unexpected(queue.error());
  if (auto up = place.netlink->up(device); !up) return tl::unexpected(up.error());
  set_sysctl(place.where, "net/ipv4/conf/" + name + "/rp_filter", "0");
  set_sysctl(place.where, "net/ipv4/conf/" + name + "/send_redirects", "0");
  return Queues{.live = std::move(*live), .detached = std::move(*kept)};
}

}  // namespace

std::string public_tun_name(const std::string& device) { return device + "pub"; }
std::string private_tun_name(const std::string& device) { return device + "prv"; }

// An ISA of a pool is named for its group: until that is active it is none of the pool's members.
static std::string name_of(const IsaSpec& spec) {
  const std::string id = fmt::format("{}/{}", spec.id.slot, spec.id.mda);
  return spec.device == fmt::format("isa{}-{}", spec.id.slot, spec.id.mda) ? id : spec.device;
}

Result<std::unique_ptr<Isa>> KeeperIsas::start(const IsaSpec& spec, IsaHandler& handler) {
  ServicePlace* outer = services_.find(spec.public_service);
  ServicePlace* inner = services_.find(spec.private_service);
  if (outer == nullptr || inner == nullptr) {
    return failure(fmt::format("isa {}/{}: its service is not there", spec.id.slot, spec.id.mda));
  }
  auto public_queues = open_queues(*outer, public_tun_name(spec.device), spec.mtu);
  if (!public_queues) return tl::unexpected(public_queues.error());
  auto private_queues = open_queues(*inner, private_tun_name(spec.device), spec.mtu);
  if (!private_queues) return tl::unexpected(private_queues.error());
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0) {
    return failure(fmt::format("isa socket: {}", std::strerror(errno)));
  }
  FileDescriptor ours(pair[0]);
  const FileDescriptor theirs(pair[1]);
  for (const int fd : pair) {
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBuffer, sizeof(kSocketBuffer));
  }
  const std::string name = name_of(spec);
  if (!send_to_keeper(keeper_socket_, KeeperMessage::SpawnIsa, as_bytes(name),
                      {theirs.get(), public_queues->live.get(), private_queues->live.get(),
                       public_queues->detached.get(), private_queues->detached.get()})) {
    return failure(fmt::format("isa {}: the keeper is gone", name));
  }
  return std::make_unique<IsaProcess>(loop_, std::move(ours), name, keeper_socket_, handler);
}

}  // namespace segw::platform::os
