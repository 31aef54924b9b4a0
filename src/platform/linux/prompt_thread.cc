#include "platform/linux/prompt_thread.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/ip/udp.hpp>
#include <asio/post.hpp>
#include <csignal>
#include <cstring>
#include <future>

#include "platform/linux/addresses.h"

namespace segw::platform::os {
namespace {

using Udp = asio::ip::udp;
constexpr size_t kDatagramMax = 512;  // bytes; what BFD sends has at most 52
// A flood must not take the processor away from the chassis' loop: so many datagrams, then a rest.
constexpr int kReceivesPerWakeup = 64;
constexpr Duration kRest = std::chrono::milliseconds(1);
constexpr int kTtl = 255;
constexpr int kControlClass = 0xC0;  // DSCP CS6: network control
constexpr int kRealTimePriority = 10;
constexpr int kNicest = -20;

class HopSocket final : public DatagramSocket {
 public:
  HopSocket(Loop& loop, HopDatagrams::Handler handler)
      : loop_(loop), socket_(loop.io()), handler_(std::move(handler)) {}
  ~HopSocket() override { *alive_ = false; }

  std::error_code bind(const Endpoint& local) {
    std::error_code error;
    const Udp::endpoint endpoint(to_asio(local.address), local.port);
    if (socket_.open(endpoint.protocol(), error)) return error;
    const bool v4 = local.address.is_v4();
    const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    const bool set = option(SOL_SOCKET, SO_REUSEADDR, 1) &&
                     option(level, v4 ? IP_TTL : IPV6_UNICAST_HOPS, kTtl) &&
                     option(level, v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1) &&
                     option(level, v4 ? IP_TOS : IPV6_TCLASS, kControlClass);
    if (!set) return {errno, std::system_category()};
    if (socket_.bind(endpoint, error)) return error;
    if (socket_.non_blocking(true, error)) return error;
    wait();
    return {};
  }

  void send(const Endpoint& to, ByteView bytes) override {
    std::error_code ignored;
    socket_.send_to(asio::buffer(bytes.data(), bytes.size()),
                    Udp::endpoint(to_asio(to.address), to.port), 0, ignored);
  }

 private:
  bool option(int level, int name, int value) {
    return ::setsockopt(socket_.native_handle(), level, name, &value, sizeof(value)) == 0;
  }

  void wait() {
    socket_.async_wait(Udp::socket::wait_read,
                       [this, alive = alive_](const std::error_code& error) {
                         if (!*alive || error) return;
                         receive(alive);
                       });
  }

  void receive(const std::shared_ptr<bool>& alive) {
    int count = 0;
    while (count < kReceivesPerWakeup && *alive && receive_one()) ++count;
    if (!*alive) return;
    if (count < kReceivesPerWakeup) return wait();
    loop_.at(loop_.now() + kRest, [this, alive] {
      if (*alive) wait();
    });
  }

  // False: there is none.
  bool receive_one() {
    Udp::endpoint from;
    iovec part{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
    alignas(cmsghdr) std::array<char, 2 * CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_name = from.data();
    message.msg_namelen = static_cast<socklen_t>(from.capacity());
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(socket_.native_handle(), &message, 0);
    // An ICMP error of an earlier send shows up here once; it is not the socket's end.
    if (size < 0) return errno != EAGAIN && errno != EWOULDBLOCK;
    from.resize(message.msg_namelen);
    handler_(Endpoint{.address = from_asio(from.address()), .port = from.port()}, ttl_of(message),
             ByteView(buffer_).first(static_cast<size_t>(size)));
    return true;
  }

  // 0: not told.
  static uint8_t ttl_of(msghdr& message) {
    for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
      const bool v4 = at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TTL;
      const bool v6 = at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_HOPLIMIT;
      if (!v4 && !v6) continue;
      int ttl = 0;
      std::memcpy(&ttl, CMSG_DATA(at), sizeof(ttl));
      return static_cast<uint8_t>(ttl);
    }
    return 0;
  }

  Loop& loop_;
  Udp::socket socket_;
  HopDatagrams::Handler handler_;
  std::array<uint8_t, kDatagramMax> buffer_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Of the calling thread.
std::string schedule_promptly() {
  sched_param param{};
  param.sched_priority = kRealTimePriority;
  if (pthread_setschedparam(pthread_self(), SCHED_RR, &param) == 0) {
    return fmt::format("round-robin, priority {}", kRealTimePriority);
  }
  if (setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNicest) == 0) {
    return fmt::format("nice {}", kNicest);
  }
  return "like any other process";
}

}  // namespace

Result<std::unique_ptr<DatagramSocket>> HopSockets::open(const Endpoint& local, Handler handler) {
  auto socket = std::make_unique<HopSocket>(loop_, std::move(handler));
  if (const auto error = socket->bind(local)) {
    return failure(fmt::format("UDP {}: {}", local.text(), error.message()));
  }
  return socket;
}

PromptThread::PromptThread(Loop& chassis) : chassis_(chassis) {
  // Signals are the chassis' loop's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { serve(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  run([this](Prompt&) { scheduling_ = schedule_promptly(); });
}

PromptThread::~PromptThread() {
  loop_.stop();
  thread_.join();
}

void PromptThread::serve() { loop_.run(); }

void PromptThread::run(const std::function<void(Prompt& prompt)>& job) {
  const auto done = std::make_shared<std::promise<void>>();
  asio::post(loop_.io(), [this, &job, done] {
    job(prompt_);
    done->set_value();
  });
  done->get_future().wait();
}

void PromptThread::tell(Callback news) {
  asio::post(chassis_.io(), [alive = std::weak_ptr<bool>(alive_), told = std::move(news)] {
    if (!alive.expired()) told();
  });
}

}  // namespace segw::platform::os
