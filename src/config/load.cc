#include "config/load.h"

#include <fmt/format.h>

#include "config/build.h"
#include "config/reader.h"
#include "config/settings.h"
#include "config/tree.h"
#include "config/validate.h"

namespace segw::config {
namespace {

constexpr const char* kMasked = "********";

// The typed configuration holds the secrets, wiped when it goes; the tree must not hold them too.
void mask_secrets(lyd_node* node) {
  lyd_node* child = nullptr;
  LY_LIST_FOR(lyd_child(node), child) {
    if (child->schema->nodetype == LYS_LEAF) {
      if (is_secret(child->schema)) (void)lyd_change_term(child, kMasked);
    } else {
      mask_secrets(child);
    }
  }
}

}  // namespace

std::shared_ptr<const Config> build(Draft& draft, const PortsMap& ports) {
  auto config = std::make_shared<Config>();
  const View root = View::root(draft);
  if (root.at("system").at("name").exists()) config->system_name = root.at("system").text("name");
  config->domains = build_domains(root);
  build_isa(root, *config);
  build_services(root, ports, *config);
  config->peers = build_peers(root, *config);
  build_shunts(root, *config);
  check_domains(root, *config);
  const IpsecParts parts = build_ipsec(root.at("ipsec"));
  build_pki(root, *config);
  build_tunnels(root, parts, *config);
  build_gateways(root, parts, *config);
  check_addresses(root, *config);
  return config;
}

std::shared_ptr<const Schema> make_schema() { return std::make_shared<const Schema>(); }

tl::expected<Loaded, ConfigErrors> load(std::string_view text, const PortsMap& ports) {
  return load(make_schema(), text, ports);
}

tl::expected<Loaded, ConfigErrors> load(const std::shared_ptr<const Schema>& schema,
                                        std::string_view text, const PortsMap& ports) {
  if (text.size() > kTextBytesMax) {
    return tl::unexpected(
        ConfigErrors{ConfigError{.line = 0,
                                 .column = 0,
                                 .path = "",
                                 .text = fmt::format("the text has {} bytes, at most {} are read",
                                                     text.size(), kTextBytesMax)}});
  }
  Draft draft(schema);
  Reader(draft, text).read();
  validate(draft);
  auto config = build(draft, ports);
  if (!draft.findings.empty()) return tl::unexpected(draft.findings.take());
  auto settings = std::make_shared<const Settings>(settings_of(*draft.tree));
  mask_secrets(draft.tree->root);
  return Loaded{.config = std::move(config),
                .tree = std::move(draft.tree),
                .settings = std::move(settings),
                .warnings = std::move(draft.warnings)};
}

}  // namespace segw::config
