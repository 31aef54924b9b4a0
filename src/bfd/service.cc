#include "bfd/service.h"

#include <algorithm>

namespace segw::bfd {
namespace {

constexpr int kSourcePortTries = 16;

uint16_t port_of(Path path) { return path == Path::SingleHop ? kSingleHopPort : kMultiHopPort; }

std::map<std::string, uint64_t> copied(const Counters& counters) {
  return {counters.all().begin(), counters.all().end()};
}

}  // namespace

Service::~Service() {
  if (timer_) prompt_.scheduler.cancel(*timer_);
  if (second_look_) prompt_.scheduler.cancel(*second_look_);
  for (Peer& peer : peers_) {
    peer.session.give_up();
    flush(peer);
  }
}

Result<void> Service::add(PeerSettings settings) {
  if (auto heard = listen(settings.local, settings.path); !heard) return heard;
  const Instant now = prompt_.clock.now();
  const uint32_t discriminator = new_discriminator();
  const SessionSettings session{
      .discriminator = discriminator,
      .desired_min_tx = settings.transmit_interval,
      .required_min_rx = settings.receive_interval,
      .detect_multiplier = settings.multiplier,
      .keys = settings.keys,
      .first_sequence = static_cast<uint32_t>(prompt_.rng.next()),
  };
  Peer peer{.number = peers_.size(),
            .settings = std::move(settings),
            .session = Session(session, now),
            .changed_at = now};
  if (auto opened = open_source(peer); !opened) return opened;
  peers_.push_back(std::move(peer));
  settle(peers_.back());
  arm();
  return {};
}

void Service::renew_keys(size_t session, const Keys& keys) {
  Peer& peer = peers_.at(session);
  peer.settings.keys = keys;
  peer.session.renew_keys(keys);
}

Result<void> Service::listen(const IpAddress& local, Path path) {
  const Endpoint at{.address = local, .port = port_of(path)};
  if (listening_.contains(at)) return {};
  auto socket = prompt_.datagrams.open(
      at, [this, local, path](const Endpoint& from, uint8_t ttl, ByteView bytes) {
        on_datagram(local, path, from, ttl, bytes);
      });
  if (!socket) return tl::unexpected(socket.error());
  listening_.emplace(at, std::move(*socket));
  return {};
}

// RFC 5881 4: "The source port MUST be in the range 49152 through 65535. The same UDP source port
// number MUST be used for all BFD Control packets associated with a particular session. The source
// port number SHOULD be unique among all BFD sessions on the system."
Result<void> Service::open_source(Peer& peer) {
  Error last;
  for (int attempt = 0; attempt < kSourcePortTries; ++attempt) {
    const auto port =
        static_cast<uint16_t>(kSourcePortMin + prompt_.rng.below(0x10000 - kSourcePortMin));
    if (std::ranges::find(peers_, port, &Peer::source_port) != peers_.end()) continue;
    auto socket = prompt_.datagrams.open(
        Endpoint{.address = peer.settings.local, .port = port},
        [this](const Endpoint&, uint8_t, ByteView) { counters_.add("bad-port"); });
    if (socket) {
      peer.socket = std::move(*socket);
      peer.source_port = port;
      return {};
    }
    last = socket.error();
  }
  return tl::unexpected(last);
}

uint32_t Service::new_discriminator() {
  while (true) {
    const auto drawn = static_cast<uint32_t>(prompt_.rng.next());
    const bool taken = std::ranges::any_of(
        peers_, [&](const Peer& peer) { return peer.session.discriminator() == drawn; });
    if (drawn != 0 && !taken) return drawn;
  }
}

// RFC 5880 6.8.6: "If the Your Discriminator field is nonzero, it MUST be used to select the
// session with which this BFD packet is associated." Else by the addresses, as RFC 5881 3 and RFC
// 5883 4.1 have it; a single-hop session is never selected by what came to the multihop port.
Service::Peer* Service::find(const ControlPacket& packet, const IpAddress& local, Path path,
                             const IpAddress& from) {
  const auto at = std::ranges::find_if(peers_, [&](const Peer& peer) {
    if (peer.settings.path != path) return false;
    if (packet.your_discriminator != 0) {
      return peer.session.discriminator() == packet.your_discriminator;
    }
    return peer.settings.local == local && peer.settings.peer == from;
  });
  return at == peers_.end() ? nullptr : &*at;
}

void Service::on_datagram(const IpAddress& local, Path path, const Endpoint& from, uint8_t ttl,
                          ByteView bytes) {
  // RFC 5881 5: "all received BFD Control packets that are demultiplexed to the session MUST be
  // discarded if the received TTL or Hop Limit is not equal to 255", with authentication MAY.
  if (path == Path::SingleHop && ttl != kTtl) {
    counters_.add("bad-ttl");
    return;
  }
  const auto packet = decode_control(bytes);
  if (!packet) {
    counters_.add("bad-" + packet.error().field);
    return;
  }
  Peer* const peer = find(*packet, local, path, from.address);
  if (peer == nullptr) {
    counters_.add("unknown-session");
    return;
  }
  if (peer->session.receive(*packet, bytes, prompt_.clock.now())) ++peer->received;
  settle(*peer);
  arm();
}

// What is lost may wait in a socket while we were late: sockets have their turn before the second
// look.
void Service::on_time() {
  const Instant now = prompt_.clock.now();
  latest_ = std::max(latest_, now - due_);
  for (Peer& peer : peers_) {
    if (peer.session.silent(now) && !second_look_) {
      second_look_ = prompt_.scheduler.at(now, [this] { look_at_silence(); });
    }
    settle(peer);
  }
  arm();
}

void Service::look_at_silence() {
  second_look_.reset();
  for (Peer& peer : peers_) {
    peer.session.on_silence(prompt_.clock.now());
    settle(peer);
  }
  arm();
}

void Service::settle(Peer& peer) {
  flush(peer);
  const State state = peer.session.state();
  const Says says = peer.session.says();
  if (state == peer.told_state && says == peer.told_says) return;
  if (state == State::Up) ++peer.ups;
  if (peer.told_state == State::Up) ++peer.downs;
  peer.changed_at = prompt_.clock.now();
  peer.told_state = state;
  peer.told_says = says;
  tell_(News{.session = peer.number,
             .says = says,
             .state = state,
             .diagnostic = peer.session.diagnostic(),
             .discriminator = peer.session.discriminator()});
}

void Service::flush(Peer& peer) {
  const Endpoint to{.address = peer.settings.peer, .port = port_of(peer.settings.path)};
  while (true) {
    const uint64_t random = prompt_.rng.next();
    const auto packet = peer.session.next_packet(prompt_.clock.now(), random);
    if (!packet) return;
    peer.socket->send(to, *packet);
    ++peer.sent;
  }
}

void Service::arm() {
  std::optional<Instant> due;
  for (const Peer& peer : peers_) {
    auto each = peer.session.due();
    // Already looked at, and looked at again in a moment.
    if (each && second_look_ && *each <= prompt_.clock.now()) continue;
    if (each && (!due || *each < *due)) due = each;
  }
  if (timer_ && due && *due == due_) return;
  if (timer_) prompt_.scheduler.cancel(*timer_);
  timer_.reset();
  if (!due) return;
  due_ = *due;
  timer_ = prompt_.scheduler.at(due_, [this] {
    timer_.reset();
    on_time();
  });
}

std::vector<SessionStatus> Service::status() const {
  std::vector<SessionStatus> all;
  for (const Peer& peer : peers_) {
    const Session& session = peer.session;
    all.push_back(SessionStatus{.local = peer.settings.local,
                                .peer = peer.settings.peer,
                                .path = peer.settings.path,
                                .authenticated = !peer.settings.keys.empty(),
                                .state = session.state(),
                                .remote_state = session.remote_state(),
                                .diagnostic = session.diagnostic(),
                                .remote_diagnostic = session.remote_diagnostic(),
                                .discriminator = session.discriminator(),
                                .remote_discriminator = session.remote_discriminator(),
                                .source_port = peer.source_port,
                                .multiplier = peer.settings.multiplier,
                                .transmit_interval = session.transmit_interval(),
                                .receive_interval = session.receive_interval(),
                                .detection_time = session.detection_time(),
                                .sent = peer.sent,
                                .received = peer.received,
                                .ups = peer.ups,
                                .downs = peer.downs,
                                .changed_at = peer.changed_at,
                                .by_second_key = session.by_second_key(),
                                .discarded = copied(session.discarded())});
  }
  return all;
}

}  // namespace segw::bfd
