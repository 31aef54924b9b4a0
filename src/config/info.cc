#include <cstdlib>

#include "config/lexer.h"
#include "config/tree.h"

// The tree as MD-CLI text: the inverse of reader.h.

namespace segw::config {
namespace {

constexpr size_t kIndent = 4;

class Printer {
 public:
  void node(const lyd_node* node, size_t depth) {
    switch (node->schema->nodetype) {
      case LYS_LEAF:
        leaf(node, depth);
        break;
      case LYS_LEAFLIST:
        leaf_list(node, depth);
        break;
      case LYS_LIST:
        block(node, list_head(node), depth);
        break;
      default:
        block(node, node->schema->name, depth);
        break;
    }
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void line(size_t depth, const std::string& content) {
    text_.append(depth * kIndent, ' ').append(content) += '\n';
  }

  void leaf(const lyd_node* node, size_t depth) {
    const std::string name = node->schema->name;
    if (type_of(node->schema)->basetype == LY_TYPE_EMPTY) return line(depth, name);
    if (is_secret(node->schema)) {
      return line(depth, name + " \"" + lyd_get_value(node) + "\" hidden");
    }
    line(depth, name + " " + quote(lyd_get_value(node)));
  }

  // All values on one line, printed at the first of them.
  void leaf_list(const lyd_node* node, size_t depth) {
    for (const lyd_node* before = node; before->prev->next != nullptr;) {
      before = before->prev;
      if (before->schema == node->schema) return;
    }
    std::string values;
    for (const lyd_node* item = node; item != nullptr; item = item->next) {
      if (item->schema != node->schema) continue;
      if (!values.empty()) values += ' ';
      values += quote(lyd_get_value(item));
    }
    line(depth, std::string(node->schema->name) + " [" + values + "]");
  }

  static std::string list_head(const lyd_node* node) {
    std::string head = node->schema->name;
    bool first = true;
    for (const lyd_node* key = lyd_child(node); key != nullptr && lysc_is_key(key->schema);
         key = key->next) {
      if (!first) head += std::string(" ") + key->schema->name;
      head += " " + quote(lyd_get_value(key));
      first = false;
    }
    return head;
  }

  static bool shown(const lyd_node* node) {
    if (lysc_is_key(node->schema)) return false;
    const bool term = (node->schema->nodetype & LYD_NODE_TERM) != 0;
    return !term || lyd_is_default(node) == 0;
  }

  void block(const lyd_node* node, const std::string& head, size_t depth) {
    const bool presence =
        node->schema->nodetype == LYS_LIST || (node->schema->flags & LYS_PRESENCE) != 0;
    const size_t before = text_.size();
    line(depth, head + " {");
    const size_t opened = text_.size();
    const lyd_node* child = nullptr;
    LY_LIST_FOR(lyd_child(node), child) {
      if (shown(child)) this->node(child, depth + 1);
    }
    if (text_.size() == opened && !presence && depth != 0) {
      text_.resize(before);  // nothing but defaults inside
      return;
    }
    line(depth, "}");
  }

  std::string text_;
};

bool is_named(const lyd_node* node, std::string_view name) { return node->schema->name == name; }

std::string print_json(const lyd_node* node, uint32_t options) {
  char* text = nullptr;
  (void)lyd_print_mem(&text, node, LYD_JSON, options);
  std::string result = text == nullptr ? "{}" : text;
  std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): libyang's
  return result;
}

}  // namespace

std::string info(const Tree& tree) {
  Printer printer;
  printer.node(tree.root, 0);
  return printer.take();
}

std::string info_json(const Tree& tree) { return print_json(tree.root, LYD_PRINT_WD_TRIM); }

std::vector<std::string> ipsec_entries_json(const Tree& tree, std::string_view list) {
  std::vector<std::string> entries;
  const lyd_node* parent = nullptr;
  const lyd_node* each = nullptr;
  LY_LIST_FOR(lyd_child(tree.root), each) {
    if (is_named(each, "ipsec")) parent = each;
  }
  LY_LIST_FOR(lyd_child(parent), each) {
    if (is_named(each, list)) entries.push_back(print_json(each, LYD_PRINT_WD_ALL));
  }
  return entries;
}

// By the printed text: it leaves out containers in which only defaults are written.
bool same(const Tree& a, const Tree& b) { return info(a) == info(b); }

}  // namespace segw::config
