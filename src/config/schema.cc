#include "config/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "base/assert.h"

namespace segw::config {
namespace {

constexpr const char* kTopModule = "opensegw-configure";

template <typename T>
std::span<T> sized_array(T* array) {
  return {array, array == nullptr ? 0 : static_cast<size_t>(LY_ARRAY_COUNT(array))};
}

bool holds_signed(LY_DATA_TYPE type) {
  return type == LY_TYPE_INT8 || type == LY_TYPE_INT16 || type == LY_TYPE_INT32 ||
         type == LY_TYPE_INT64;
}

std::string range_text(const lysc_range* range, bool is_signed) {
  std::vector<std::string> parts;
  for (const auto& part : sized_array(range->parts)) {
    parts.push_back(is_signed ? fmt::format("{}..{}", part.min_64, part.max_64)
                              : fmt::format("{}..{}", part.min_u64, part.max_u64));
  }
  return fmt::format("{}", fmt::join(parts, " or "));
}

std::string whole_range(LY_DATA_TYPE type) {
  switch (static_cast<int>(type)) {
    case LY_TYPE_UINT8:
      return " 0..255";
    case LY_TYPE_UINT16:
      return " 0..65535";
    case LY_TYPE_UINT32:
      return " 0..4294967295";
    default:  // The other numbers carry a range in our modules, or say enough by themselves.
      return "";
  }
}

std::string expected_string(const lysc_type* type) {
  // libyang knows the addresses of ietf-inet-types by plugin; their patterns are unreadable.
  const std::string_view plugin = type->plugin == nullptr ? "" : type->plugin->id;
  if (plugin.find("ipv4-address") != std::string_view::npos) return "an IPv4 address";
  if (plugin.find("ipv6-address") != std::string_view::npos) return "an IPv6 address";
  if (plugin.find("ipv4-prefix") != std::string_view::npos) {
    return "an IPv4 prefix as in 192.0.2.0/24";
  }
  if (plugin.find("ipv6-prefix") != std::string_view::npos) {
    return "an IPv6 prefix as in 2001:db8::/32";
  }
  const auto* string = reinterpret_cast<const lysc_type_str*>(type);
  for (const lysc_pattern* pattern : sized_array(string->patterns)) {
    if (pattern->emsg != nullptr) return pattern->emsg;
  }
  if (string->length == nullptr) return "a text";
  return fmt::format("a text of {} characters", range_text(string->length, false));
}

std::string expected_enum(const lysc_type* type) {
  std::vector<std::string> names;
  for (const auto& item : sized_array(reinterpret_cast<const lysc_type_enum*>(type)->enums)) {
    names.emplace_back(item.name);
  }
  return fmt::format("{}", fmt::join(names, " or "));
}

std::string expected_union(const lysc_type* type) {
  std::vector<std::string> kinds;
  for (const lysc_type* member :
       sized_array(reinterpret_cast<const lysc_type_union*>(type)->types)) {
    kinds.push_back(expected_value(member));
  }
  return fmt::format("{}", fmt::join(kinds, " or "));
}

}  // namespace

Schema::Schema() {
  // libyang's only global setting; every message is stored in the context, none is printed.
  ly_log_options(LY_LOSTORE);
  const LY_ERR made = ly_ctx_new(
      nullptr, LY_CTX_NO_YANGLIBRARY | LY_CTX_DISABLE_SEARCHDIRS | LY_CTX_DISABLE_SEARCHDIR_CWD,
      &context_);
  SEGW_ASSERT(made == LY_SUCCESS);
  for (const YangModule& module : yang_modules()) {
    // The modules are ours and built in: one that does not compile is our own fault.
    const LY_ERR parsed = lys_parse_mem(context_, module.text, LYS_IN_YANG, nullptr);
    SEGW_ASSERT(parsed == LY_SUCCESS);
  }
  top_ = ly_ctx_get_module_implemented(context_, kTopModule);
  SEGW_ASSERT(top_ != nullptr);
}

Schema::~Schema() { ly_ctx_destroy(context_); }

std::vector<const lysc_node*> Schema::children(const lysc_node* parent) const {
  std::vector<const lysc_node*> found;
  const lysc_module* module = parent == nullptr ? top_->compiled : nullptr;
  const lysc_node* node = nullptr;
  while ((node = lys_getnext(node, parent, module, 0)) != nullptr) found.push_back(node);
  return found;
}

const lysc_node* Schema::child(const lysc_node* parent, std::string_view name) const {
  const lysc_module* module = parent == nullptr ? top_->compiled : nullptr;
  const lysc_node* node = nullptr;
  while ((node = lys_getnext(node, parent, module, 0)) != nullptr) {
    if (name == node->name) return node;
  }
  return nullptr;
}

std::string Schema::take_last_error() const {
  const ly_err_item* last = ly_err_last(context_);
  std::string text = last == nullptr || last->msg == nullptr ? "refused" : last->msg;
  ly_err_clean(context_, nullptr);
  return text;
}

bool is_secret(const lysc_node* leaf) {
  return std::ranges::any_of(sized_array(leaf->exts), [](const lysc_ext_instance& extension) {
    return std::string_view(extension.def->name) == "secret";
  });
}

const lysc_type* type_of(const lysc_node* leaf) {
  if (leaf->nodetype == LYS_LEAF) return reinterpret_cast<const lysc_node_leaf*>(leaf)->type;
  return reinterpret_cast<const lysc_node_leaflist*>(leaf)->type;
}

std::vector<const lysc_node*> keys_of(const lysc_node* list) {
  std::vector<const lysc_node*> keys;
  for (const lysc_node* child = lysc_node_child(list); child != nullptr; child = child->next) {
    if (lysc_is_key(child)) keys.push_back(child);
  }
  return keys;
}

std::string expected_value(const lysc_type* type) {
  switch (static_cast<int>(type->basetype)) {
    case LY_TYPE_LEAFREF:
      return expected_value(reinterpret_cast<const lysc_type_leafref*>(type)->realtype);
    case LY_TYPE_BOOL:
      return "true or false";
    case LY_TYPE_EMPTY:
      return "no value";
    case LY_TYPE_ENUM:
      return expected_enum(type);
    case LY_TYPE_STRING:
      return expected_string(type);
    case LY_TYPE_UNION:
      return expected_union(type);
    default:
      break;
  }
  const auto* number = reinterpret_cast<const lysc_type_num*>(type);
  if (number->range == nullptr) return "a number" + whole_range(type->basetype);
  return "a number " + range_text(number->range, holds_signed(type->basetype));
}

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  constexpr size_t kEditsMax = 2;
  constexpr size_t kWordMax = 64;  // bounds the table below
  if (word.size() > kWordMax) return "";
  std::string best;
  size_t best_edits = kEditsMax + 1;
  for (const std::string& name : names) {
    std::vector<size_t> row(name.size() + 1);
    for (size_t j = 0; j <= name.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= word.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= name.size(); ++j) {
        const size_t replaced = diagonal + (word[i - 1] == name[j - 1] ? 0U : 1U);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    if (row.back() < best_edits && row.back() < word.size()) {
      best_edits = row.back();
      best = name;
    }
  }
  return best;
}

}  // namespace segw::config
