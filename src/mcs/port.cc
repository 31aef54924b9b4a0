// One listening socket for each source address, whatever the number of peers that connect there.
#include <algorithm>
#include <map>

#include "mcs/mcs_service.h"

namespace segw::mcs {
namespace {

class PortImpl final : public Port {
 public:
  explicit PortImpl(platform::Platform& platform) : platform_(platform) {}

  Result<void> admit(const IpAddress& local, Guest guest) override {
    Listening& listening = listening_[local];
    if (!listening.listener) {
      auto made = platform_.streams.listen(
          Endpoint{.address = local, .port = kPort},
          [this, local](std::string_view identity) { return psk_of(local, identity); },
          [this, local](std::unique_ptr<platform::Stream> stream) {
            return accept(local, std::move(stream));
          });
      if (!made) {
        listening_.erase(local);
        return tl::unexpected(made.error());
      }
      listening.listener = std::move(*made);
    }
    listening.guests.push_back(std::move(guest));
    return {};
  }

  void dismiss(const IpAddress& local, const IpAddress& peer) override {
    const auto at = listening_.find(local);
    if (at == listening_.end()) return;
    std::erase_if(at->second.guests, [&](const Guest& guest) { return guest.peer == peer; });
    if (at->second.guests.empty()) listening_.erase(at);
  }

 private:
  struct Listening {
    std::unique_ptr<platform::Listener> listener;
    std::vector<Guest> guests;
  };

  std::optional<platform::TlsPsk> psk_of(const IpAddress& local, std::string_view identity) {
    for (const Guest& guest : listening_.at(local).guests) {
      if (auto psk = guest.psk(identity)) return psk;
    }
    return std::nullopt;
  }

  platform::StreamHandler* accept(const IpAddress& local,
                                  std::unique_ptr<platform::Stream> stream) {
    const auto& guests = listening_.at(local).guests;
    const auto at = std::ranges::find(guests, stream->remote().address, &Guest::peer);
    // A stranger is refused, and counted, by the first.
    const Guest& host = at != guests.end() ? *at : guests.front();
    return host.accept(std::move(stream));
  }

  platform::Platform& platform_;
  std::map<IpAddress, Listening> listening_;
};

}  // namespace

std::unique_ptr<Port> make_port(platform::Platform& platform) {
  return std::make_unique<PortImpl>(platform);
}

}  // namespace segw::mcs
