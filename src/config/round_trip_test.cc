#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "config/lexer.h"
#include "config/reader.h"

// Texts made from the schema alone, with every kind of node and value: what is read is printed, and
// what is printed is read as the same tree.

namespace segw::config {
namespace {

class TextMaker {
 public:
  TextMaker(const Schema& schema, uint32_t seed) : schema_(schema), random_(seed) {}

  std::string make() {
    block(schema_.child(nullptr, "configure"), "configure", 0);
    return std::move(text_);
  }

 private:
  bool chance(uint32_t percent) { return random_() % 100 < percent; }

  std::string number(const lysc_type* type) {
    const auto* range = reinterpret_cast<const lysc_type_num*>(type)->range;
    const uint64_t least = range == nullptr ? 0 : range->parts[0].min_u64;
    const uint64_t most = range == nullptr ? 255 : range->parts[0].max_u64;
    const uint64_t drawn = random_();
    return std::to_string(least + drawn % (most - least + 1));
  }

  std::string string(const lysc_type* type) {
    const std::string expected = expected_value(type);
    const auto drawn = static_cast<uint32_t>(random_());
    if (expected == "an IPv4 address") return IpAddress::v4(drawn).text();
    if (expected == "an IPv6 address") return fmt::format("2001:db8::{:x}", (drawn & 0xFFFU) + 1);
    if (expected.starts_with("an IPv4 prefix")) {
      return IpAddress::v4(drawn & 0xFFFF0000U).text() + "/16";
    }
    if (expected.starts_with("an IPv6 prefix")) {
      return fmt::format("2001:db8:{:x}::/48", drawn & 0xFFFFU);
    }
    if (expected.starts_with("the name of a file")) return fmt::format("file-{}.crt", drawn % 99);
    if (expected.starts_with("a slot")) return fmt::format("{}/{}", drawn % 9 + 1, drawn % 6 + 1);
    constexpr std::string_view kAlphabet = "ab1-.:/ \"\\{}[]#='\t";
    std::string value;
    const size_t size = 1 + drawn % 12;
    while (value.size() < size) value += kAlphabet[random_() % kAlphabet.size()];
    return value;
  }

  std::string value(const lysc_type* type) {
    switch (static_cast<int>(type->basetype)) {
      case LY_TYPE_LEAFREF:
        return value(reinterpret_cast<const lysc_type_leafref*>(type)->realtype);
      case LY_TYPE_BOOL:
        return chance(50) ? "true" : "false";
      case LY_TYPE_ENUM: {
        const auto* items = reinterpret_cast<const lysc_type_enum*>(type)->enums;
        return items[random_() % LY_ARRAY_COUNT(items)].name;
      }
      case LY_TYPE_UNION: {
        auto* const* types = reinterpret_cast<const lysc_type_union*>(type)->types;
        return value(types[random_() % LY_ARRAY_COUNT(types)]);
      }
      case LY_TYPE_STRING:
        return string(type);
      default:
        return number(type);
    }
  }

  void line(size_t depth, const std::string& content) {
    text_ += std::string(depth, ' ') + content + (chance(10) ? "  # said why\n" : "\n");
  }

  void leaf_list(const lysc_node* node, size_t depth) {
    std::string values;
    const size_t count = random_() % 4;
    for (size_t i = 0; i < count; ++i) values += " " + quote(value(type_of(node)));
    line(depth, fmt::format("{} [{} ]", node->name, values));
  }

  void list(const lysc_node* node, size_t depth) {
    const size_t count = random_() % 3;
    for (size_t i = 0; i < count; ++i) {
      std::string head = node->name;
      bool first = true;
      for (const lysc_node* key : keys_of(node)) {
        if (!first) head += std::string(" ") + key->name;
        head += " " + quote(value(type_of(key)));
        first = false;
      }
      block(node, head, depth);
    }
  }

  void child(const lysc_node* node, size_t depth) {
    if (lysc_is_key(node) || !chance(60)) return;
    switch (node->nodetype) {
      case LYS_LEAF:
        if (is_secret(node)) return;  // printed hidden, see load_test.cc
        if (type_of(node)->basetype == LY_TYPE_EMPTY) return line(depth, node->name);
        return line(depth, std::string(node->name) + " " + quote(value(type_of(node))));
      case LYS_LEAFLIST:
        return leaf_list(node, depth);
      case LYS_LIST:
        return list(node, depth);
      default:
        return block(node, node->name, depth);
    }
  }

  void block(const lysc_node* node, const std::string& head, size_t depth) {
    line(depth, head + " {");
    for (const lysc_node* inner : schema_.children(node)) child(inner, depth + 1);
    line(depth, "}");
  }

  const Schema& schema_;
  std::mt19937 random_;
  std::string text_;
};

std::string all(const ConfigErrors& errors) {
  std::string lines;
  for (const ConfigError& error : errors) lines += text(error) + "\n";
  return lines;
}

// Two entries of a generated list may happen to have one key and then two values for a leaf: such
// texts are refused with exactly that error and tell nothing here.
bool only_doubles(const ConfigErrors& errors) {
  for (const ConfigError& error : errors) {
    if (error.text.find("already set to another value") == std::string::npos) return false;
  }
  return true;
}

TEST(RoundTrip, OfGeneratedTreesGivesTheSameTree) {
  const auto schema = make_schema();
  size_t compared = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    const std::string made = TextMaker(*schema, seed).make();
    Draft first(schema);
    Reader(first, made).read();
    const ConfigErrors errors = first.findings.take();
    ASSERT_TRUE(only_doubles(errors)) << "seed " << seed << "\n" << all(errors) << made;
    if (!errors.empty()) continue;
    const std::string printed = info(*first.tree);
    Draft second(schema);
    Reader(second, printed).read();
    ASSERT_TRUE(second.findings.empty()) << all(second.findings.take()) << printed;
    EXPECT_EQ(info(*second.tree), printed) << "seed " << seed;
    EXPECT_TRUE(same(*first.tree, *second.tree)) << "seed " << seed << "\n" << made << printed;
    ++compared;
  }
  EXPECT_GE(compared, 150U);
}

TEST(RoundTrip, OfOneLinePerLeafGivesTheSameTree) {
  const auto schema = make_schema();
  Draft nested(schema);
  Reader(nested,
         "configure { service { vprn \"V {1}\" { service-id 7\n"
         "static-routes { route 10.0.0.0/8 route-type unicast { next-hop 10.1.1.1 { } } } } } }")
      .read();
  Draft flat(schema);
  Reader(flat,
         "configure service vprn \"V {1}\" service-id 7\n"
         "configure service vprn \"V {1}\" static-routes route 10.0.0.0/8 route-type unicast "
         "next-hop 10.1.1.1\n")
      .read();
  ASSERT_TRUE(nested.findings.empty()) << all(nested.findings.take());
  ASSERT_TRUE(flat.findings.empty()) << all(flat.findings.take());
  EXPECT_TRUE(same(*nested.tree, *flat.tree));
}

}  // namespace
}  // namespace segw::config
