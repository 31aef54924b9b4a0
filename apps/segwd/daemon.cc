#include "daemon.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <asio/signal_set.hpp>
#include <cstdio>
#include <filesystem>
#include <map>

#include "apps/text_file.h"
#include "chassis/chassis.h"
#include "chassis/credentials.h"
#include "cli/console.h"
#include "config/load.h"
#include "platform/linux/base_router.h"
#include "platform/linux/control_server.h"
#include "platform/linux/datagrams.h"
#include "platform/linux/folder_files.h"
#include "platform/linux/isas.h"
#include "platform/linux/keeper_link.h"
#include "platform/linux/log.h"
#include "platform/linux/loop.h"
#include "platform/linux/prompt_thread.h"
#include "platform/linux/services.h"
#include "platform/linux/steering.h"
#include "platform/linux/store.h"
#include "platform/linux/streams.h"
#include "platform/linux/workers.h"

namespace segw::daemon {
namespace {

namespace os = platform::os;
constexpr Duration kHeartbeat = std::chrono::milliseconds(100);

void say(const std::string& line) { std::fprintf(stderr, "segwd: %s\n", line.c_str()); }

bool report(const std::string& file, const config::ConfigErrors& errors) {
  for (const config::ConfigError& error : errors) say(file + ": " + config::text(error));
  return false;
}

struct Start {
  config::PortsMap ports;
  config::Loaded loaded;
  std::shared_ptr<const chassis::Credentials> credentials;
};

std::filesystem::path pki_folder(const Options& options) {
  return options.pki_folder.empty() ? std::filesystem::path(options.state_folder) / "pki"
                                    : std::filesystem::path(options.pki_folder);
}

bool load(const Options& options, Start& start) {
  config::PortsMap ports;
  if (!options.ports_file.empty()) {
    const auto text = app::read_text(options.ports_file);
    if (!text) return say(text.error().text), false;
    auto parsed = config::parse_ports(*text);
    if (!parsed) return report(options.ports_file, parsed.error());
    ports = std::move(*parsed);
  }
  const auto text = app::read_text(options.config_file);
  if (!text) return say(text.error().text), false;
  auto result = config::load(*text, ports);
  if (!result) return report(options.config_file, result.error());
  auto credentials =
      chassis::load_credentials(*result->config, os::FolderFiles(pki_folder(options)));
  if (!credentials) return report(options.config_file, credentials.error());
  start = {.ports = std::move(ports),
           .loaded = std::move(*result),
           .credentials = std::move(*credentials)};
  return true;
}

// Error: what is wrong with the file, or where it says more than other keys.
Result<config::Loaded> load_for_keys(const std::string& file, const config::PortsMap& ports,
                                     const config::Settings& running) {
  const auto text = app::read_text(file);
  if (!text) return tl::unexpected(text.error());
  auto loaded = config::load(*text, ports);
  std::string why;
  if (!loaded) {
    why = "keys stay as they were: " + file + " has errors:";
    for (const config::ConfigError& error : loaded.error()) why += "\n" + config::text(error);
    return failure(why);
  }
  const auto differences = config::differences(running, *loaded);
  if (differences.empty()) return std::move(*loaded);
  why = "keys stay as they were: " + file + " differs in more than keys, which takes a restart:";
  for (const std::string& difference : differences) why += "\n" + difference;
  return failure(why);
}

class KeeperSupervisor final : public platform::Supervisor {
 public:
  explicit KeeperSupervisor(int socket) : socket_(socket) {}
  void ready() override { os::send_to_keeper(socket_, os::KeeperMessage::Ready, {}); }

 private:
  int socket_;
};

class Daemon {
 public:
  Daemon(const Options& options, os::Loop& loop, std::unique_ptr<os::FolderStore> store,
         Start start)
      : options_(options),
        loop_(loop),
        store_(std::move(store)),
        ports_(std::move(start.ports)),
        loaded_(std::move(start.loaded)),
        datagrams_(loop),
        streams_(loop),
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a loaded configuration is there
        services_(options.namespace_prefix.empty() ? loaded_.config->system_name
                                                   : options.namespace_prefix),
        isas_(loop, services_, options.keeper_fd),
        log_(loop, options.log_file),
        steering_(loop, services_, log_, options.keeper_fd),
        workers_(loop),
        prompt_(loop),
        supervisor_(options.keeper_fd),
        platform_{.clock = loop,
                  .scheduler = loop,
                  .rng = rng_,
                  .datagrams = datagrams_,
                  .streams = streams_,
                  .services = services_,
                  .isas = isas_,
                  .steering = steering_,
                  .workers = workers_,
                  .store = *store_,
                  .log = log_,
                  .supervisor = supervisor_},
        signals_(loop.io(), SIGTERM, SIGINT),
        hang_up_(loop.io(), SIGHUP),
        pki_(pki_folder(options)),
        chassis_(chassis::make_chassis(platform_, loaded_.config,
                                       {.allow_key_export = options.allow_key_export,
                                        .credentials = std::move(start.credentials),
                                        .prompt = &prompt_})) {}

  int run() {
    log_warnings();
    heartbeat();
    end_on_signal();
    chassis_->start([this](const Result<void>& started) { on_started(started); });
    loop_.run();
    control_.reset();
    steering_.withdraw();
    chassis_.reset();
    services_.remove();
    return exit_code_;
  }

 private:
  // The first one ends orderly, another at once.
  void end_on_signal() {
    signals_.async_wait([this](const std::error_code& error, int) {
      if (error) return;
      if (std::exchange(leaving_, true) || !console_) return loop_.stop();
      end_on_signal();
      chassis_->hand_over_all([this] { loop_.stop(); });
    });
  }

  // One event of each name, whatever the number of places.
  void log_warnings() {
    std::map<std::string, std::string> texts;
    for (const config::ConfigWarning& warning : loaded_.warnings) {
      std::string& text = texts[warning.event];
      text += (text.empty() ? "" : "; ") + config::text(warning.what);
    }
    for (const auto& [event, text] : texts) {
      log_.event(platform::Severity::Warning, event, text);
    }
  }

  void on_started(const Result<void>& started) {
    if (!started) return fail(started.error().text);
    auto opened = os::ControlServer::open(
        loop_, store_->folder() / "control",
        [this](const std::string& command, const os::ControlServer::Reply& reply) {
          console_->run(command, reply);
        });
    if (!opened) return fail(opened.error().text);
    console_.emplace(*chassis_, loaded_, &pki_, [this](auto done) { reload_keys(done); });
    reload_on_hang_up();
    control_ = std::move(*opened);
    log_.event(platform::Severity::Info, "CHASSIS_STARTED",
               "segwd of " + loaded_.config->system_name + " serves");
  }

  // What comes of it is in the log.
  void reload_on_hang_up() {
    hang_up_.async_wait([this](const std::error_code& error, int) {
      if (error) return;
      [[maybe_unused]] const auto logged = chassis_->reload_credentials(pki_);
      reload_keys([](const Result<std::string>&) {});
      reload_on_hang_up();
    });
  }

  // A large configuration takes a while, so a worker reads it. Of what it says only keys are taken.
  void reload_keys(const std::function<void(Result<std::string>)>& done) {
    auto fresh = std::make_shared<Result<config::Loaded>>();
    const auto read = [file = options_.config_file, ports = ports_, running = loaded_.settings,
                       fresh] { *fresh = load_for_keys(file, ports, *running); };
    workers_.run(platform::Lane::Standing, read, [this, fresh, done] {
      if (!*fresh) {
        log_.event(platform::Severity::Major, "MC_KEYS_NOT_RELOADED", fresh->error().text);
        return done(tl::unexpected(fresh->error()));
      }
      // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a loaded configuration is there
      done(chassis_->reload_keys(*(*fresh)->config));
    });
  }

  void fail(const std::string& why) {
    say(why);
    exit_code_ = 1;
    loop_.stop();
  }

  // Sent by the event loop itself: a loop that hangs is silent.
  void heartbeat() {
    os::send_to_keeper(options_.keeper_fd, os::KeeperMessage::Heartbeat, {});
    loop_.at(loop_.now() + kHeartbeat, [this] { heartbeat(); });
  }

  Options options_;
  os::Loop& loop_;
  std::unique_ptr<os::FolderStore> store_;
  config::PortsMap ports_;
  config::Loaded loaded_;
  os::SystemRng rng_;
  os::UdpDatagrams datagrams_;
  os::TlsStreams streams_;
  os::NamespaceServices services_;
  os::KeeperIsas isas_;
  os::EventLogger log_;
  os::NexthopSteering steering_;
  os::WorkerPool workers_;
  os::PromptThread prompt_;
  KeeperSupervisor supervisor_;
  platform::Platform platform_;
  asio::signal_set signals_;
  asio::signal_set hang_up_;
  os::FolderFiles pki_;
  std::unique_ptr<chassis::Chassis> chassis_;
  std::optional<cli::Console> console_;
  std::unique_ptr<os::ControlServer> control_;
  bool leaving_ = false;
  int exit_code_ = 0;
};

}  // namespace

int run(const Options& options) {
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  os::Loop loop;
  auto store = os::FolderStore::open(loop, options.state_folder);
  if (!store) return say(store.error().text), 1;
  Start start;
  if (!load(options, start)) return 1;
  const auto base_router = os::claim_base_router();  // until the process ends
  if (!base_router) return say(base_router.error().text), 1;
  mlockall(MCL_CURRENT | MCL_FUTURE);  // best effort: keys stay out of swap
  Daemon daemon(options, loop, std::move(*store), std::move(start));
  return daemon.run();
}

}  // namespace segw::daemon
