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
std::string strongswan_conf(const fs::path& folder) {
  return fmt::format(
      R"(charon {{
  load_modular = no
  load = random nonce aes aesni gcm sha1 sha2 hmac kdf openssl curve25519 pem pkcs1 x509 pubkey kernel-libipsec kernel-netlink socket-default vici updown
  install_routes = yes
  plugins {{
    vici {{
      socket = {0}
    }}
  }}
  filelog {{
    log {{
      path = {1}
      default = 1
      flush_line = yes
    }}
  }}
}}
)",
      vici_uri(folder), (folder / "charon.log").string());
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
  std::string connections = "connections {\n";
  std::string secrets = "secrets {\n";
  for (const Connection& connection : node.connections) {
    connections += connection_text(connection);
    secrets += secret_text(connection);
  }
  if (auto done = write_file(folder / "swanctl.conf", connections + "}\n" + secrets + "}\n");
      !done) {
    return done;
  }
  return write_file(folder / "strongswan.conf", strongswan_conf(folder));
}

Result<> vici_answers(const fs::path& folder) {
  const auto stats = run({"swanctl", "--stats", "--uri", vici_uri(folder)});
  return stats ? Result<>{} : Result<>(tl::unexpected(stats.error()));
}

Result<> load_connections(const fs::path& folder) {
  const auto loaded =
      run({"swanctl", "--load-all", "--file", folder / "swanctl.conf", "--uri", vici_uri(folder)});
  return loaded ? Result<>{} : Result<>(tl::unexpected(loaded.error()));
}

}  // namespace segw::lab
