#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "config/tree.h"

namespace segw::config {

// A node of a draft, read by the builders. A child that is missing or was refused gives the empty
// value, so that building goes on and finds further errors; what is missing has been filed before.
class View {
 public:
  View(Draft& draft, const lyd_node* node, std::string path)
      : draft_(&draft), node_(node), path_(std::move(path)) {}
  static View root(Draft& draft) { return {draft, draft.tree->root, "/configure"}; }

  [[nodiscard]] bool exists() const { return node_ != nullptr; }
  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] View at(std::string_view name) const {
    return {*draft_, find(name), path_ + "/" + std::string(name)};
  }
  // List entries, or the values of a leaf-list, in the order in which they were written.
  [[nodiscard]] std::vector<View> each(std::string_view name) const {
    std::vector<View> found;
    for (const lyd_node* child = lyd_child(node_); child != nullptr; child = child->next) {
      if (name == child->schema->name) found.emplace_back(*draft_, child, path_of(child));
    }
    return found;
  }

  // It was written, with a value that could not be taken; that has been filed.
  [[nodiscard]] bool was_refused() const {
    return node_ == nullptr && draft_->marks.contains(path_);
  }
  [[nodiscard]] bool by_default() const {
    return node_ != nullptr && (node_->flags & LYD_DEFAULT) != 0;
  }
  [[nodiscard]] std::string value() const { return node_ == nullptr ? "" : lyd_get_value(node_); }
  [[nodiscard]] std::string text(std::string_view name) const { return at(name).value(); }
  [[nodiscard]] bool flag(std::string_view name) const { return text(name) == "true"; }
  [[nodiscard]] bool enabled() const { return text("admin-state") == "enable"; }

  template <typename Integer>
  [[nodiscard]] Integer number(std::string_view name) const {
    const std::string digits = text(name);
    Integer result{};
    std::from_chars(digits.data(), digits.data() + digits.size(), result);
    return result;
  }
  [[nodiscard]] std::optional<IpAddress> address(std::string_view name) const {
    const auto parsed = IpAddress::parse(text(name));
    return parsed ? std::optional(*parsed) : std::nullopt;
  }
  [[nodiscard]] std::optional<IpPrefix> prefix(std::string_view name) const {
    const auto parsed = IpPrefix::parse(text(name));
    return parsed ? std::optional(*parsed) : std::nullopt;
  }

  void refuse(std::string why) const { draft_->refuse(path_, std::move(why)); }
  // Accepted all the same; `event` is the name under which it is logged.
  void warn(std::string_view event, std::string why) const {
    draft_->warn(event, path_, std::move(why));
  }

 private:
  [[nodiscard]] const lyd_node* find(std::string_view name) const {
    for (const lyd_node* child = lyd_child(node_); child != nullptr; child = child->next) {
      if (name == child->schema->name) return child;
    }
    return nullptr;
  }

  Draft* draft_;
  const lyd_node* node_;
  std::string path_;
};

}  // namespace segw::config
