#include "bfd/sessions.h"

namespace segw::bfd {

Sessions::Sessions(platform::PromptLoop& loop, std::function<void(const News&)> heard)
    : loop_(loop), heard_(std::make_shared<std::function<void(const News&)>>(std::move(heard))) {
  const std::weak_ptr listener(heard_);
  loop_.run([this, listener](platform::Prompt& prompt) {
    service_ = std::make_unique<Service>(prompt, [&loop = loop_, listener](const News& news) {
      loop.tell([listener, news] {
        if (const auto still = listener.lock()) (*still)(news);
      });
    });
  });
}

Sessions::~Sessions() {
  loop_.run([this](platform::Prompt&) { service_.reset(); });
}

Result<void> Sessions::add(const PeerSettings& settings) {
  Result<void> added;
  loop_.run([&](platform::Prompt&) { added = service_->add(settings); });
  return added;
}

void Sessions::renew_keys(size_t session, const Keys& keys) {
  loop_.run([&](platform::Prompt&) { service_->renew_keys(session, keys); });
}

Status Sessions::status() const {
  Status status;
  loop_.run([&](platform::Prompt&) {
    const auto& discarded = service_->counters().all();
    status = Status{.sessions = service_->status(),
                    .discarded = {discarded.begin(), discarded.end()},
                    .latest = service_->latest()};
  });
  return status;
}

}  // namespace segw::bfd
