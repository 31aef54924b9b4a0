#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/lexer.h"
#include "config/tree.h"

namespace segw::config {

// Reads MD-CLI text into a draft. It knows no feature: names, keys and values are the schema's.
//
//   text      = { statement }
//   statement = step { step } ( "{" { statement } "}" | value | ) end-of-line
//   step      = container | list first-key { key-name key }
//   value     = leaf VALUE | empty-leaf | leaf-list "[" { VALUE } "]" | leaf-list VALUE
//
// After an error the rest of the statement is passed over, with its block; a block under a refused
// list entry is still read, against the schema alone, so that its own errors are seen too.
class Reader {
 public:
  Reader(Draft& draft, std::string_view text) : draft_(draft), lexer_(text) {}
  void read();

 private:
  // Where a statement stands. `data` is null at the top and under a refused list entry.
  struct Place {
    const lysc_node* schema = nullptr;
    lyd_node* data = nullptr;
    std::string path;
    bool detached = false;  // checked against the schema, not stored
  };

  void block(const Place& place, const Token& open);
  void statement(Place place);
  std::optional<Place> enter(const Place& place, const lysc_node* child, const Token& name);
  Place enter_container(const Place& place, const lysc_node* child, const Token& name);
  std::optional<Place> enter_list(const Place& place, const lysc_node* list, const Token& name);
  std::optional<std::vector<std::string>> read_keys(const Place& place, const lysc_node* list,
                                                    bool& valid);
  void leaf(const Place& place, const lysc_node* leaf, const Token& name);
  void leaf_list(const Place& place, const lysc_node* list, const Token& name);
  void store_leaf(const Place& place, const lysc_node* leaf, const Token& value);
  void store_item(const Place& place, const lysc_node* list, const Token& value);
  bool check_value(const std::string& path, const lysc_node* leaf, const Token& value);
  void unknown_word(const Place& place, const Token& word);
  void end_of_statement(const Place& place);
  void refuse(const Token& at, const std::string& path, std::string text);
  void skip_statement(size_t depth = 0);
  void mark(const std::string& path, const Token& at, lyd_node* node);

  Draft& draft_;
  Lexer lexer_;
  bool end_reported_ = false;
};

}  // namespace segw::config
