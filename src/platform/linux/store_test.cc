#include "platform/linux/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace segw::platform::os {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "segw-store-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
  Loop loop_;
};

TEST_F(StoreTest, KeepsWhatWasWrittenForTheNextStart) {
  auto store = FolderStore::open(loop_, folder_);
  ASSERT_TRUE(store);
  std::optional<Result<void>> written;
  (*store)->write("identity", Bytes{1, 2, 3}, [&](const Result<void>& result) {
    written = result;
    loop_.stop();
  });
  loop_.run();
  ASSERT_TRUE(written && *written);
  store->reset();
  auto again = FolderStore::open(loop_, folder_);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->read("identity").value(), std::optional<Bytes>(Bytes{1, 2, 3}));
  EXPECT_EQ((*again)->read("nothing").value(), std::optional<Bytes>());
  struct stat info{};
  ASSERT_EQ(::stat((folder_ / "identity").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(StoreTest, RefusesASecondUserOfTheFolder) {
  const auto first = FolderStore::open(loop_, folder_);
  ASSERT_TRUE(first);
  const auto second = FolderStore::open(loop_, folder_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().text.find("another segwd"), std::string::npos);
}

// `--state /etc` by a slip of the pen must not lock everybody out of it.
TEST_F(StoreTest, RefusesAFolderThatOthersMayEnterAndLeavesItAsItIs) {
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  const auto refused = FolderStore::open(loop_, folder_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("chmod 700"), std::string::npos) << refused.error().text;
  struct stat info{};
  ASSERT_EQ(::stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755U);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(StoreTest, MakesNoFolder) {
  const auto refused = FolderStore::open(loop_, folder_ / "not" / "there");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("install -d"), std::string::npos) << refused.error().text;
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(StoreTest, RefusesNamesThatLeaveTheFolder) {
  const auto store = FolderStore::open(loop_, folder_);
  ASSERT_TRUE(store);
  for (const char* name : {"", "../x", "a/b", ".hidden", "A"}) {
    EXPECT_FALSE((*store)->read(name)) << name;
  }
}

}  // namespace
}  // namespace segw::platform::os
