#include "config/tree.h"

#include <utility>

namespace segw::config {
namespace {

std::string step_of(const lyd_node* node) {
  if (node->schema->nodetype == LYS_LIST) {
    std::vector<std::pair<std::string, std::string>> keys;
    for (const lyd_node* key = lyd_child(node); key != nullptr && lysc_is_key(key->schema);
         key = key->next) {
      keys.emplace_back(key->schema->name, lyd_get_value(key));
    }
    return list_step(node->schema->name, keys);
  }
  if (node->schema->nodetype == LYS_LEAFLIST) {
    return list_step(node->schema->name, {{".", lyd_get_value(node)}});
  }
  return node->schema->name;
}

}  // namespace

std::string list_step(std::string_view name,
                      const std::vector<std::pair<std::string, std::string>>& keys) {
  std::string step(name);
  for (const auto& [key, value] : keys) {
    step += '[' + key + '=';
    for (const char c : value) {
      if (c == ']' || c == '\\') step += '\\';
      step += c;
    }
    step += ']';
  }
  return step;
}

std::string path_of(const lyd_node* node) {
  std::string path;
  for (; node != nullptr; node = lyd_parent(node)) path.insert(0, "/" + step_of(node));
  return path;
}

void Findings::add(ConfigError error) {
  if (errors_.size() > kErrorsMax) return;
  if (errors_.size() == kErrorsMax) {
    error = ConfigError{.line = 0, .column = 0, .path = "", .text = "and more errors"};
  }
  // The whole text's errors (line 0) come last.
  const auto place = std::pair(error.line - 1U, error.column);
  errors_.emplace(place, std::move(error));
}

ConfigErrors Findings::take() {
  ConfigErrors sorted;
  sorted.reserve(errors_.size());
  for (auto& [place, error] : errors_) sorted.push_back(std::move(error));
  errors_.clear();
  return sorted;
}

ConfigError Draft::placed(const std::string& path, std::string text) const {
  // Cutting at a slash inside a key's value only makes a path that no mark has.
  std::string ancestor = path;
  while (!ancestor.empty()) {
    const auto at = marks.find(ancestor);
    if (at != marks.end()) {
      return {.line = at->second.line,
              .column = at->second.column,
              .path = path,
              .text = std::move(text)};
    }
    const size_t slash = ancestor.rfind('/');
    ancestor.resize(slash == std::string::npos ? 0 : slash);
  }
  return {.line = 0, .column = 0, .path = path, .text = std::move(text)};
}

void Draft::refuse(const std::string& path, std::string text) {
  findings.add(placed(path, std::move(text)));
}

void Draft::warn(std::string_view event, const std::string& path, std::string text) {
  if (warnings.size() == kErrorsMax) return;
  warnings.push_back({.event = std::string(event), .what = placed(path, std::move(text))});
}

std::string text(const ConfigError& error) {
  std::string line;
  if (error.line != 0) {
    line = "line " + std::to_string(error.line) + ", column " + std::to_string(error.column) + ": ";
  }
  if (!error.path.empty()) line += error.path + ": ";
  return line + error.text;
}

}  // namespace segw::config
