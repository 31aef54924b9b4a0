#include "config/validate.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace segw::config {
namespace {

uint32_t max_entries(const lysc_node* node) {
  if (node->nodetype == LYS_LIST) return reinterpret_cast<const lysc_node_list*>(node)->max;
  return reinterpret_cast<const lysc_node_leaflist*>(node)->max;
}

bool must_exist(const lysc_type* type) {
  return type->basetype == LY_TYPE_LEAFREF &&
         reinterpret_cast<const lysc_type_leafref*>(type)->require_instance != 0;
}

class Validator {
 public:
  explicit Validator(Draft& draft) : draft_(draft) {}

  void check(const lyd_node* node) {
    if (node->schema->nodetype == LYS_LEAF || node->schema->nodetype == LYS_LEAFLIST) {
      check_reference(node);
      return;
    }
    for (const lysc_node* child : draft_.tree->schema().children(node->schema)) {
      check_presence(node, child);
    }
    check_choices(node);
    const lyd_node* child = nullptr;
    LY_LIST_FOR(lyd_child(node), child) check(child);
  }

 private:
  static size_t count(const lyd_node* parent, const lysc_node* schema) {
    size_t found = 0;
    const lyd_node* child = nullptr;
    LY_LIST_FOR(lyd_child(parent), child) {
      if (child->schema == schema) ++found;
    }
    return found;
  }

  void check_presence(const lyd_node* parent, const lysc_node* child) {
    const std::string path = path_of(parent) + "/" + child->name;
    if (child->nodetype == LYS_LEAF) {
      const bool mandatory = (child->flags & LYS_MAND_TRUE) != 0 && !lysc_is_key(child);
      // A marked leaf was written, with a value that has been refused already.
      if (mandatory && count(parent, child) == 0 && !draft_.marks.contains(path)) {
        draft_.refuse(path, "is missing and must be set");
      }
      return;
    }
    if (child->nodetype != LYS_LIST && child->nodetype != LYS_LEAFLIST) return;
    const uint32_t most = max_entries(child);
    const size_t found = count(parent, child);
    if (most != 0 && found > most) {
      draft_.refuse(path, fmt::format("{} entries, at most {} are possible", found, most));
    }
  }

  // One case of a choice only.
  void check_choices(const lyd_node* parent) {
    const lyd_node* child = nullptr;
    LY_LIST_FOR(lyd_child(parent), child) {
      if (child->schema->parent == nullptr || child->schema->parent->nodetype != LYS_CASE) continue;
      const lyd_node* before = nullptr;
      LY_LIST_FOR(lyd_child(parent), before) {
        if (before == child) break;
        if (!exclude_each_other(before->schema, child->schema)) continue;
        draft_.refuse(path_of(child),
                      fmt::format("excludes {}, which is set too", before->schema->name));
      }
    }
  }

  static bool exclude_each_other(const lysc_node* a, const lysc_node* b) {
    const lysc_node* case_a = a->parent;
    const lysc_node* case_b = b->parent;
    return case_a != case_b && case_a->nodetype == LYS_CASE && case_b->nodetype == LYS_CASE &&
           case_a->parent == case_b->parent;
  }

  void check_reference(const lyd_node* node) {
    const lysc_type* type = type_of(node->schema);
    if (!must_exist(type)) return;
    const std::string value = lyd_get_value(node);
    const LY_ERR checked = lyd_value_validate(draft_.tree->schema().context(), node->schema,
                                              value.data(), value.size(), node, nullptr, nullptr);
    if (checked == LY_SUCCESS) return;
    (void)draft_.tree->schema().take_last_error();
    draft_.refuse(path_of(node), fmt::format("{} \"{}\" does not exist", what(node), value));
  }

  // What the reference is to: the name of the list entry whose key it must equal.
  static std::string what(const lyd_node* node) {
    const std::string_view name = node->schema->name;
    return name == "id" ? lyd_parent(node)->schema->name : std::string(name);
  }

  Draft& draft_;
};

}  // namespace

void validate(Draft& draft) {
  Tree& tree = *draft.tree;
  if (tree.root == nullptr) {
    draft.refuse("/configure", "there is no configuration: 'configure' expected");
    return;
  }
  const LY_ERR completed = lyd_new_implicit_tree(tree.root, LYD_IMPLICIT_NO_STATE, nullptr);
  SEGW_ASSERT(completed == LY_SUCCESS);
  Validator(draft).check(tree.root);
  if (!draft.findings.empty()) return;
  if (lyd_validate_all(&tree.root, tree.schema().context(), LYD_VALIDATE_NO_STATE, nullptr) !=
      LY_SUCCESS) {
    draft.refuse("/configure", tree.schema().take_last_error());
  }
}

}  // namespace segw::config
