#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "platform/linux/file_descriptor.h"
#include "platform/linux/loop.h"

namespace segw::platform::os {

// The state folder. One worker thread does the writes, so that the loop never waits for the disk.
class FolderStore final : public Store {
 public:
  // Error: the folder cannot be made, or another segwd uses it.
  static Result<std::unique_ptr<FolderStore>> open(Loop& loop, const std::filesystem::path& folder);
  ~FolderStore() override;

  Result<std::optional<Bytes>> read(std::string_view name) override;
  void write(std::string_view name, Bytes contents,
             std::function<void(Result<void>)> done) override;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  struct Job {
    std::string name;
    Bytes contents;
    std::function<void(Result<void>)> done;
  };
  FolderStore(Loop& loop, std::filesystem::path folder, FileDescriptor lock);
  void work();
  [[nodiscard]] Result<void> write_now(const Job& job) const;

  Loop& loop_;
  std::filesystem::path folder_;
  FileDescriptor lock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread worker_;
};

}  // namespace segw::platform::os
