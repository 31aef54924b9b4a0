#pragma once

// The operator's socket: one line in, "<code>\n<text>" out.

#include <asio/local/stream_protocol.hpp>
#include <filesystem>
#include <functional>

#include "platform/linux/loop.h"

namespace segw::platform::os {

class ControlServer {
 public:
  using Reply = std::function<void(int code, std::string text)>;
  using Handler = std::function<void(std::string command, Reply reply)>;
  static Result<std::unique_ptr<ControlServer>> open(Loop& loop, const std::filesystem::path& path,
                                                     Handler handler);
  ~ControlServer();

 private:
  using Socket = asio::local::stream_protocol::socket;
  ControlServer(Loop& loop, std::filesystem::path path, Handler handler);
  void accept();

  std::filesystem::path path_;
  Handler handler_;
  asio::local::stream_protocol::acceptor acceptor_;
};

}  // namespace segw::platform::os
