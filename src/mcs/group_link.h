#pragma once

// Between a group and one of its links: what each uses of the other. Internal to the room.

#include <string>

#include "mcs/mcs_codec.h"
#include "mcs/mcs_service.h"

namespace segw::mcs {

// Who is on the link: the messages of this name are its own.
class LinkUser {
 public:
  virtual ~LinkUser() = default;
  [[nodiscard]] virtual const GroupName& name() const = 0;
  virtual void on_link(bool up) = 0;
  virtual void on_message(const pb::Group& message) = 0;
};

class GroupLink {
 public:
  virtual ~GroupLink() = default;
  virtual void join(LinkUser& user) = 0;
  virtual void leave(LinkUser& user) = 0;
  // Dropped while the link is down, and if the session's version has no such message.
  virtual void send(const pb::Frame& frame) = 0;
  [[nodiscard]] virtual bool up() const = 0;
  // Of the session, or of the last one.
  [[nodiscard]] virtual uint32_t version() const = 0;
  [[nodiscard]] virtual size_t unsent() const = 0;
  [[nodiscard]] virtual Counters& counters_of_link() = 0;
  virtual void note(std::string text) = 0;  // into the link's history
};

}  // namespace segw::mcs
