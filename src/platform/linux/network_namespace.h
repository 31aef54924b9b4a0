#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "platform/linux/file_descriptor.h"

namespace segw::platform::os {

// A network namespace by its file descriptor.
class NetworkNamespace {
 public:
  static Result<NetworkNamespace> own();
  // /run/netns/NAME, made if it is missing.
  static Result<NetworkNamespace> named(const std::string& name);
  // One that another process handed over.
  static NetworkNamespace of(FileDescriptor fd) { return NetworkNamespace(std::move(fd)); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Runs `work` with this thread inside the namespace; the thread is back afterwards.
  void inside(const std::function<void()>& work) const;

 private:
  explicit NetworkNamespace(FileDescriptor fd) : fd_(std::move(fd)) {}
  FileDescriptor fd_;
};

// Whether this process may change our own namespace, and enter it again after it was in another.
[[nodiscard]] bool may_change_network();

// Takes the name away; the namespace goes with its last user.
void remove_named_namespace(const std::string& name);

}  // namespace segw::platform::os
