#pragma once

#include <libyang/libyang.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/load.h"
#include "config/schema.h"

namespace segw::config {

// The configuration as a libyang data tree, which it owns.
class Tree {
 public:
  explicit Tree(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {}
  ~Tree() { lyd_free_all(root); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  [[nodiscard]] const Schema& schema() const { return *schema_; }

  lyd_node* root = nullptr;

 private:
  std::shared_ptr<const Schema> schema_;
};

// Where a node was written. `node` is null where its value was refused.
struct Mark {
  unsigned line = 0, column = 0;
  lyd_node* node = nullptr;
};
using Marks = std::map<std::string, Mark, std::less<>>;

// Errors by their place in the text, those of one place in the order in which they were found;
// bounded.
class Findings {
 public:
  void add(ConfigError error);
  [[nodiscard]] ConfigErrors take();
  [[nodiscard]] bool empty() const { return errors_.empty(); }

 private:
  std::multimap<std::pair<unsigned, unsigned>, ConfigError> errors_;
};

// A configuration while it is read and checked.
struct Draft {
  explicit Draft(const std::shared_ptr<const Schema>& schema)
      : tree(std::make_shared<Tree>(schema)) {}
  std::shared_ptr<Tree> tree;
  Marks marks;
  Findings findings;
  ConfigWarnings warnings;

  // Files an error at the place where `path` or its nearest written ancestor stands.
  void refuse(const std::string& path, std::string text);
  void warn(std::string_view event, const std::string& path, std::string text);

 private:
  [[nodiscard]] ConfigError placed(const std::string& path, std::string text) const;
};

// /configure/isa/tunnel-group[id=1]; characters of a key that would be ambiguous are escaped.
[[nodiscard]] std::string path_of(const lyd_node* node);
[[nodiscard]] std::string list_step(std::string_view name,
                                    const std::vector<std::pair<std::string, std::string>>& keys);

}  // namespace segw::config
