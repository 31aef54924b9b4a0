#pragma once

#include <libyang/libyang.h>
#include <libyang/plugins_types.h>

#include <string>
#include <string_view>
#include <vector>

namespace segw::config {

struct YangModule {
  const char* name;
  const char* text;
};
const std::vector<YangModule>& yang_modules();  // made at build time, in loading order

// The compiled modules. libyang's messages stay in its context, where last_error() reads them;
// nothing is printed.
class Schema {
 public:
  Schema();
  ~Schema();
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  [[nodiscard]] ly_ctx* context() const { return context_; }
  // The child of `parent` (nullptr: the top) with that name, through choices and cases.
  [[nodiscard]] const lysc_node* child(const lysc_node* parent, std::string_view name) const;
  [[nodiscard]] std::vector<const lysc_node*> children(const lysc_node* parent) const;
  // libyang's last message, which is then forgotten.
  [[nodiscard]] std::string take_last_error() const;

 private:
  ly_ctx* context_ = nullptr;
  const lys_module* top_ = nullptr;
};

[[nodiscard]] bool is_secret(const lysc_node* leaf);
[[nodiscard]] const lysc_type* type_of(const lysc_node* leaf);  // of a leaf or leaf-list
[[nodiscard]] std::vector<const lysc_node*> keys_of(const lysc_node* list);
// What a value of this type looks like: "a number 5..500", "enable or disable".
[[nodiscard]] std::string expected_value(const lysc_type* type);
// The name among `names` that was probably meant, or nothing.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& names);

}  // namespace segw::config
