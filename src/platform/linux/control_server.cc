#include "platform/linux/control_server.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

namespace segw::platform::os {
namespace {

constexpr size_t kCommandMax = 65536;
constexpr auto kCommandLimit = std::chrono::seconds(5);

struct Session : std::enable_shared_from_this<Session> {
  explicit Session(asio::local::stream_protocol::socket accepted)
      : socket(std::move(accepted)), limit(socket.get_executor()) {}

  void read(const ControlServer::Handler& handler) {
    limit.expires_after(kCommandLimit);
    limit.async_wait([self = shared_from_this()](const std::error_code& error) {
      std::error_code ignored;
      if (!error) self->socket.close(ignored);
    });
    asio::async_read_until(
        socket, asio::dynamic_buffer(command, kCommandMax), '\n',
        [self = shared_from_this(), handler](const std::error_code& error, size_t size) {
          self->limit.cancel();
          // A line, or what came before the client ended its side.
          if (error && error != asio::error::eof) return;
          std::string line = self->command.substr(0, error ? self->command.size() : size);
          while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
          handler(std::move(line), [self](int code, const std::string& text) {
            self->reply = fmt::format("{}\n{}", code, text);
            asio::async_write(self->socket, asio::buffer(self->reply),
                              [self](const std::error_code&, size_t) {});
          });
        });
  }

  asio::local::stream_protocol::socket socket;
  asio::steady_timer limit;
  std::string command;
  std::string reply;
};

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::open(Loop& loop,
                                                           const std::filesystem::path& path,
                                                           Handler handler) {
  std::error_code error;
  std::filesystem::remove(path, error);  // of an instance that was killed: we hold the lock
  std::unique_ptr<ControlServer> server(new ControlServer(loop, path, std::move(handler)));
  const asio::local::stream_protocol::endpoint endpoint(path.string());
  server->acceptor_.open(endpoint.protocol(), error);
  if (!error) server->acceptor_.bind(endpoint, error);
  if (!error) server->acceptor_.listen(8, error);
  if (error) return failure(fmt::format("control socket {}: {}", path.string(), error.message()));
  ::chmod(path.c_str(), S_IRUSR | S_IWUSR);
  server->accept();
  return server;
}

ControlServer::ControlServer(Loop& loop, std::filesystem::path path, Handler handler)
    : path_(std::move(path)), handler_(std::move(handler)), acceptor_(loop.io()) {}

ControlServer::~ControlServer() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void ControlServer::accept() {
  acceptor_.async_accept([this](const std::error_code& error, Socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) std::make_shared<Session>(std::move(socket))->read(handler_);
    accept();
  });
}

}  // namespace segw::platform::os
