// Chassis that are configured otherwise tell each other where.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Result = ConfigComparison::Result;

using Values = std::map<std::string, uint64_t>;  // of a part's settings, by path

ConfigPart part(const std::string& path, const Values& values) {
  uint64_t digest = 0;
  for (const auto& [name, value] : values) digest = 31 * digest + value;
  return {.path = path, .digest = digest, .settings = [values] {
            std::vector<ConfigSetting> settings;
            for (const auto& [name, value] : values) {
              settings.push_back({.path = name, .digest = value});
            }
            return settings;
          }};
}

// `count` parts of one setting each.
std::vector<ConfigPart> many(size_t count) {
  std::vector<ConfigPart> parts;
  parts.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const std::string path = fmt::format("part[{:05}]", i);
    parts.push_back(part(path, {{path + "/value", i}}));
  }
  return parts;
}

TEST(ConfigExchange, EqualConfigurationsNeedOneMessageOfEachSide) {
  Pair pair;
  pair.a.config = SharedConfig(many(3));
  pair.b.config = SharedConfig(many(3));
  pair.boot();
  pair.run(1s);
  EXPECT_EQ(pair.a.config_of_peer().result, Result::Equal);
  EXPECT_EQ(pair.b.config_of_peer().result, Result::Equal);
  EXPECT_EQ(pair.a.configs_compared, 1);
  EXPECT_EQ(pair.sent(low(), pb::Group::kConfigDigest), 1U);
  EXPECT_EQ(pair.sent(low(), pb::Group::kConfigAsk), 0U);
}

TEST(ConfigExchange, BothSidesNameWhatDiffersAndWhatOnlyOneHas) {
  Pair pair;
  pair.a.config = SharedConfig({part("one", {{"one/x", 1}, {"one/y", 2}, {"one/z", 3}}),
                                part("same", {{"same/x", 1}}), part("two", {{"two/x", 1}})});
  pair.b.config = SharedConfig({part("one", {{"one/w", 3}, {"one/x", 1}, {"one/y", 7}}),
                                part("same", {{"same/x", 1}}), part("three", {{"three/x", 1}})});
  pair.boot();
  pair.run(1s);
  const ConfigComparison& at_a = pair.a.config_of_peer();
  EXPECT_EQ(at_a.result, Result::Differs);
  EXPECT_THAT(at_a.paths, ElementsAre("one/w (only at the peer)", "one/y", "one/z (only here)",
                                      "three (only at the peer)", "two (only here)"));
  EXPECT_FALSE(at_a.more);
  EXPECT_THAT(pair.b.config_of_peer().paths,
              ElementsAre("one/w (only here)", "one/y", "one/z (only at the peer)",
                          "three (only here)", "two (only at the peer)"));
}

TEST(ConfigExchange, ManyPartsGoPageByPageAndOneThatDiffersIsFoundAtTheEnd) {
  Pair pair;
  auto parts = many(5000);
  pair.a.config = SharedConfig(parts);
  parts.back() = part("part[04999]", {{"part[04999]/value", 77}});
  pair.b.config = SharedConfig(parts);
  pair.boot();
  pair.run(1s);
  EXPECT_THAT(pair.a.config_of_peer().paths, ElementsAre("part[04999]/value"));
  EXPECT_EQ(pair.sent(high(), pb::Group::kConfigParts), 5U);
}

TEST(ConfigExchange, NoMoreAreAskedForThanAreNamed) {
  Pair pair;
  auto parts = many(3000);
  pair.a.config = SharedConfig(parts);
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i] = part(parts[i].path, {{parts[i].path + "/value", i + 1}});
  }
  pair.b.config = SharedConfig(parts);
  pair.boot();
  pair.run(1s);
  EXPECT_THAT(pair.a.config_of_peer().paths, SizeIs(kDifferencesMax));
  EXPECT_TRUE(pair.a.config_of_peer().more);
  EXPECT_LE(pair.sent(low(), pb::Group::kConfigAsk), kDifferencesMax + 2);
}

TEST(ConfigExchange, WhatWasKnownStaysUntilTheNextSessionSaysOtherwise) {
  Pair pair;
  pair.a.config = SharedConfig(many(3));
  pair.b.config = SharedConfig(many(2));
  pair.boot();
  pair.run(1s);
  ASSERT_EQ(pair.a.config_of_peer().result, Result::Differs);
  pair.b.crash();
  pair.run(1s);
  EXPECT_EQ(pair.a.config_of_peer().result, Result::Differs);
  pair.b.config = SharedConfig(many(3));
  pair.b.boot();
  pair.run(5s);
  EXPECT_EQ(pair.a.config_of_peer().result, Result::Equal);
  EXPECT_THAT(pair.a.config_of_peer().paths, IsEmpty());
  EXPECT_EQ(pair.a.configs_compared, 2);
}

TEST(ConfigExchange, OfAPeerThatDoesNotTellNothingIsKnown) {
  RawPair pair;
  pair.settle();
  EXPECT_EQ(pair.node.config_of_peer().result, Result::Unknown);
}

// A peer's word goes to the operator's terminal, and may come in any order or without end.
TEST(ConfigExchange, AHostilePeersWordIsBoundedAndPrintable) {
  RawPair pair;
  pair.settle();
  const auto say_digest = [&] {
    pb::Group message;
    message.mutable_config_digest()->set_digest(99);
    pair.say(message);
  };
  const auto say_parts = [&](const std::vector<std::string>& paths, bool last) {
    pb::Group message;
    for (const std::string& path : paths)
      message.mutable_config_parts()->add_entries()->set_path(path);
    message.mutable_config_parts()->set_last(last);
    pair.say(message);
  };
  say_parts({"a"}, true);
  EXPECT_EQ(pair.node.count("config-parts-unasked"), 1U) << "nothing was asked";
  say_digest();
  say_parts({}, false);
  say_parts({"b", "a"}, true);
  say_parts({"a", "a"}, true);
  say_parts({""}, true);
  EXPECT_EQ(pair.node.count("config-parts-unasked"), 5U);
  EXPECT_EQ(pair.node.config_of_peer().result, Result::Unknown);
  std::vector<std::string> paths{"\x1b[2J" + std::string(1000, 'x')};
  for (int i = 0; i < 100; ++i) paths.push_back(fmt::format("path{:03}", i));
  say_parts(paths, true);
  const ConfigComparison& found = pair.node.config_of_peer();
  EXPECT_THAT(found.paths, SizeIs(kDifferencesMax));
  EXPECT_TRUE(found.more);
  EXPECT_THAT(found.paths.front(), StartsWith("?[2Jxx"));
  EXPECT_LT(found.paths.front().size(), 300U);
}

TEST(ConfigExchange, SettingsThatWereNotAskedForAreDropped) {
  RawPair pair;
  pair.node.config = SharedConfig({part("one", {{"one/x", 1}})});
  pair.settle();
  pb::Group settings;
  settings.mutable_config_settings()->set_part("one");
  pair.say(settings);
  EXPECT_EQ(pair.node.count("config-settings-unasked"), 1U);
  // As many as a part has, and no answer to what is not there.
  pb::Group ask;
  ask.mutable_config_ask()->set_part("none");
  pair.say(ask);
  EXPECT_EQ(pair.raw.last(pb::Group::kConfigSettings)->config_settings().entries_size(), 0);
  ask.mutable_config_ask()->set_part("one");
  pair.say(ask);
  const auto told = pair.raw.last(pb::Group::kConfigSettings);
  ASSERT_EQ(told->config_settings().entries_size(), 1);
  EXPECT_EQ(told->config_settings().entries(0).path(), "one/x");
}

TEST(ConfigExchange, AQuestionThatItsAnswerWouldRepeatAtLengthIsDropped) {
  RawPair pair;
  pair.settle();
  pb::Group ask;
  ask.mutable_config_ask()->set_part(std::string(1025, 'x'));
  pair.say(ask);
  ask.mutable_config_ask()->clear_part();
  ask.mutable_config_ask()->set_after(std::string(kFrameMax - 1000, 'x'));
  pair.say(ask);
  EXPECT_EQ(pair.node.count("config-ask-dropped"), 2U);
  EXPECT_FALSE(pair.raw.last(pb::Group::kConfigSettings));
  EXPECT_FALSE(pair.raw.last(pb::Group::kConfigParts));
  EXPECT_TRUE(pair.node.link().connected());
}

// Digests that differ where no setting does, as in more settings than are told: the part is named.
TEST(ConfigExchange, APartWhoseSettingsAreEqualIsNamedItself) {
  Pair pair;
  ConfigPart one = part("one", {{"one/x", 1}});
  pair.a.config = SharedConfig({one});
  one.digest = 5;
  pair.b.config = SharedConfig({one});
  pair.boot();
  pair.run(1s);
  EXPECT_THAT(pair.a.config_of_peer().paths, ElementsAre("one"));
}

}  // namespace
}  // namespace segw::mcs::testing
