// What a configuration says, value by value: to tell what another text would change.
#include "config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace segw::config {
namespace {

constexpr size_t kDifferencesMax = 10;

// Keys that chassis share: they are changed while segwd runs (redundancy rule 25).
bool is_shared_key(const lyd_node* leaf) {
  const std::string_view name = leaf->schema->name;
  if (name != "authentication-key" && name != "second-authentication-key") return false;
  const lyd_node* parent = lyd_parent(leaf);
  return parent != nullptr && std::string_view(parent->schema->name) == "peer";
}

// `each(path, value)` for every value, and for the place of each entry where order has a meaning.
void walk(const lyd_node* node, const std::function<void(std::string, std::string)>& each) {
  const lyd_node* child = nullptr;
  const lysc_node* list = nullptr;
  size_t place = 0;  // among those of one list
  LY_LIST_FOR(lyd_child(node), child) {
    place = child->schema == list ? place + 1 : 0;
    list = child->schema;
    const bool term = (child->schema->nodetype & LYD_NODE_TERM) != 0;
    if (term && is_shared_key(child)) continue;
    if (lysc_is_userordered(child->schema)) each(path_of(child) + "#", std::to_string(place));
    if (term) {
      each(path_of(child), lyd_get_value(child));
    } else {
      walk(child, each);
    }
  }
}

uint64_t hash(const std::string& text) { return std::hash<std::string>{}(text); }

const Setting* find(const Settings& settings, uint64_t path) {
  const auto at = std::ranges::lower_bound(settings, path, {}, &Setting::path);
  return at != settings.end() && at->path == path ? &*at : nullptr;
}

}  // namespace

Settings settings_of(const Tree& tree) {
  Settings settings;
  walk(tree.root, [&](const std::string& path, const std::string& value) {
    settings.push_back({.path = hash(path), .value = hash(value)});
  });
  std::ranges::sort(settings, {}, &Setting::path);
  return settings;
}

std::vector<std::string> differences(const Settings& running, const Loaded& fresh) {
  std::vector<std::string> found;
  size_t more = 0;
  const auto add = [&](std::string text) {
    if (found.size() < kDifferencesMax) {
      found.push_back(std::move(text));
    } else {
      ++more;
    }
  };
  walk(fresh.tree->root, [&](std::string path, const std::string& /*value*/) {
    const Setting* const before = find(running, hash(path));
    const Setting* const now = find(*fresh.settings, hash(path));
    if (before != nullptr && now != nullptr && before->value == now->value) return;
    if (path.ends_with('#')) path.pop_back();
    add(std::move(path));
  });
  const auto gone = std::ranges::count_if(running, [&](const Setting& setting) {
    return find(*fresh.settings, setting.path) == nullptr;
  });
  if (more > 0) found.push_back(fmt::format("{} more", more));
  if (gone > 0) found.push_back(fmt::format("{} that are there no more", gone));
  return found;
}

}  // namespace segw::config
