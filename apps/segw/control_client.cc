#include "control_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace segw::app {
namespace {

constexpr size_t kReplyBytesMax = size_t{256} << 20U;  // ours to hold, however much segwd says

// A switchover that the peer leaves in doubt takes longest, and may take longer.
constexpr timeval kAnswerMax{.tv_sec = 10, .tv_usec = 0};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> system_failure(const std::string& what) {
  if (errno == EAGAIN) {
    return failure(fmt::format("segwd has not answered for {} s; it may still do what it was told",
                               kAnswerMax.tv_sec));
  }
  return failure(
      fmt::format("{}: {}", what, std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe)
}

Result<> connect_to(int fd, const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof(address.sun_path)) return failure(socket + ": the path is too long");
  std::memcpy(address.sun_path, socket.data(), socket.size());
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return {};
  if (errno == ENOENT || errno == ECONNREFUSED) return failure("no segwd listens on " + socket);
  return system_failure(socket);
}

Result<> send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return system_failure("sending the command");
    text.remove_prefix(static_cast<size_t>(sent));
  }
  if (::shutdown(fd, SHUT_WR) != 0) return system_failure("sending the command");
  return {};
}

Result<std::string> read_all(int fd) {
  std::string text;
  std::array<char, 16384> part{};
  while (text.size() <= kReplyBytesMax) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("reading the answer");
    text.append(part.data(), static_cast<size_t>(got));
  }
  return failure("the answer is too long");
}

}  // namespace

Result<Reply> ask(const std::string& socket, const std::string& command) {
  const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return system_failure("socket");
  // One that hangs (SIGSTOP, a disk that does not answer) is told from one that works.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerMax, sizeof(kAnswerMax));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kAnswerMax, sizeof(kAnswerMax));
  if (auto connected = connect_to(fd.get(), socket); !connected) {
    return tl::unexpected(connected.error());
  }
  if (auto sent = send_all(fd.get(), command + "\n"); !sent) return tl::unexpected(sent.error());
  const auto answer = read_all(fd.get());
  if (!answer) return tl::unexpected(answer.error());
  const size_t end = answer->find('\n');
  Reply reply;
  const char* begin = answer->data();
  if (end == std::string::npos ||
      std::from_chars(begin, begin + end, reply.code).ptr != begin + end) {
    return failure("segwd ended before it answered");
  }
  reply.text = answer->substr(end + 1);
  return reply;
}

}  // namespace segw::app
