#include "process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

namespace segw::lab {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr milliseconds kPatience{10000};

Result<ProcessId> spawn_shell(const std::string& script) {
  return spawn_detached({.argv = {"sh", "-c", script}, .output_file = "/dev/null"});
}

TEST(Process, RunGivesWhatWasWritten) {
  const auto output = run({"cat"}, {}, "two\nlines\n");
  ASSERT_TRUE(output) << output.error().text;
  EXPECT_EQ(*output, "two\nlines\n");
}

TEST(Process, RunNamesTheLastLineOfAFailure) {
  const auto output = run({"sh", "-c", "echo first >&2; echo why >&2; exit 3"});
  ASSERT_FALSE(output);
  EXPECT_THAT(output.error().text, HasSubstr("why"));
}

TEST(Process, AProgramThatIsNotThereIsAnErrorOfSpawn) {
  const auto spawned = spawn_detached({.argv = {"/nonexistent"}, .output_file = "/dev/null"});
  ASSERT_FALSE(spawned);
  EXPECT_THAT(spawned.error().text, HasSubstr("No such file"));
}

TEST(Process, FamilyHasDescendantsAndWhoWasLeftBehind) {
  const auto root = spawn_shell("sleep 1000 & (sleep 1000 & exec sleep 1000) & exec sleep 1000");
  ASSERT_TRUE(root) << root.error().text;
  const auto all_are_there = [&] { return family({*root}).size() == 4; };
  for (int i = 0; i < 1000 && !all_are_there(); ++i) (void)run({"true"});
  ASSERT_TRUE(all_are_there());
  signal_all({*root}, SIGKILL);
  ASSERT_TRUE(wait_for_end({*root}, kPatience));
  const auto left = family({*root});
  EXPECT_EQ(left.size(), 3U);
  signal_all(left, SIGKILL);
  EXPECT_TRUE(wait_for_end(left, kPatience));
  EXPECT_TRUE(family({*root}).empty());
}

TEST(Process, APidThatWasReusedIsNeverSignalled) {
  const auto mine = spawn_shell("exec sleep 1000");
  ASSERT_TRUE(mine) << mine.error().text;
  const ProcessId earlier{.pid = mine->pid, .start_ticks = mine->start_ticks - 1};
  signal_all({earlier}, SIGKILL);
  EXPECT_TRUE(wait_for_end({earlier}, kPatience));
  EXPECT_TRUE(family({earlier}).empty());
  EXPECT_TRUE(alive(*mine));
  signal_all({*mine}, SIGKILL);
  EXPECT_TRUE(wait_for_end({*mine}, kPatience));
  EXPECT_FALSE(alive(*mine));
}

}  // namespace
}  // namespace segw::lab
