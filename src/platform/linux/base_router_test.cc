#include "platform/linux/base_router.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace segw::platform::os {
namespace {

class BaseRouter : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: the folder must be root's";
    std::string name = (std::filesystem::temp_directory_path() / "segw-run-XXXXXX").string();
    above_ = mkdtemp(name.data());
    folder_ = above_ / "opensegw";
  }
  void TearDown() override {
    if (!above_.empty()) std::filesystem::remove_all(above_);
  }
  std::filesystem::path above_;
  std::filesystem::path folder_;
};

TEST_F(BaseRouter, IsThereOnceInANetworkNamespaceAndFreeAgainAfterwards) {
  auto first = claim_base_router(folder_);
  ASSERT_TRUE(first) << first.error().text;
  const auto second = claim_base_router(folder_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().text, "another segwd runs in this network namespace");
  first->reset();
  EXPECT_TRUE(claim_base_router(folder_));
}

TEST_F(BaseRouter, NobodyElseCanTakeThePlace) {
  ASSERT_TRUE(claim_base_router(folder_));
  struct stat info{};
  ASSERT_EQ(::stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    ASSERT_EQ(::stat(file.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
  }
}

TEST_F(BaseRouter, AFolderThatOthersMayWriteToIsRefused) {
  const auto is_refused = [&] {
    const auto claimed = claim_base_router(folder_);
    return !claimed && claimed.error().text.find("others than root") != std::string::npos;
  };
  ASSERT_EQ(::mkdir(folder_.c_str(), 0700), 0);
  ASSERT_EQ(::chown(folder_.c_str(), 65534, 65534), 0);
  EXPECT_TRUE(is_refused());
  ASSERT_EQ(::chown(folder_.c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod(folder_.c_str(), 0777), 0);
  EXPECT_TRUE(is_refused());
  std::filesystem::remove(folder_);
  std::filesystem::create_directory_symlink("/tmp", folder_);
  EXPECT_FALSE(claim_base_router(folder_));
}

}  // namespace
}  // namespace segw::platform::os
