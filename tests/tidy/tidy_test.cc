// The core takes time, randomness and the system only through platform.h. This reads its sources
// and says where one reaches past it. Comments and string literals do not count.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace segw {
namespace {

namespace fs = std::filesystem;

struct Forbidden {
  const char* pattern;
  const char* why;
};
constexpr std::array<Forbidden, 8> kForbidden = {{
    {R"(::now\s*\()", "time is given by platform.clock"},
    {R"(\b(rand|srand|random|drand48|arc4random)\s*\(|std::random_device|\bmt19937|RAND_bytes)",
     "randomness comes from platform.rng"},
    {R"(\b(secure_)?getenv\s*\()", "the environment is no input"},
    {R"(#\s*include\s*<(thread|mutex|shared_mutex|condition_variable|future|atomic|ctime)>)",
     "the core is one thread and has no clock"},
    {R"(#\s*include\s*<(sys|net|netinet|arpa|linux)/)", "system headers belong to platform/linux"},
    {R"(#\s*include\s*<(unistd|fcntl|poll|signal|time|pthread|dirent)\.h>)",
     "system headers belong to platform/linux"},
    {R"(\b(gettimeofday|clock_gettime|time)\s*\(\s*(NULL|nullptr|0|&)?\s*[,)])",
     "time is given by platform.clock"},
    {R"(\bthrow\s|\bthrow;)", "errors are values"},
}};

// What is real on purpose: the platform's Linux side, and the operator's programs.
bool is_core(const fs::path& path) {
  const std::string text = path.generic_string();
  return text.find("/src/platform/linux/") == std::string::npos;
}

std::string without_comments_and_literals(std::string line) {
  static const std::regex literal(R"re("(\\.|[^"\\])*")re");
  line = std::regex_replace(line, literal, "\"\"");
  const size_t comment = line.find("//");
  if (comment != std::string::npos) line.erase(comment);
  return line;
}

std::vector<fs::path> sources(const fs::path& below) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(below)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".cc" && path.extension() != ".h") continue;
    if (path.stem().string().ends_with("_test") || !is_core(path)) continue;
    found.push_back(path);
  }
  return found;
}

std::vector<std::string> offences(const fs::path& path) {
  static const std::vector<std::regex> patterns = [] {
    std::vector<std::regex> made;
    for (const Forbidden& one : kForbidden) made.emplace_back(one.pattern);
    return made;
  }();
  std::vector<std::string> found;
  std::ifstream in(path);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::string code = without_comments_and_literals(line);
    for (size_t i = 0; i < patterns.size(); ++i) {
      if (!std::regex_search(code, patterns[i])) continue;
      found.push_back(fmt::format("{}:{}: {}: {}", path.string(), number, kForbidden[i].why, line));
    }
  }
  return found;
}

TEST(Tidy, TheCoreReachesTheSystemOnlyThroughThePlatform) {
  std::string all;
  for (const fs::path& path : sources(fs::path(SEGW_SOURCE_DIR) / "src")) {
    for (const std::string& one : offences(path)) all += one + "\n";
  }
  EXPECT_EQ(all, "");
}

TEST(Tidy, TheSimulationIsDeterministicByTheSameRules) {
  std::string all;
  for (const fs::path& path : sources(fs::path(SEGW_SOURCE_DIR) / "sim")) {
    for (const std::string& one : offences(path)) all += one + "\n";
  }
  EXPECT_EQ(all, "");
}

TEST(Tidy, TheRulesFindWhatTheyForbid) {
  const fs::path file = fs::temp_directory_path() / "segw_tidy_test_sample.h";
  std::ofstream(file) << "#include <thread>\nauto t = std::chrono::steady_clock::now();\n"
                         "int r = rand();\n// now() in a comment\n";
  EXPECT_EQ(offences(file).size(), 3U);
  fs::remove(file);
}

}  // namespace
}  // namespace segw
