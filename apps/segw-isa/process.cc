#include "process.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.h"

namespace segw::isa_process {
namespace {

constexpr size_t kPacketMax = 65536;
constexpr size_t kReportsMax = 8192;
constexpr size_t kPuntsMax = 1024;  // strangers' messages leave room for what we have to say
constexpr int kControlPerTurn = 256;
constexpr int kTunBatchesPerTurn = 8;  // as many packets as control messages: neither starves
constexpr int kTickMs = 50;
constexpr int kDrainBatchesMax = 512;  // of a freeze: more than a TUN's queue holds

}  // namespace

void SystemRng::fill(MutableBytes out) {
  for (uint8_t& byte : out) {
    if (left_ == 0) {
      size_t got = 0;
      while (got < pool_.size()) {
        const ssize_t size = getrandom(pool_.data() + got, pool_.size() - got, 0);
        SEGW_ASSERT(size > 0 || errno == EINTR);
        if (size > 0) got += static_cast<size_t>(size);
      }
      left_ = pool_.size();
    }
    uint8_t& next = pool_[--left_];
    byte = next;
    next = 0;
  }
}

Process::Process(int control, int public_tun, int private_tun)
    : control_(control),
      public_tun_(public_tun),
      private_tun_(private_tun),
      engine_(rng_, esp::make_backend()),
      buffer_(kPacketMax) {}

Instant Process::now() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return Instant(std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec));
}

int Process::run() {
  while (true) {
    std::array<pollfd, 3> polled{{
        {.fd = control_,
         .events = static_cast<short>(reports_.empty() ? POLLIN : POLLIN | POLLOUT),
         .revents = 0},
        {.fd = public_tun_, .events = POLLIN, .revents = 0},
        {.fd = private_tun_, .events = POLLIN, .revents = 0},
    }};
    const int ready = ::poll(polled.data(), polled.size(), kTickMs);
    if (ready < 0 && errno != EINTR) return 1;
    if (polled[0].revents != 0 && !read_control()) return 0;
    if (polled[1].revents != 0) read_tun_batches(Tun::Public);
    if (polled[2].revents != 0) read_tun_batches(Tun::Private);
    // Somebody took the device away: segwd must not go on vouching for an ISA without a data path.
    if (device_gone_) return 1;
    isa::Output out;
    engine_.on_timer(now(), out);
    hand_on(out);
    flush_reports();
  }
}

bool Process::read_control() {
  for (int i = 0; i < kControlPerTurn; ++i) {
    const ssize_t size = ::recv(control_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (size <= 0) return false;
    on_control(ByteView(buffer_).first(static_cast<size_t>(size)));
  }
  return true;
}

void Process::on_control(ByteView bytes) {
  const auto message = isa::decode_to_isa(bytes);
  if (!message) return;  // segwd is of the same release: it cannot be, and must not end us
  // Redundancy rule 23: traffic was steered away before; what is still queued here is the last of
  // it.
  if (std::holds_alternative<isa::Freeze>(*message)) drain_tuns();
  isa::Output out;
  engine_.on_control(*message, now(), out);
  hand_on(out);
}

void Process::drain_tuns() {
  for (int i = 0; i < kDrainBatchesMax; ++i) {
    const bool more_public = read_tun(Tun::Public);
    const bool more_private = read_tun(Tun::Private);
    if (!more_public && !more_private) return;
  }
}

void Process::read_tun_batches(Tun tun) {
  for (int i = 0; i < kTunBatchesPerTurn; ++i) {
    if (!read_tun(tun)) return;
  }
}

bool Process::read_tun(Tun tun) {
  const int fd = tun == Tun::Public ? public_tun_ : private_tun_;
  std::vector<Bytes> batch;
  while (batch.size() < isa::kBatchMax) {
    const ssize_t size = ::read(fd, buffer_.data(), buffer_.size());
    if (size < 0 && errno == EBADFD) device_gone_ = true;
    if (size <= 0) break;
    batch.emplace_back(buffer_.begin(), buffer_.begin() + size);
  }
  if (batch.empty()) return false;
  isa::Output out;
  if (tun == Tun::Public) {
    engine_.on_public(batch, now(), out);
  } else {
    engine_.on_private(batch, now(), out);
  }
  hand_on(out);
  return true;
}

void Process::hand_on(isa::Output& out) {
  for (const Bytes& packet : out.to_public) write_tun(public_tun_, packet);
  for (const Bytes& packet : out.to_private) write_tun(private_tun_, packet);
  for (const isa::FromIsa& message : out.to_segwd) report(message);
}

void Process::write_tun(int fd, const Bytes& packet) {
  if (::write(fd, packet.data(), packet.size()) != static_cast<ssize_t>(packet.size())) {
    engine_.note_drop("tun-full");
  }
}

void Process::report(const isa::FromIsa& message) {
  const bool punt = std::holds_alternative<isa::PuntIke>(message);
  if (reports_.size() >= (punt ? kPuntsMax : kReportsMax)) {
    engine_.note_drop(punt ? "punt-queue-full" : "report-queue-full");
    return;
  }
  reports_.push_back(isa::encode(message));
  flush_reports();
}

void Process::flush_reports() {
  while (!reports_.empty()) {
    const Bytes& next = reports_.front();
    if (::send(control_, next.data(), next.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
    reports_.pop_front();
  }
}

}  // namespace segw::isa_process
