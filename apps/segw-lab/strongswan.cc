#include "strongswan.h"

#include <fmt/format.h>

#include <fstream>

#include "process.h"

namespace segw::lab {
namespace {

namespace fs = std::filesystem;

std::string vici_uri(const fs::path& folder) {
  return fmt::format("unix://{}", (folder / "vici").string());
}

// kernel-libipsec stands before kernel-netlink: the first that offers ESP wins.
std::string plugins(const Node& node) {
  return fmt::format(
      "random nonce drbg aes aesni gcm ccm ctr cmac xcbc chapoly sha1 sha2 md5 hmac kdf mgf1 "
      "openssl "
      "curve25519 pem pkcs1 pkcs8 x509 revocation constraints pubkey {}kernel-netlink "
      "socket-default vici updown",
      node.guest ? "" : "kernel-libipsec ");
}

std::string strongswan_conf(const fs::path& folder, const Node& node) {
  std::string more;
  for (const auto& [key, value] : node.peer.settings)
    more += fmt::format("  {} = {}\n", key, value);
  return fmt::format(
      R"(charon {{
  load_modular = no
  load = {0}
  install_routes = yes
{3}  plugins {{
    vici {{
      socket = {1}
    }}
  }}
  filelog {{
    log {{
      path = {2}
      default = 1
      ike_name = yes
      flush_line = yes
    }}
  }}
}}
)",
      plugins(node), vici_uri(folder), (folder / "charon.log").string(), more);
}

std::string connection_text(const Connection& connection) {
  return fmt::format(
      R"(  {0} {{
    version = 2
    local_addrs = {1}
    remote_addrs = {2}
    proposals = {3}
    local {{
      auth = psk
      id = {1}
    }}
    remote {{
      auth = psk
      id = {2}
    }}
    children {{
      {0} {{
        local_ts = {4}
        remote_ts = {5}
        esp_proposals = {6}
      }}
    }}
  }}
)",
      connection.name, connection.local, connection.remote, connection.ike, connection.local_ts,
      connection.remote_ts, connection.esp);
}

std::string secret_text(const Connection& connection) {
  return fmt::format("  ike-{0} {{\n    id-1 = {1}\n    id-2 = {2}\n    secret = \"{3}\"\n  }}\n",
                     connection.name, connection.local, connection.remote, connection.psk);
}

Result<> write_file(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text;
  if (!out.flush()) return failure(fmt::format("{}: not written", file.string()));
  return {};
}

}  // namespace

Result<> write_strongswan_files(const fs::path& folder, const Node& node) {
  if (auto done = write_file(folder / "strongswan.conf", strongswan_conf(folder, node)); !done) {
    return done;
  }
  if (!node.peer.config_file.empty()) return {};
  std::string connections = "connections {\n";
  std::string secrets = "secrets {\n";
  for (const Connection& connection : node.connections) {
    connections += connection_text(connection);
    secrets += secret_text(connection);
  }
  return write_file(folder / "swanctl.conf", connections + "}\n" + secrets + "}\n");
}

std::vector<std::string> vici_ready_command(const fs::path& folder) {
  return {"swanctl", "--stats", "--uri", vici_uri(folder)};
}

std::vector<std::string> load_command(const fs::path& folder, const Node& node) {
  const fs::path file =
      node.peer.config_file.empty() ? folder / "swanctl.conf" : fs::path(node.peer.config_file);
  return {"env",     "SWANCTL_DIR=" + file.parent_path().string(),
          "swanctl", "--load-all",
          "--file",  file.string(),
          "--uri",   vici_uri(folder)};
}

}  // namespace segw::lab
