#include "foreign.h"

#include <fmt/format.h>

namespace segw::lab {
namespace {

namespace fs = std::filesystem;

// Its paths are compiled in: what the package has in /usr/libexec takes that folder's place.
std::string libreswan_lines(const fs::path& folder, const Node& node) {
  return fmt::format(R"(mount --bind {1}/usr/libexec /usr/libexec
mkdir -p /run/pluto {0}/nss
PATH=$PATH:{1}/usr/bin certutil -N -d sql:{0}/nss --empty-password
/usr/libexec/ipsec/pluto --nofork --config {2} --secretsfile {3}/ipsec.secrets \
  --nssdir {0}/nss --rundir /run/pluto --logfile {0}/daemon.log &
until [ -S /run/pluto/pluto.ctl ]; do sleep 0.05; done
for try in 1 2 3 4 5; do
  /usr/libexec/ipsec/addconn --ctlsocket /run/pluto/pluto.ctl --config {2} --autoall && break
  sleep 0.2
done
/usr/libexec/ipsec/whack --ctlsocket /run/pluto/pluto.ctl --listen
touch /run/ready
)",
                     folder.string(), node.peer.tree, node.peer.config_file,
                     fs::path(node.peer.config_file).parent_path().string());
}

// iked wants what its package would have made in /etc: a user to give up its rights to, a key.
std::string openiked_lines(const fs::path& folder, const Node& node) {
  return fmt::format(R"(cp -a /etc /run/etc
mount --bind /run/etc /etc
echo '_iked:x:499:65534::/run/iked:/usr/sbin/nologin' >>/etc/passwd
mkdir -p /run/iked /etc/iked/{{ca,certs,crls,private,pubkeys/{{ipv4,ipv6,fqdn,ufqdn}}}}
pki --gen --type ecdsa --size 256 --outform pem >/etc/iked/private/local.key
pki --pub --in /etc/iked/private/local.key --outform pem >/etc/iked/local.pub
cp {2} /etc/iked.conf
chmod -R go= /etc/iked.conf /etc/iked/private
{1}/usr/sbin/iked -S -d -v -f /etc/iked.conf >{0}/daemon.log 2>&1 &
touch /run/ready
)",
                     folder.string(), node.peer.tree, node.peer.config_file);
}

}  // namespace

std::string foreign_daemon_lines(const fs::path& folder, const Node& node) {
  const std::string libraries = fmt::format(
      "export LD_LIBRARY_PATH={0}/usr/lib/x86_64-linux-gnu:{0}/usr/lib/aarch64-linux-gnu\n",
      node.peer.tree);
  return libraries + (node.kind == NodeKind::Libreswan ? libreswan_lines(folder, node)
                                                       : openiked_lines(folder, node));
}

std::vector<std::string> foreign_ready_command(const Node& /*node*/) {
  return {"test", "-e", "/run/ready"};
}

}  // namespace segw::lab
