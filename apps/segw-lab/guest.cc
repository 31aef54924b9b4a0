#include "guest.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <thread>

#include "foreign.h"
#include "strongswan.h"

namespace segw::lab {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kPoll{20};
constexpr std::string_view kUml = "linux.uml";
constexpr std::string_view kMemory = "192M";

// What kernel ESP needs; the guest's kernel has them as modules.
constexpr std::string_view kModules =
    "ipv6 esp4 esp6 gcm ccm authenc authencesn xfrm_user xfrm4_tunnel tunnel6 xfrm6_tunnel af_key "
    "cbc "
    "ctr seqiv echainiv chacha20poly1305 sha256_generic sha512_generic cmac xcbc tun";

std::vector<const End*> cards(const Topology& topology, const std::string& node) {
  std::vector<const End*> found;
  for (const Link& link : topology.links) {
    for (const End& end : link.ends) {
      if (end.node == node) found.push_back(&end);
    }
  }
  return found;
}

std::string network_lines(const Topology& topology, const Node& node) {
  std::string lines = "link set lo up\n";
  for (const std::string& address : node.loopback) {
    lines += fmt::format("address add {} dev lo\n", address);
  }
  size_t number = 0;
  for (const End* card : cards(topology, node.name)) {
    lines += fmt::format("link set dev vec{} name {}\n", number++, card->device);
    for (const std::string& address : card->addresses) {
      lines += fmt::format("address add {} dev {}{}\n", address, card->device,
                           address.find(':') == std::string::npos ? "" : " nodad");
    }
    lines += fmt::format("link set dev {} up\n", card->device);
  }
  for (const std::string& route : node.routes) lines += fmt::format("route add {}\n", route);
  return lines;
}

std::string daemon_line(const State& state, const Node& node) {
  const fs::path folder = state.node_folder(node.name);
  if (node.kind != NodeKind::StrongSwan) return foreign_daemon_lines(folder, node);
  return fmt::format("STRONGSWAN_CONF={}/strongswan.conf {} &\n", folder.string(), kCharon);
}

std::string script(const State& state, const Topology& topology, const Node& node) {
  return fmt::format(R"(#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
folder={0}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
# An empty /run in which the node's folder is still seen.
mount --bind "$folder" /mnt
mount -t tmpfs tmpfs /run
mkdir -p "$folder"
mount --move /mnt "$folder"
exec >>"$folder/output" 2>&1
mkdir -p /dev/net /run/root/lib/modules
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
mount --bind /usr/lib/uml/modules /run/root/lib/modules
# The kernel asks for modules by itself too (ciphers), and there is no /lib/modules.
printf '#!/bin/sh\nexec /usr/sbin/modprobe -d /run/root "$@"\n' >/run/modprobe
chmod 755 /run/modprobe
echo /run/modprobe >/proc/sys/kernel/modprobe
modprobe -d /run/root -a {1}
{4}ip -batch - <<'END'
{2}END
{3}
exec python3 "$folder/agent" "$folder/jobs"
)",
                     state.node_folder(node.name).string(), kModules, network_lines(topology, node),
                     daemon_line(state, node),
                     topology.ipv6 ? "" : "sysctl -qw net.ipv6.conf.all.disable_ipv6=1\n");
}

// Runs what appears as NAME.job, its words separated by zero bytes, and leaves NAME.rc when its
// output is whole. One process in the guest for each command, since starting one is slow there.
constexpr std::string_view kAgent = R"(import os, pathlib, subprocess, sys, threading, time

def work(job):
    words = job.read_text().split("\0")[:-1]
    stem = str(job)[:-len(".doing")]
    with open(stem + ".out", "wb") as out, open(stem + ".err", "wb") as err:
        try:
            code = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err).returncode
        except OSError as fault:
            err.write(f"{fault}\n".encode())
            code = 127
    pathlib.Path(stem + ".code").write_text(str(code % 256))
    os.rename(stem + ".code", stem + ".rc")

while True:
    for name in os.listdir(sys.argv[1]):
        if name.endswith(".job"):
            job = pathlib.Path(sys.argv[1], name[:-len(".job")] + ".doing")
            os.rename(os.path.join(sys.argv[1], name), job)
            threading.Thread(target=work, args=(job,), daemon=True).start()
    time.sleep(0.02)
)";

Result<> write_file(const fs::path& file, std::string_view text) {
  std::ofstream out(file);
  out << text;
  if (!out.flush()) return failure(fmt::format("{}: not written", file.string()));
  return {};
}

}  // namespace

Result<> write_guest_files(const State& state, const Topology& topology, const Node& node) {
  const fs::path folder = state.node_folder(node.name);
  std::error_code error;
  fs::create_directory(folder / "jobs", error);
  if (auto done = write_file(folder / "agent", kAgent); !done) return done;
  if (auto done = write_file(folder / "guest", script(state, topology, node)); !done) return done;
  fs::permissions(folder / "guest", fs::perms::owner_all, error);
  if (error) return failure(fmt::format("{}: {}", node.name, error.message()));
  return {};
}

Spawn guest_spawn(const State& state, const Topology& topology, const Node& node) {
  const fs::path folder = state.node_folder(node.name);
  Spawn spawn{.argv = {std::string(kUml), fmt::format("mem={}", kMemory), "root=/dev/root",
                       "rootfstype=hostfs", "rootflags=/", "rw",
                       fmt::format("init={}/guest", folder.string()), "con=null", "con0=null,fd:1",
                       "quiet"},
              .netns = state.netns(node.name),
              .output_file = folder / "console.log",
              .environment = {{"HOME", folder.string()}}};
  size_t number = 0;
  for (const End* card : cards(topology, node.name)) {
    spawn.argv.push_back(
        fmt::format("vec{}:transport=raw,ifname={},depth=128,gro=1", number++, card->device));
  }
  return spawn;
}

Result<GuestAnswer> guest_run(const fs::path& node_folder, const std::vector<std::string>& argv,
                              milliseconds patience) {
  static int runs = 0;
  const std::string name = fmt::format("{}.{}", ::getpid(), ++runs);
  const fs::path stem = node_folder / "jobs" / name;
  const auto part = [&](const char* kind) { return fs::path(stem.string() + kind); };
  std::string words;
  for (const std::string& word : argv) words += word + '\0';
  if (auto done = write_file(part(".new"), words); !done) return tl::unexpected(done.error());
  std::error_code error;
  fs::rename(part(".new"), part(".job"), error);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!fs::exists(part(".rc"), error)) {
    if (std::chrono::steady_clock::now() > end) {
      return failure(fmt::format("{}: no answer of the guest", argv[0]));
    }
    std::this_thread::sleep_for(kPoll);
  }
  const std::string code = contents(part(".rc"));
  int exit_code = 0;
  if (std::from_chars(code.data(), code.data() + code.size(), exit_code).ec != std::errc{}) {
    return failure(fmt::format("{}: '{}' is no exit code", argv[0], code));
  }
  GuestAnswer answer{
      .exit_code = exit_code, .output = contents(part(".out")), .errors = contents(part(".err"))};
  for (const char* kind : {".doing", ".out", ".err", ".rc"}) fs::remove(part(kind), error);
  return answer;
}

}  // namespace segw::lab
